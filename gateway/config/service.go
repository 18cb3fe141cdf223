// Package config reads a krakend.json (configuration version 3; JSON, YAML or
// TOML) into types that can't be wrong: weak types settled, defaults filled in,
// hosts and paths checked, every problem named by the path of its key.
package config

import (
	"crypto/tls"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatemeter/gatemeter/moesif"
)

// Service is a whole configuration file (KrakenD v3, 1.2). Durations of 0 mean
// what KrakenD takes them to mean: no limit, or Go's default.
type Service struct {
	Name                      string
	ListenIP                  string
	Port                      int
	Host                      []string
	Timeout                   time.Duration // default 2s
	CacheTTL                  time.Duration
	OutputEncoding            string
	Endpoints                 []Endpoint
	DebugEndpoint             bool
	EchoEndpoint              bool
	DisableREST               bool
	TLS                       *TLS
	ClientTLS                 ClientTLS
	UseH2C                    bool
	ReadTimeout               time.Duration
	ReadHeaderTimeout         time.Duration
	WriteTimeout              time.Duration
	IdleTimeout               time.Duration
	MaxHeaderBytes            int
	MaxIdleConnections        int
	MaxIdleConnectionsPerHost int // default 250
	IdleConnectionTimeout     time.Duration
	ResponseHeaderTimeout     time.Duration
	ExpectContinueTimeout     time.Duration
	DialerTimeout             time.Duration
	DialerFallbackDelay       time.Duration // default 300ms
	DialerKeepAlive           time.Duration // default 15s
	DisableKeepAlives         bool
	DisableCompression        bool
	MaxShutdownWaitTime       time.Duration // 0 waits for ever
	DNSCacheTTL               time.Duration // default 30s

	Router        Router
	Logging       Logging
	Metrics       *Metrics       // nil: no metrics listener
	OpenTelemetry *OpenTelemetry // nil: no exporter is named
	Moesif        *moesif.Config // nil: the block is not there
	CORS          *CORS          // nil: the block is not there
	Secure        *SecureHeaders // nil: the block is not there
	Bots          *Bots          // nil: the block is not there
	Lua           *Script        // modifier/lua-endpoint before all of them; nil: none

	Limits Limits

	APIKeys *APIKeys // nil: there are none
	Revoker *Revoker // nil: no token is revoked

	// What endpoints inherit.
	sharedKeyCache time.Duration // auth/validator.shared_cache_duration
	keyPlace       keyPlace      // of auth/api-keys
	basic          *Basic        // nil: every endpoint names its own users

	Warnings []string // what is ignored or looks wrong, each with the path of its key
	Lines    Lines    // of the keys that warnings are about
}

// Endpoint is one path and method of the public API (KrakenD v3, 1.3).
type Endpoint struct {
	Path              string   // as written, with {parameters}; a wildcard ends in /* or is CatchAll
	Method            string   // "" of a CatchAll: any
	Params            []string // names of the parameters, in order
	Timeout           time.Duration
	CacheTTL          time.Duration
	OutputEncoding    string   // json, no-op, json-collection, string, ...
	InputHeaders      []string // canonical; ["*"] lets all through
	InputQueryStrings []string // ["*"] lets all through
	Backends          []Backend
	ConcurrentCalls   int // of each backend, at the same time; 0 and 1: one
	Proxy             EndpointProxy
	Secure            *SecureHeaders // nil: the block is not there
	Bots              *Bots          // nil: the block is not there
	MaxPayload        int            // bytes of a request's body, 0: no limit
	Validator         *Validator     // nil: no token is asked for
	Signer            *Signer        // nil: nothing is signed
	APIKeys           *KeyAccess     // nil: no key is asked for
	Basic             *Basic         // nil: no password is asked for
	Told              *Layer         // what its pipe tells; nil: what OpenTelemetry.Proxy says

	Limits Limits

	BodySchema *jsonschema.Schema // validation/json-schema; nil: any body
	Expressions
	Lua      *Script // modifier/lua-endpoint; nil: none
	LuaProxy *Script // modifier/lua-proxy; nil: none
}

// Backend is one call behind an endpoint (KrakenD v3, 1.4).
type Backend struct {
	URLPattern        string
	Method            string     // "": the request's
	Discovery         *Discovery // instead of Hosts; nil: none
	Hosts             []string   // sanitised: scheme://host[:port], or as written with disable_host_sanitize
	Encoding          string
	IsCollection      bool
	Target            string
	Group             string
	Allow, Deny       []string
	Mapping           map[string]string
	InputHeaders      []string
	InputQueryStrings []string
	Propagated        []string           // of sequential_propagated_params, those that earlier backends give
	ReturnErrorCode   bool               // backend/http.return_error_code
	ErrorDetails      string             // backend/http.return_error_details, the alias
	ClientCredentials *ClientCredentials // nil: the gateway shows no token
	Proxy             BackendProxy
	Told              *Layer // what its calls tell; nil: what OpenTelemetry.Backend says

	Limits Limits

	Expressions
	Martian *Modifier   // modifier/martian; nil: none
	Client  *HTTPClient // backend/http/client; nil: as the service has it
	GraphQL *GraphQL    // backend/graphql; nil: none
	Cache   *Cache      // qos/http-cache; nil: none
	Lua     *Script     // modifier/lua-backend; nil: none
}

// Router is extra_config.router (KrakenD v3, 1.9).
type Router struct {
	ErrorBody404, ErrorBody405    []byte // JSON object, or nil
	AutoOptions                   bool
	DisableAccessLog              bool
	LoggerSkipPaths               []string
	DisableHealth                 bool
	HealthPath                    string // default /__health
	DisableHandleMethodNotAllowed bool
	DisablePathDecoding           bool
	DisableRedirectFixedPath      bool
	DisableRedirectTrailingSlash  bool
	PeersAreClients               bool // forwarded_by_client_ip is false: no header is believed
	RemoteIPHeaders               []string
	TrustedProxies                []string
	HideVersionHeader             bool
	RemoveExtraSlash              bool
	ReturnErrorMsg                bool
	MaxPayload                    int // bytes of a request's body, 0: no limit
}

// Metrics is extra_config."telemetry/metrics".
type Metrics struct {
	ListenAddress  string        // default :8090
	CollectionTime time.Duration // default a minute; counts are told as they are, whatever it is
	HideRouter     bool          // router_disabled: /__stats/ tells nothing of requests
}

// TLS is the server's tls block.
type TLS struct {
	Keys                   []KeyPair
	MinVersion, MaxVersion string
	Ciphers                []uint16      // before TLS 1.3; nil: crypto/tls's
	Curves                 []tls.CurveID // nil: crypto/tls's
	EnableMTLS             bool
	CACerts                []string
	DisableSystemCAPool    bool
}

// KeyPair names the files of a certificate and its key.
type KeyPair struct{ PublicKey, PrivateKey string }

// ClientTLS is client_tls: TLS towards every backend, or towards one.
type ClientTLS struct {
	AllowInsecureConnections bool
	Certs                    []KeyPair // client_certs
	CACerts                  []string
	DisableSystemCAPool      bool
	MinVersion, MaxVersion   string        // "": TLS12 and TLS13
	Ciphers                  []uint16      // before TLS 1.3; nil: crypto/tls's
	Curves                   []tls.CurveID // nil: crypto/tls's
}
