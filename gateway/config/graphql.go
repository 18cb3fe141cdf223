package config

import (
	"maps"
	"slices"
)

// GraphQL is backend/graphql.
type GraphQL struct {
	Mutation      bool // variables come from the request's body as well
	Query         string
	OperationName string
	// Variables that are "{name}" are the endpoint's parameter of that name.
	Variables map[string]any
}

// maxQueryFile bounds, in bytes, the file of query_path.
const maxQueryFile = 1 << 20

// graphQL reads backend/graphql; nil for a nil block.
func (b *block) graphQL(e *Endpoint) *GraphQL {
	if b == nil {
		return nil
	}
	g := &GraphQL{Query: b.text("query"), OperationName: b.text("operationName")}
	switch kind := b.text("type"); kind {
	case "query":
	case "mutation":
		g.Mutation = true
	case "":
		b.problem(b.at("type"), "missing: query or mutation")
	default:
		b.problem(b.at("type"), "must be query or mutation (got %s)%s", show(kind), didYouMean(kind, []string{"query", "mutation"}))
	}
	if path := b.text("query_path"); path != "" {
		if g.Query != "" {
			b.warn(b.at("query"), "ignored, since query_path is there")
		}
		g.Query = b.queryFile(path)
	} else if g.Query == "" {
		b.problem(b.at("query"), "missing: the query, or its file in query_path")
	}
	if o := b.object("variables"); o != nil {
		g.Variables = o.values
		for _, variable := range slices.Sorted(maps.Keys(o.values)) {
			// Of a wrong path nobody knows the parameters.
			if name := VariableParam(o.values[variable]); name != "" && e.Path != "" && !slices.Contains(e.Params, name) {
				b.problem(o.path, "{%s} is not a parameter of %s (declare it in the endpoint, or remove it)", name, e.Path)
			}
		}
	}
	b.close(nil)
	return g
}

func (b *block) queryFile(path string) string {
	text, err := smallFile(path, maxQueryFile)
	if err != nil {
		b.problem(b.at("query_path"), "%v", err)
	}
	return string(text)
}

// VariableParam is the name in a variable "{name}"; "" for any other value.
func VariableParam(v any) string {
	text, _ := v.(string)
	if len(text) < 3 || text[0] != '{' || text[len(text)-1] != '}' || !placeholder.MatchString(text) {
		return ""
	}
	return text[1 : len(text)-1]
}
