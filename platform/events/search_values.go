package events

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// pathKey tells lists of keys apart.
func pathKey(keys []any) string {
	var b strings.Builder
	for _, k := range keys {
		text := fmt.Sprint(k)
		b.WriteString(strconv.Itoa(len(text)) + ":" + text)
	}
	return b.String()
}

// keyValue is a bucket's key as it is told.
func keyValue(a Agg, v any) any {
	if us, ok := v.(int64); ok && a.What == Histogram {
		return time.UnixMicro(us).UTC()
	}
	if f, ok := number(v); ok {
		return f
	}
	return v
}

// appendNumbers appends the n numbers of a cell, which has a list where they are several.
func appendNumbers(dst []*float64, cell any, n int) []*float64 {
	list, isList := cell.([]any)
	if !isList {
		list = make([]any, n)
		if n == 1 {
			list[0] = cell
		}
	}
	for _, v := range list {
		f, ok := number(v)
		if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
			dst = append(dst, nil)
			continue
		}
		dst = append(dst, &f)
	}
	return dst
}

func whole(v any) int64 {
	f, _ := number(v)
	return int64(f)
}

// number reads what a column of numbers gives.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int32:
		return float64(n), true
	case int16:
		return float64(n), true
	}
	return 0, false
}
