package state

import (
	"fmt"
	"strings"
)

// Queries are SQL statements by name, out of one .sql file.
type Queries map[string]string

// ParseQueries reads a file in which each statement follows a line
// `-- name: the_name`. The file is part of the program, so a fault in it panics.
func ParseQueries(file string) Queries {
	qs := Queries{}
	for _, part := range strings.Split(file, "-- name:")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		name, text = strings.TrimSpace(name), strings.TrimSpace(text)
		if name == "" || text == "" || qs[name] != "" {
			panic(fmt.Sprintf("state: statement %q is empty, unnamed or there twice", name))
		}
		qs[name] = text
	}
	return qs
}

// Get returns the statement; a name that is not in the file panics.
func (qs Queries) Get(name string) string {
	q, ok := qs[name]
	if !ok {
		panic(fmt.Sprintf("state: no statement is named %q", name))
	}
	return q
}
