// Package schema holds the JSON Schema (draft 2020-12) of a krakend.json, version
// 3. It is what editors complete keys with and what check -l holds a file against,
// so it is stricter than the reader of package config, which takes "8081" for a
// port and one text for a list as KrakenD does (KrakenD v3, 1.1).
//
// It is written in parts/, a file for each family of namespaces, and put together
// into krakend.schema.json, which is the published document.
package schema

import _ "embed"

//go:generate go test . -run TestThePublishedSchemaIsThatOfTheParts -update

// Document is the schema as it is published.
//
//go:embed krakend.schema.json
var Document string
