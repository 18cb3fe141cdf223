package http1

import (
	"net/http"
	"strconv"
	"strings"
)

// Lengths of bodies that are not known beforehand.
const (
	untilClose = -1
	chunked    = -2
)

// frame returns the length of the body of an answer to method (RFC 9112, 6.3), and
// sets and tidies in resp what http.Transport does.
func frame(resp *http.Response, method string) (int64, error) {
	h := resp.Header
	fixPragma(h)
	resp.Close = closes(resp)
	inChunks, err := transferEncoding(resp)
	if err != nil {
		return 0, err
	}
	length, err := contentLength(h)
	if err != nil {
		return 0, err
	}
	if inChunks {
		if length >= 0 {
			return 0, malformed("both Transfer-Encoding and Content-Length")
		}
		resp.TransferEncoding = []string{"chunked"}
		if resp.Trailer, err = announced(h); err != nil {
			return 0, err
		}
	}
	code := resp.StatusCode
	switch {
	case method == http.MethodHead:
		resp.ContentLength = length
		return 0, nil
	case code < 200 || code == http.StatusNoContent || code == http.StatusNotModified:
		return 0, nil
	case inChunks:
		resp.ContentLength = -1
		return chunked, nil
	case length < 0:
		resp.ContentLength, resp.Close = -1, true
		return untilClose, nil
	}
	resp.ContentLength = length
	return length, nil
}

// fixPragma makes the old way to say no-cache the one of today, as net/http does.
func fixPragma(h http.Header) {
	if pragma := h["Pragma"]; len(pragma) > 0 && pragma[0] == "no-cache" && h["Cache-Control"] == nil {
		h["Cache-Control"] = []string{"no-cache"}
	}
}

// closes reports whether the server closes the connection after resp.
func closes(resp *http.Response) bool {
	connection := resp.Header["Connection"]
	if resp.ProtoMinor == 0 {
		return hasToken(connection, "close") || !hasToken(connection, "keep-alive")
	}
	if connection == nil || !hasToken(connection, "close") {
		return false
	}
	delete(resp.Header, "Connection")
	return true
}

// transferEncoding takes the header out of resp and reports whether it is chunked. All
// else is refused, also in HTTP/1.0, which does not have it (RFC 9112, 6.1).
func transferEncoding(resp *http.Response) (bool, error) {
	encodings, ok := resp.Header["Transfer-Encoding"]
	if !ok {
		return false, nil
	}
	if resp.ProtoMinor == 0 || len(encodings) != 1 || !strings.EqualFold(encodings[0], "chunked") {
		return false, malformed("%s with Transfer-Encoding %q", resp.Proto, encodings)
	}
	delete(resp.Header, "Transfer-Encoding")
	return true, nil
}

// contentLength is -1 when h does not tell. Repeated, it must say the same again.
func contentLength(h http.Header) (int64, error) {
	values, ok := h["Content-Length"]
	if !ok {
		return -1, nil
	}
	for _, value := range values[1:] {
		if value != values[0] {
			return 0, malformed("Content-Length %q", values)
		}
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil {
		return 0, malformed("Content-Length %q", values)
	}
	if len(values) > 1 {
		h["Content-Length"] = values[:1]
	}
	return int64(n), nil
}

// announced takes the Trailer header out of h, nil when it announces nothing.
func announced(h http.Header) (http.Header, error) {
	values := h["Trailer"]
	delete(h, "Trailer")
	var trailer http.Header
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			if name = http.CanonicalHeaderKey(trim(name)); name == "" {
				continue
			}
			if framing(name) {
				return nil, malformed("it announces %s as a trailer", name)
			}
			if trailer == nil {
				trailer = make(http.Header)
			}
			trailer[name] = nil
		}
	}
	return trailer, nil
}

// framing: headers that must not be trailers (RFC 9110, 6.5.1).
func framing(name string) bool {
	return name == "Transfer-Encoding" || name == "Content-Length" || name == "Trailer"
}
