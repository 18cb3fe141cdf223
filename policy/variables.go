package policy

import (
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
)

// environment declares what an expression can name: the variables of KrakenD's
// dialect, the macros, standard CEL and those of its extensions that only compute
// (strings, math, base64). It is made once.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	fields := cel.MapType(cel.StringType, cel.ListType(cel.StringType))
	params := cel.MapType(cel.StringType, cel.StringType)
	options := []cel.EnvOption{
		cel.Variable("req_method", cel.StringType),
		cel.Variable("req_path", cel.StringType),
		cel.Variable("req_params", params),
		cel.Variable("req_path_params", params),
		cel.Variable("req_headers", fields),
		cel.Variable("req_querystring", fields),
		cel.Variable("req_body", cel.StringType),
		cel.Variable("resp_completed", cel.BoolType),
		cel.Variable("resp_status", cel.IntType),
		cel.Variable("resp_metadata_status", cel.IntType),
		cel.Variable("resp_headers", fields),
		cel.Variable("resp_metadata_headers", fields),
		cel.Variable("resp_body", cel.StringType),
		cel.Variable("resp_data", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("JWT", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("now", cel.StringType),
		ext.Strings(), ext.Math(), ext.Encoders(ext.EncodersVersion(0)),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
	}
	return cel.NewEnv(append(options, macros()...)...)
})
