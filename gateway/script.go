package gateway

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/modify"
	"github.com/gatemeter/gatemeter/gateway/modify/script"
	"github.com/gatemeter/gatemeter/gateway/pipe"
)

// scripts is what scripts have of the gateway.
func (g *Gateway) scripts() modify.Scripts {
	return modify.Scripts{Transport: g.transport, Logger: g.logger}
}

// serviceGuards stand before all endpoints, in KrakenD's order: security/http, the
// service's script, security/bot-detector (KrakenD v3, 2.1).
func (g *Gateway) serviceGuards(o *pipe.Options) []guard {
	s := g.service
	list := securityGuards(s.Secure, nil)
	list = append(list, asGuards(o, modify.NewLua(s.Lua, nil, s.Timeout, g.scripts()))...)
	return append(list, securityGuards(nil, s.Bots)...)
}

// post compiles what a script runs over answers.
func (g *Gateway) post(c *config.Script) pipe.Post { return post{modify.NewAnswers(c, g.scripts())} }

// post is a script over the pipe's answers.
type post struct{ answers *modify.Answers }

// Answer implements pipe.Post. The script knows the headers that it sets, not the
// backend's, and the status 200: those of decoded answers are gone.
func (p post) Answer(ctx context.Context, a *backend.Answer) error {
	complete := !a.Failed && a.Data != nil
	r := &script.Response{
		Data: a.Data, Complete: complete, Status: http.StatusOK, Header: a.Header, Body: script.NoBody(),
	}
	if a.Status != 0 {
		r.Status = a.Status
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if err := p.answers.Data(ctx, r); err != nil {
		return asAnswer(err)
	}
	if a.Status != 0 || r.Status != http.StatusOK {
		a.Status = r.Status
	}
	if r.Complete != complete {
		a.Failed = !r.Complete
	}
	a.Data, a.Header = r.Data, r.Header
	return nil
}

// Response implements pipe.Post.
func (p post) Response(ctx context.Context, resp *http.Response) error {
	return asAnswer(p.answers.Stream(ctx, resp))
}

// asAnswer makes what a script says by custom_error the endpoint's answer.
func asAnswer(err error) error {
	var said *script.Error
	if errors.As(err, &said) {
		return &backend.AnswerError{Code: said.Status, ContentType: said.ContentType, Body: said.Text}
	}
	return err
}

// scriptedCalls tells the pipe what a backend's script has decided: an answer of its
// own, or that the backend is not asked.
type scriptedCalls struct {
	next  http.RoundTripper
	skips bool
}

// RoundTrip implements http.RoundTripper.
func (s scriptedCalls) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.skips {
		resp, err := s.next.RoundTrip(r)
		return resp, asAnswer(err)
	}
	ctx, skipped := modify.Skipping(r.Context())
	resp, err := s.next.RoundTrip(r.WithContext(ctx))
	if err == nil && *skipped {
		_ = resp.Body.Close() // there is none
		return nil, backend.Skipped{}
	}
	return resp, asAnswer(err)
}

var (
	_ pipe.Post         = post{}
	_ http.RoundTripper = scriptedCalls{}
)
