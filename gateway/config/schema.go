package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// schemaPlace is where a schema stands for its own references. It never shows.
const schemaPlace = "file:///schema"

// bodySchema compiles the whole block, as validation/json-schema has it; nil for a
// nil block. Formats are asserted, as KrakenD does. Without $schema it is read as
// draft 7, or as draft 4 where only that fits: KrakenD reads a mixture of both.
func (b *block) bodySchema() *jsonschema.Schema {
	if b == nil {
		return nil
	}
	text, err := json.Marshal(b.values)
	if err != nil {
		b.problem(b.path, "cannot be written as JSON: %v", err)
		return nil
	}
	schema, err := compileSchema(text, jsonschema.Draft7)
	if err != nil && !b.has("$schema") {
		if older, failed := compileSchema(text, jsonschema.Draft4); failed == nil {
			return older
		}
	}
	if err != nil {
		b.schemaProblems(err)
	}
	return schema
}

func compileSchema(text []byte, draft *jsonschema.Draft) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(draft)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaPlace, doc); err != nil {
		return nil, err
	}
	return c.Compile(schemaPlace)
}

// noLoader keeps a schema from reaching for files and other people's servers.
type noLoader struct{}

var errElsewhere = errors.New("a schema can't be fetched from elsewhere: put it under definitions")

// Load is part of jsonschema.URLLoader.
func (noLoader) Load(string) (any, error) { return nil, errElsewhere }

// schemaProblems names what is wrong with a schema by the keys in it.
func (b *block) schemaProblems(err error) {
	if bad := (*jsonschema.SchemaValidationError)(nil); errors.As(err, &bad) {
		err = bad.Err
	}
	var invalid *jsonschema.ValidationError
	var load *jsonschema.LoadURLError
	var lost *jsonschema.JSONPointerNotFoundError
	switch {
	case errors.As(err, &invalid):
		for _, f := range SchemaFaults(invalid) {
			path := b.path
			for _, key := range f.At {
				if n, err := strconv.Atoi(key); err == nil {
					path = item(path, n)
					continue
				}
				path = under(path, key)
			}
			b.problem(path, "not a JSON schema: %s", f.Message)
		}
	case errors.As(err, &lost):
		_, pointer, _ := strings.Cut(lost.URL, "#")
		b.problem(b.path, "$ref #%s leads nowhere", pointer)
	case errors.As(err, &load):
		b.problem(b.path, "%s is not known: %v", load.URL, errElsewhere)
	default:
		b.problem(b.path, "not a JSON schema: %s", strings.ReplaceAll(strings.ReplaceAll(err.Error(), schemaPlace, ""), "\n", " "))
	}
}

// SchemaFault is one place of a document that its schema does not allow.
type SchemaFault struct {
	At      []string // keys and indexes; empty: the whole document
	Message string   // "got number, want string"
}

// String names the place as a JSON pointer.
func (f SchemaFault) String() string {
	return fmt.Sprintf("/%s: %s", strings.Join(f.At, "/"), f.Message)
}

var english = message.NewPrinter(language.English)

// SchemaFaults lists what is wrong, one fault a place, ordered by place.
func SchemaFaults(e *jsonschema.ValidationError) []SchemaFault {
	var faults []SchemaFault
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			walk(cause)
		}
		if len(e.Causes) == 0 {
			faults = append(faults, SchemaFault{At: e.InstanceLocation, Message: e.ErrorKind.LocalizedString(english)})
		}
	}
	walk(e)
	slices.SortStableFunc(faults, func(a, b SchemaFault) int { return slices.Compare(a.At, b.At) })
	return slices.CompactFunc(faults, func(a, b SchemaFault) bool { return slices.Equal(a.At, b.At) })
}
