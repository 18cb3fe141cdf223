package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatemeter/gatemeter/moesif"
)

func TestOnlyWhatTheHostItselfRefusesIsRefused(t *testing.T) {
	tests := []struct {
		path   string
		status int
		header string // X-Krakend: an endpoint has answered
		want   string
	}{
		{"/1", 401, "", moesif.Unauthenticated},
		{"/2", 403, "", moesif.Forbidden},
		{"/3", 429, "", moesif.RateLimited},
		{"/4", 503, "", moesif.RateLimited},
		{"/5", 400, "", moesif.BadRequest},
		{"/6", 401, "Version 2.13.8", ""},
		{"/7", 301, "", ""},
		{"/8", 500, "", ""},
		{"/9", 200, "Version undefined", ""},
	}
	c := newCollector(t)
	in := startIn(t, c)
	for _, tt := range tests {
		h := in.Capture(tellRefusals(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if tt.header != "" {
				w.Header().Set("X-Krakend", tt.header)
			}
			w.WriteHeader(http.StatusEarlyHints) // is not the answer
			w.WriteHeader(tt.status)
		})))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, tt.path, http.NoBody))
	}
	if err := in.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored := c.stored(t)
	for _, tt := range tests {
		e := stored[tt.path]
		if g, _ := e.Gatemeter(); g.Refused != tt.want {
			t.Errorf("%d with %q: refused is %q, want %q", tt.status, tt.header, g.Refused, tt.want)
		}
	}
}
