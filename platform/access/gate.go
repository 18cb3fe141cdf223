package access

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed queries.sql
var queriesFile string

var queries = state.ParseQueries(queriesFile)

// Errors a caller can act on.
var (
	// ErrRefused says that a token, an e-mail or a password was wrong; it does not say which.
	ErrRefused = errors.New("that is not a valid sign-in")
	// ErrEmailTaken says that another person has this e-mail address.
	ErrEmailTaken = errors.New("another person has this e-mail address")
	// ErrNotFound says that there is nothing with this id.
	ErrNotFound = errors.New("there is none with this id")
	// ErrNobody says that an operation needs a person who is signed in.
	ErrNobody = errors.New("nobody is signed in")
)

// Options of a Gate.
type Options struct {
	// AdminToken is a bearer token with every right; "" is none.
	AdminToken string
	// FirstApplicationID is the application id of the application that a new data
	// directory begins with, 16 to 256 visible ASCII characters; "" makes one up.
	// Later starts do not look at it.
	FirstApplicationID string
	// SecretsFile is where the one-time sign-in token is written, readable by
	// its owner only.
	SecretsFile string
	// OIDC is the issuer that people can sign in through, if any.
	OIDC OIDC
	// AuditDays is for how many days entries of the audit log are kept, 1 to
	// MaxAuditDays; 0 is DefaultAuditDays.
	AuditDays int
	Clock     func() time.Time // time.Now when nil
	Logger    *slog.Logger     // slog.Default() when nil
}

// Gate decides who may come in. It is safe for concurrent use.
type Gate struct {
	db      *state.DB
	secrets string
	clock   func() time.Time
	log     *slog.Logger

	admin    [sha256.Size]byte // hash of the administrator's token
	hasAdmin bool

	keepAudit int // days

	apps     atomic.Pointer[appIndex]
	appsMu   sync.Mutex          // held while applications are changed and indexed again
	sessions *scs.SessionManager // its cookie goes over plain HTTP too
	secure   *scs.SessionManager // the same with a Secure cookie
	issuer   *issuer             // nil without one
	hashing  chan struct{}       // bounds the memory that argon2id takes
	tries    *limiter
	bearers  *limiter
}

// Open reads who may come in, makes the first application if there is none, and
// as long as nobody has a password issues a new one-time sign-in token (see
// SignInToken): it makes every earlier one worthless.
func Open(ctx context.Context, db *state.DB, o Options) (*Gate, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	g := &Gate{
		db:      db,
		secrets: o.SecretsFile,
		clock:   o.Clock,
		log:     o.Logger,
		hashing: make(chan struct{}, 2),
		tries:   newLimiter(10, 6*time.Second, o.Clock),
		bearers: newLimiter(100, time.Second, o.Clock),
	}
	var err error
	if g.keepAudit, err = auditDays(o.AuditDays); err != nil {
		return nil, err
	}
	if err := o.OIDC.check(); err != nil {
		return nil, err
	}
	if o.OIDC.Issuer != "" {
		if o.OIDC.Role == "" {
			o.OIDC.Role = ReadOnly
		}
		// A connection of its own for each of the few requests: nothing stays open.
		g.issuer = &issuer{OIDC: o.OIDC, clock: o.Clock, client: &http.Client{
			Timeout: issuerTime, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		}}
	}
	if o.AdminToken != "" {
		g.admin, g.hasAdmin = sha256.Sum256([]byte(o.AdminToken)), true
		if len(o.AdminToken) < 16 {
			g.log.Warn("the administrator's token can be guessed: use at least 16 random characters", "variable", "GATEMETER_ADMIN_TOKEN")
		}
	}
	g.openSessions()
	if err := g.openApplications(ctx, o.FirstApplicationID); err != nil {
		return nil, fmt.Errorf("access: applications: %w", err)
	}
	return g, nil
}
