// Command host does with an http-server plugin what KrakenD CE 2.x does (KrakenD
// v3, 1.9, 2.1 and 2.5): it opens it, registers it, puts it around a router, and
// shuts down at SIGTERM. It is no gateway: the router has what the tests need.
//
//	host PLUGIN.so EXTRA_CONFIG.json
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"plugin"
	"syscall"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "HOST", err)
		os.Exit(1)
	}
}

func run(file, extraConfig string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var handler http.Handler = http.HandlerFunc(route)

	factories, err := load(file)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(extraConfig)
	if err != nil {
		return err
	}
	var extra map[string]map[string]any
	if err := json.Unmarshal(text, &extra); err != nil {
		return err
	}
	block := extra["plugin/http-server"]
	for _, name := range block["name"].([]any) {
		factory, ok := factories[name.(string)]
		if !ok {
			logger{}.Error("No plugin registered as", name)
			continue
		}
		if wrapped, err := factory(ctx, block, handler); err != nil {
			logger{}.Error("Error getting the plugin handler:", err)
		} else {
			logger{}.Info("[PLUGIN: Server] Injecting plugin", name)
			handler = wrapped
		}
	}

	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: adapt(handler)} //nolint:gosec // as bare as the host's
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	fmt.Println("listening", listener.Addr())
	select {
	case err := <-served:
		return err
	case <-signals:
	}
	cancel()
	fmt.Println("stopping")
	return server.Shutdown(context.Background())
}

type factory = func(context.Context, map[string]any, http.Handler) (http.Handler, error)

func load(file string) (map[string]factory, error) {
	p, err := plugin.Open(file)
	if err != nil {
		return nil, err
	}
	symbol, err := p.Lookup("HandlerRegisterer")
	if err != nil {
		return nil, err
	}
	if l, ok := symbol.(interface{ RegisterLogger(any) }); ok {
		l.RegisterLogger(logger{})
	}
	registerer, ok := symbol.(interface {
		RegisterHandlers(func(string, func(context.Context, map[string]any, http.Handler) (http.Handler, error)))
	})
	if !ok {
		return nil, fmt.Errorf("HandlerRegisterer of %s has another type: %T", file, symbol)
	}
	factories := map[string]factory{}
	registerer.RegisterHandlers(func(name string, f func(context.Context, map[string]any, http.Handler) (http.Handler, error)) {
		factories[name] = f
	})
	return factories, nil
}

// adapt asserts of the writer what the host's own adapter does.
func adapt(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = w.(http.Flusher)
		_ = w.(http.Hijacker)
		next.ServeHTTP(w, r)
	})
}

// logger is the host's: levels by name, to standard output.
type logger struct{}

func (logger) Debug(v ...any)    { print("DEBUG", v) }
func (logger) Info(v ...any)     { print("INFO", v) }
func (logger) Warning(v ...any)  { print("WARNING", v) }
func (logger) Error(v ...any)    { print("ERROR", v) }
func (logger) Critical(v ...any) { print("CRITICAL", v) }
func (logger) Fatal(v ...any)    { print("FATAL", v); os.Exit(1) }

func print(level string, v []any) { fmt.Println(append([]any{level}, v...)...) }
