package backend

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzMarkup: whatever a backend sends, decoding ends with data that JSON can hold, or
// with an error.
func FuzzMarkup(f *testing.F) {
	f.Add(`<a b="c">d<e/></a>`)
	f.Add(`<rss version="2.0"><channel><title>t</title></channel></rss>`)
	f.Add("a: &x [1]\nb: *x\n? [c]\n: .inf\n")
	f.Add("- 2026-01-01\n- !!binary aGk=\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, encoding := range []string{"xml", "rss", "yaml"} {
			for _, isCollection := range []bool{false, true} {
				data, err := newDecoder(encoding, isCollection)([]byte(text))
				if err != nil {
					continue
				}
				if _, err := json.Marshal(data); err != nil {
					t.Errorf("%s: %v", encoding, err)
				}
			}
		}
	})
}

func TestElementsBeyondTheBoundAreRefused(t *testing.T) {
	for text, want := range map[string]bool{
		strings.Repeat("<a>", maxXMLDepth+1):                                                       true,
		strings.Repeat("<a>", maxXMLDepth):                                                         false,
		"<l>" + strings.Repeat("<a/>", maxXMLDepth+1):                                              false,
		"<![CDATA[" + strings.Repeat("<a>", maxXMLDepth+1) + "]]>":                                 false,
		"<!-- c --><a>" + strings.Repeat("<b>", maxXMLDepth) + strings.Repeat("</b>", maxXMLDepth): true,
	} {
		if got := tooDeep([]byte(text)); got != want {
			t.Errorf("%.30s…: got %v", text, got)
		}
	}
}
