package api

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write web/openapi.json anew")

// The console's types are generated from the committed document.
func TestTheCommittedDocumentIsTheAPI(t *testing.T) {
	const file = "../../web/openapi.json"
	want, err := Document("development")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, want, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the API has changed: run make generate, and commit what it writes")
	}
}
