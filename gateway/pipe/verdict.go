package pipe

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/policy"
)

// verdict is what must hold of the answers of one place: validation/cel and
// security/policies (KrakenD v3, 4.4). A nil one lets all answers pass.
//
// A partial answer is asked about, too, as is one that proxy.static has made of an
// error (chosen: the reference is silent).
type verdict struct {
	sets   []*policy.Set
	logger *slog.Logger
}

func newVerdict(sets []*policy.Set, logger *slog.Logger) *verdict {
	if len(sets) == 0 {
		return nil
	}
	return &verdict{sets, logger}
}

func (v *verdict) ask(ctx context.Context, a *policy.Answer) error {
	a.Time = time.Now()
	for _, set := range v.sets {
		var request *moesif.Subject
		if set.WithRequest {
			request = policy.RequestOf(ctx)
		}
		if aborted := set.Answer(v.logger, request, a); aborted != nil {
			return aborted
		}
	}
	return nil
}

// onData is nil when a may pass.
func (v *verdict) onData(ctx context.Context, a *backend.Answer) error {
	if v == nil {
		return nil
	}
	return v.ask(ctx, &policy.Answer{Completed: !a.Failed, Status: a.ResponseStatus, Header: a.ResponseHeader, Data: a.Data, Raw: a.Raw})
}

// onStream is nil when resp may pass, whose body is left alone; else it is closed.
func (v *verdict) onStream(ctx context.Context, resp *http.Response) error {
	if v == nil {
		return nil
	}
	err := v.ask(ctx, &policy.Answer{Completed: true, Status: resp.StatusCode, Header: resp.Header})
	if err != nil {
		_ = resp.Body.Close() // nobody reads it
	}
	return err
}

// refused tells whether expressions alone are why there is no answer.
func refused(err error) bool {
	var several failures
	if errors.As(err, &several) {
		return !slices.ContainsFunc(several, func(err error) bool { return !refused(err) })
	}
	var aborted *policy.Aborted
	return errors.As(err, &aborted)
}
