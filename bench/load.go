package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load sends n requests over so many connections and returns how long each took,
// sorted. Any answer but 200 is an error.
func load(ctx context.Context, url string, n, clients int) ([]time.Duration, error) {
	client := freshClient(clients)
	defer client.CloseIdleConnections()
	var (
		wait   sync.WaitGroup
		next   atomic.Int64
		mutex  sync.Mutex
		all    = make([]time.Duration, 0, n)
		failed error
	)
	for range clients {
		wait.Go(func() {
			mine := make([]time.Duration, 0, 2*n/clients)
			var err error
			for err == nil && next.Add(1) <= int64(n) {
				start := time.Now()
				err = get(ctx, client, url)
				mine = append(mine, time.Since(start))
			}
			mutex.Lock()
			defer mutex.Unlock()
			all = append(all, mine...)
			if err != nil {
				failed = err
			}
		})
	}
	wait.Wait()
	slices.Sort(all)
	return all, failed
}

func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"?company=acme", nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth("alice", "x")
	req.Header.Set("User-Agent", "bench/1")
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return nil
}
