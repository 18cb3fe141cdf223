package scan

import (
	"errors"
	"testing"
)

func TestSplitArray(t *testing.T) {
	elements, err := SplitArray([]byte(` [ {"a":[1]} ,"x" , 3,[ ] ] `))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`{"a":[1]}`, `"x"`, `3`, `[ ]`}
	if len(elements) != len(want) {
		t.Fatalf("got %q", elements)
	}
	for i, e := range elements {
		if string(e) != want[i] {
			t.Errorf("element %d: got %s, want %s", i, e, want[i])
		}
	}
	if elements, err = SplitArray([]byte(`[]`)); err != nil || elements == nil || len(elements) != 0 {
		t.Errorf("[]: got %q, %v", elements, err)
	}
}

func TestSplitArrayRefusesWhatIsNone(t *testing.T) {
	for _, c := range []struct {
		data string
		is   error
	}{
		{`{}`, ErrNotArray}, {`"x"`, ErrNotArray}, {``, ErrCut}, {`[1`, ErrCut}, {`[{"a":`, ErrCut},
	} {
		if _, err := SplitArray([]byte(c.data)); !errors.Is(err, c.is) {
			t.Errorf("%s: got %v, want %v", c.data, err, c.is)
		}
	}
	_, err := SplitArray([]byte(`[1] 2`))
	if err == nil || err.Error() != "not JSON at byte 4: more data after the end of the document" {
		t.Errorf("got %v", err)
	}
}

func TestElementsCannotGrowIntoEachOther(t *testing.T) {
	data := []byte(`[1,2]`)
	elements, err := SplitArray(data)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(elements[0], '9')
	if string(data) != `[1,2]` {
		t.Errorf("appending to an element changed the array: %s", data)
	}
}
