package http1

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// defaultUserAgent is http.Transport's.
const defaultUserAgent = "Go-http-client/1.1"

// validate refuses what would not arrive at the server as it was meant.
func validate(r *http.Request) error {
	if r.Header == nil || r.URL.Host == "" {
		return errors.New("http1: the request has no URL.Host, or no Header")
	}
	if r.Method != "" && !isToken(r.Method) {
		return fmt.Errorf("http1: method %q: not a token", r.Method)
	}
	if host := hostOf(r); !validHost(host) {
		return fmt.Errorf("http1: host %q: holds a byte that no host has", host)
	}
	for name, values := range r.Header {
		if err := validField(name, values); err != nil {
			return err
		}
	}
	for name, values := range r.Trailer {
		if err := validField(name, values); err != nil {
			return err
		}
		if name = http.CanonicalHeaderKey(name); framing(name) {
			return fmt.Errorf("http1: %s can't be a trailer", name)
		}
	}
	if r.ContentLength > 0 && bodyLength(r) == 0 {
		return fmt.Errorf("http1: the request has a ContentLength of %d and no Body", r.ContentLength)
	}
	return nil
}

func validField(name string, values []string) error {
	if !isToken(name) {
		return fmt.Errorf("http1: header name %q: not a token", name)
	}
	for _, value := range values {
		if !isValue(value) { // which may be a secret
			return fmt.Errorf("http1: value of header %q: holds a control character", name)
		}
	}
	return nil
}

func hostOf(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// validHost allows the bytes of RFC 3986, 3.2.2, in any order.
func validHost(host string) bool {
	for i := range len(host) {
		b := host[i]
		if !tokenBytes[b] && strings.IndexByte("(),:;=[]", b) < 0 || b == '#' || b == '^' || b == '`' || b == '|' {
			return false
		}
	}
	return true
}

// bodyLength is -1 when there is a body of unknown length.
func bodyLength(r *http.Request) int64 {
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		return 0
	case r.ContentLength == 0:
		return -1
	}
	return r.ContentLength
}

func seldomHasBody(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions, "PROPFIND", "SEARCH":
		return true
	}
	return false
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close() // the request has failed already
	}
}

// wantsGzip reports whether the transport asks for gzip, to undo it: only where
// nobody else has an opinion, and not of a part.
func (t *Transport) wantsGzip(r *http.Request) bool {
	return !t.DisableCompression && r.Header.Get("Accept-Encoding") == "" && r.Header.Get("Range") == "" && r.Method != http.MethodHead
}

// upgrades reports whether h asks for, or agrees to, another protocol.
func upgrades(h http.Header) bool {
	return h.Get("Upgrade") != "" && hasToken(h["Connection"], "Upgrade")
}

// appendHead appends the request line and the headers of r, which is valid, with what
// r's fields make headers of. The order of headers is random.
func (t *Transport) appendHead(b []byte, r *http.Request) []byte {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	b = append(b, method...)
	b = append(b, ' ')
	b = appendTarget(b, r)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, withoutZone(hostOf(r))...)
	b = append(b, "\r\n"...)
	agent, ok := r.Header["User-Agent"]
	switch {
	case !ok:
		b = appendField(b, "User-Agent", defaultUserAgent)
	case len(agent) > 0 && agent[0] != "":
		b = appendField(b, "User-Agent", agent[0])
	}
	b = t.appendConnection(b, r)
	length := bodyLength(r)
	switch {
	case length > 0 || length == 0 && (method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch):
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, length, 10)
		b = append(b, "\r\n"...)
	case length < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
		if len(r.Trailer) > 0 {
			b = appendField(b, "Trailer", strings.Join(slices.Sorted(maps.Keys(r.Trailer)), ","))
		}
	}
	for name, values := range r.Header {
		if reserved(name) {
			continue
		}
		for _, value := range values {
			b = appendField(b, name, value)
		}
	}
	if t.wantsGzip(r) {
		b = appendField(b, "Accept-Encoding", "gzip")
	}
	return append(b, "\r\n"...)
}

// reserved are headers that r's fields stand for, whatever r.Header says, in any case.
func reserved(name string) bool {
	switch len(name) {
	case len("Host"):
		return strings.EqualFold(name, "Host")
	case len("Trailer"):
		return strings.EqualFold(name, "Trailer")
	case len("User-Agent"):
		return strings.EqualFold(name, "User-Agent")
	case len("Content-Length"):
		return strings.EqualFold(name, "Content-Length")
	case len("Transfer-Encoding"):
		return strings.EqualFold(name, "Transfer-Encoding")
	}
	return false
}

// appendConnection tells the server when the connection will not be used again.
func (t *Transport) appendConnection(b []byte, r *http.Request) []byte {
	if (r.Close || t.DisableKeepAlives && !upgrades(r.Header)) && !hasToken(r.Header["Connection"], "close") {
		return appendField(b, "Connection", "close")
	}
	return b
}

// appendTarget appends path and query, with what would end the request line escaped.
func appendTarget(b []byte, r *http.Request) []byte {
	target := r.URL.RequestURI()
	for i := range len(target) {
		if ends(target[i]) {
			return appendEscaped(b, target)
		}
	}
	return append(b, target...)
}

func appendEscaped(b []byte, target string) []byte {
	for i := range len(target) {
		if !ends(target[i]) {
			b = append(b, target[i])
			continue
		}
		b = fmt.Appendf(b, "%%%02X", target[i])
	}
	return b
}

func ends(b byte) bool { return b <= ' ' || b == 0x7f }

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, trim(value)...)
	return append(b, "\r\n"...)
}

// withoutZone cuts the zone of an IPv6 address, which means nothing to the server
// (RFC 6874, 4).
func withoutZone(host string) string {
	if !strings.HasPrefix(host, "[") {
		return host
	}
	end := strings.LastIndexByte(host, ']')
	if end < 0 {
		return host
	}
	if zone := strings.LastIndexByte(host[:end], '%'); zone >= 0 {
		return host[:zone] + host[end:]
	}
	return host
}
