package rule

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTextsAreFoundByWhatTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g gatherer
		want := map[string]uint32{}
		for _, text := range rapid.SliceOf(rapid.StringN(0, 3, -1)).Draw(t, "texts") {
			number, known := want[text]
			if !known {
				number = uint32(len(want))
				want[text] = number
			}
			if got := g.add([]byte(text)); got != number {
				t.Fatalf("%q is number %d, want %d", text, got, number)
			}
		}
		found, numbered := g.lookedUp(), g.texts()
		for text, number := range want {
			if got, ok := found.find(text); !ok || got != number || found.at(number) != text || numbered.at(number) != text {
				t.Fatalf("%q is number %d, %v, want %d", text, got, ok, number)
			}
		}
		other := rapid.String().Draw(t, "other")
		if _, ok := found.find(other); ok != contains(want, other) {
			t.Fatalf("%q is found: %v", other, ok)
		}
		if _, ok := numbered.find(other); ok {
			t.Fatalf("%q is found without a table", other)
		}
	})
}

func contains(m map[string]uint32, key string) bool {
	_, ok := m[key]
	return ok
}

func TestManyTexts(t *testing.T) {
	var g gatherer
	for i := range 100_000 {
		g.add([]byte("user-" + strconv.Itoa(i)))
	}
	x := g.lookedUp()
	for i := range 100_000 {
		if number, ok := x.find("user-" + strconv.Itoa(i)); !ok || int(number) != i {
			t.Fatalf("%d is number %d, %v", i, number, ok)
		}
		if _, ok := x.find("company-" + strconv.Itoa(i)); ok {
			t.Fatalf("company-%d is found", i)
		}
	}
}

func TestTextsBehindEachOtherAreToldApart(t *testing.T) {
	texts := []string{"", "a", strings.Repeat("b", 127), strings.Repeat("c", 128), "\x80\xff", strings.Repeat("d", 1<<14), ""}
	var all []byte
	for _, text := range texts {
		all = appendText(all, text)
	}
	left := string(all)
	for _, want := range texts {
		var got string
		if got, left = cutText(left); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if left != "" {
		t.Errorf("%q is left", left)
	}
}
