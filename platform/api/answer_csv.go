package api

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
)

type csvAnswer struct {
	ContentType string `header:"Content-Type" doc:"text/csv" example:"text/csv; charset=utf-8"`
	Disposition string `header:"Content-Disposition" doc:"attachment" example:"attachment; filename=\"gatemeter-analysis.csv\""`
	Body        []byte
}

// csvOf writes an answer as a table (RFC 4180).
func csvOf(a QuestionAnswer) (*csvAnswer, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	for _, record := range recordsOf(a) {
		for i := range record {
			record[i] = cell(record[i])
		}
		if err := w.Write(record); err != nil {
			return nil, fmt.Errorf("csv: %w", err)
		}
	}
	w.Flush()
	return &csvAnswer{
		ContentType: "text/csv; charset=utf-8",
		Disposition: `attachment; filename="gatemeter-` + a.Kind + `.csv"`,
		Body:        b.Bytes(),
	}, w.Error()
}

// cell keeps a spreadsheet from running what a caller sent as a formula.
func cell(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}

func recordsOf(a QuestionAnswer) [][]string {
	switch {
	case a.Funnel != nil:
		records := [][]string{{"step", "customers", "share", "median_seconds"}}
		for _, s := range a.Funnel.Steps {
			records = append(records, []string{s.Name, strconv.FormatInt(s.Customers, 10), number(&s.Share), number(s.MedianSeconds)})
		}
		return records
	case a.Retention != nil:
		records := [][]string{{"week", "customers"}}
		for i := range a.Retention.Cohorts {
			records[0] = append(records[0], "week_"+strconv.Itoa(i))
		}
		for _, c := range a.Retention.Cohorts {
			record := []string{c.Week.Format(time.DateOnly), strconv.FormatInt(c.Customers, 10)}
			for _, n := range c.Active {
				record = append(record, strconv.FormatInt(n, 10))
			}
			for len(record) < len(records[0]) {
				record = append(record, "")
			}
			records = append(records, record)
		}
		return records
	}
	return analysisRecords(a.Analysis)
}

// analysisRecords has a record for each group, or for each group and interval.
func analysisRecords(a *AnalysisAnswer) [][]string {
	header := append([]string{}, a.Groups...)
	if len(a.Times) > 0 {
		header = append([]string{"time"}, header...)
	}
	header = append(header, a.Metrics...)
	compared := len(a.Lines) > 0 && a.Lines[0].Before != nil
	if compared {
		for _, m := range a.Metrics {
			header = append(header, m+"_before")
		}
	}
	records := [][]string{header}
	values := func(record []string, now, before []*float64) []string {
		for _, v := range now {
			record = append(record, number(v))
		}
		if compared {
			for _, v := range before {
				record = append(record, number(v))
			}
		}
		return record
	}
	for _, line := range a.Lines {
		keys := append([]string{}, line.Keys...)
		if line.Others && len(keys) > 0 {
			keys[0] = "(others)"
		}
		if len(a.Times) == 0 {
			records = append(records, values(keys, line.Values, line.Before))
			continue
		}
		for i, t := range a.Times {
			var before []*float64
			if compared {
				before = line.PointsBefore[i]
			}
			records = append(records, values(append([]string{t.Format(time.RFC3339)}, keys...), line.Points[i], before))
		}
	}
	return records
}

func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}
