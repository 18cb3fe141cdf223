package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// route stands for the host's router and its endpoints.
func route(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/private" && r.URL.Path != "/__health" { // refusals and health have none
		w.Header().Set("X-Krakend", "Version 2.13.8")
		w.Header().Set("X-Krakend-Completed", "true")
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/orders/"):
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = fmt.Fprintf(w, `{"id":%q,"card":"4242"}`, strings.TrimPrefix(r.URL.Path, "/orders/"))
	case r.URL.Path == "/upload": // answers when the body is complete
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprintf(w, `{"bytes":%d}`, n)
	case r.URL.Path == "/stream": // echoes the body line by line, as it comes
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).EnableFullDuplex()
		buffer := make([]byte, 100)
		for {
			n, err := r.Body.Read(buffer)
			_, _ = w.Write(buffer[:n])
			w.(http.Flusher).Flush() // asserted, as gin does
			if err != nil {
				return
			}
		}
	case r.URL.Path == "/socket":
		upgrade(w)
	case r.URL.Path == "/private": // as auth/validator refuses
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/broken":
		panic(http.ErrAbortHandler)
	case r.URL.Path == "/__health":
		_, _ = io.WriteString(w, `{"status":"ok"}`)
	default:
		http.NotFound(w, r)
	}
}

// upgrade takes the connection over and echoes what comes on it.
func upgrade(w http.ResponseWriter) {
	conn, rw, err := w.(http.Hijacker).Hijack() // asserted, as gin does
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_ = rw.Flush()
	_, _ = io.Copy(conn, rw.Reader)
}
