package erase

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Receipt says what was erased, without saying who it was: whoever knows the id
// can prove that it is the one meant.
type Receipt struct {
	ID   string `json:"id"`
	App  string `json:"app"`
	Kind string `json:"kind"` // user or company
	// Customer is the SHA-256 of Salt, a colon, the kind, a colon and the customer's id.
	Customer    string    `json:"customer_sha256"`
	Salt        string    `json:"salt"`
	RequestedAt time.Time `json:"requested_at"` // what was accepted before is erased
	ErasedAt    time.Time `json:"erased_at"`
	// Rows counts what was deleted, or no longer names the customer, by table.
	Rows map[string]int64 `json:"rows"`
	// Found counts what a search for the id still found afterwards, by table and column.
	Found map[string]int64 `json:"found_afterwards"`
	// Files says what was done so that the bytes are gone too.
	Files   map[string]string `json:"files"`
	Remains []string          `json:"remains"`
}

var files = map[string]string{
	"events.duckdb": "rewritten without the rows, and the old file deleted",
	"journal":       "trimmed, compacted, and its logs deleted",
	"state.db":      "rewritten without the rows, and its log emptied",
}

var remains = []string{
	"The calls stay counted in the sums of traffic, as nobody's.",
	"Transaction ids, or hashes of them, are remembered for up to 40 days, so that a call that is sent again is not stored again. They do not say whose they were.",
	"What other events say about the customer, in their paths or bodies for instance, is theirs.",
	"Backups that were made before hold the data until they are deleted.",
	"Disks and file systems may keep the blocks of deleted files until they write over them.",
	"What is sent about the customer after this was requested is stored like anything else.",
}

func hashOf(salt, kind, id string) string {
	sum := sha256.Sum256([]byte(salt + ":" + kind + ":" + id))
	return hex.EncodeToString(sum[:])
}

// signed is a receipt as it is downloaded: sha256 is that of the receipt's bytes.
type signed struct {
	Receipt json.RawMessage `json:"receipt"`
	SHA256  string          `json:"sha256"`
}

func (r Receipt) text() (string, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("receipt: %w", err)
	}
	sum := sha256.Sum256(body)
	text, err := json.Marshal(signed{Receipt: body, SHA256: hex.EncodeToString(sum[:])})
	if err != nil {
		return "", fmt.Errorf("receipt: %w", err)
	}
	return string(text), nil
}
