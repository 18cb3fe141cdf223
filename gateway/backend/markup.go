package backend

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/clbanning/mxj/v2"
	"github.com/mmcdole/gofeed"
	"go.yaml.in/yaml/v3"
	"golang.org/x/net/html/charset"
)

// maxXMLDepth bounds how deep elements may be nested: their readers go down with them.
const maxXMLDepth = 10_000

var errTooDeep = errors.New("decoding XML: too deeply nested")

// charsets makes mxj read other character sets than UTF-8; it has one setting for all.
var charsets = sync.OnceFunc(func() { mxj.XmlCharsetReader = charset.NewReaderLabel })

// newXMLDecoder makes an object of the root element: attributes begin with "-", text
// beside them is "#text", values are text. With isCollection the object is under
// collection (KrakenD v3, 1.7).
func newXMLDecoder(isCollection bool) decoder {
	charsets()
	return func(body []byte) (map[string]any, error) {
		if tooDeep(body) {
			return nil, errTooDeep
		}
		object, err := mxj.NewMapXml(body)
		if err != nil {
			return nil, fmt.Errorf("decoding XML: %w", err)
		}
		if isCollection {
			return map[string]any{"collection": map[string]any(object)}, nil
		}
		return object, nil
	}
}

// tooDeep looks closer only at what has enough elements to be too deep.
func tooDeep(body []byte) bool {
	if bytes.Count(body, []byte("<")) <= maxXMLDepth {
		return false
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = charset.NewReaderLabel
	d.Strict = false // whether it is right shows later
	depth := 0
	for {
		token, err := d.RawToken()
		if err != nil {
			return false
		}
		switch token.(type) {
		case xml.StartElement:
			if depth++; depth > maxXMLDepth {
				return true
			}
		case xml.EndElement:
			depth--
		}
	}
}

// decodeRSS reads RSS, Atom and JSON feeds; the keys are those of gofeed's Feed.
func decodeRSS(body []byte) (map[string]any, error) {
	if tooDeep(body) {
		return nil, errTooDeep
	}
	feed, err := gofeed.NewParser().Parse(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("decoding a feed: %w", err)
	}
	text, err := json.Marshal(feed)
	if err != nil {
		return nil, fmt.Errorf("decoding a feed: %w", err)
	}
	return decodeObject(text)
}

// newYAMLDecoder reads the first document: an object, or with isCollection a list.
func newYAMLDecoder(isCollection bool) decoder {
	return func(body []byte) (map[string]any, error) {
		var value any
		if err := yaml.NewDecoder(bytes.NewReader(body)).Decode(&value); err != nil {
			if errors.Is(err, io.EOF) {
				return nil, errors.New("decoding YAML: EOF")
			}
			return nil, fmt.Errorf("decoding YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		}
		value = plain(value)
		list, isList := value.([]any)
		object, isObject := value.(map[string]any)
		switch {
		case isCollection && (isList || value == nil):
			return map[string]any{"collection": list}, nil
		case isCollection:
			return nil, errors.New("decoding YAML: the document is no list")
		case isObject || value == nil:
			return object, nil
		}
		return nil, errors.New("decoding YAML: the document is no object")
	}
}

// plain turns what YAML has beside JSON's types into them.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = plain(v[name])
		}
	case map[any]any:
		object := make(map[string]any, len(v))
		for name := range v {
			object[fmt.Sprint(name)] = plain(v[name])
		}
		return object
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return value
}
