package moesif

import (
	"encoding/json"
	"time"
)

// Config is the `telemetry/moesif` block of a service's extra_config, with every
// default filled in.
type Config struct {
	ApplicationID       string
	UserIDHeaders       []string // canonical
	UserIDJWTClaim      string   // default sub
	IdentifyCompany     IdentifyCompany
	BatchSize           int           // events per push, default 200
	TimerWakeUp         time.Duration // default 2s
	EventQueueSize      int           // events, default 1,000,000
	EventQueueBytes     int64         // bytes; 0 takes a quarter of the memory limit, at most 1 GiB
	LogBody             bool          // default true
	RequestHeaderMasks  []string
	ResponseHeaderMasks []string
	RequestBodyMasks    []string
	ResponseBodyMasks   []string
	DefaultMasks        bool // default true
	ShouldSkip          string
	Metadata            json.RawMessage // a JSON object, or nil
	Debug               bool

	CollectorURL        string        // default https://api.moesif.net
	RequestMaxBodySize  int           // decoded bytes, default 100,000
	ResponseMaxBodySize int           // decoded bytes, default 100,000
	DrainTimeout        time.Duration // default 10s
	SpoolDir            string        // folder for events that wait long or are left at the end; "": none
	SpoolMaxBytes       int64         // bytes, default 1 GiB
	RulesCache          string        // file with the last good rules; "": none
	BlockListedIPs      bool          // enforce the IP block list and the bot flag of the collector's configuration
}

// IdentifyCompany says where the company's id stands; at most one field is set.
type IdentifyCompany struct{ Header, JWTClaim, QueryString string }
