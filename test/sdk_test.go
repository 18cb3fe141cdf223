package test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Moesif's Node SDK, as npm serves it, reports to our platform after one option changed.
func TestMoesifsNodeSDKReportsToThePlatform(t *testing.T) {
	installSDK(t)
	listen := "127.0.0.1:" + strconv.Itoa(freePort(t))
	platform := platformAPI{"http://" + listen}
	start(t, nil, []string{"platform", "--data", t.TempDir(), "--listen", listen}, platform.url+"/readyz")
	api := startSDK(t, platform, "app.mjs")[0]

	const n = 25
	for i := range n {
		path := fmt.Sprintf("/orders/%d", 1000+i)
		if i%5 == 4 {
			path = "/broken"
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-User-Id", "ada")
		req.Header.Set("X-Company-Id", "analytical")
		fetch(t, req)
	}
	eventually(t, 20*time.Second, "every call stored", func() bool { return platform.pipeline(t).Stored == n })

	page, _ := platform.events(t, url.Values{"user_id": {"ada"}, "company_id": {"analytical"}, "route": {"/orders/{id}"}})
	if len(page) != 20 {
		t.Errorf("%d events have the folded route /orders/{id}, want 20", len(page))
	}
	var top struct {
		Rows []struct {
			Key           string
			Calls, Errors int64
		}
	}
	platform.get(t, "/api/v1/usage/top?by=company&from=-1h", &top)
	if len(top.Rows) != 1 || top.Rows[0].Key != "analytical" || top.Rows[0].Calls != n || top.Rows[0].Errors != 5 {
		t.Errorf("usage by company is %+v", top.Rows)
	}
	var company struct {
		Name   string `json:"name"`
		Domain string `json:"domain"`
	}
	eventually(t, 10*time.Second, "the company's profile", func() bool {
		platform.get(t, "/api/v1/companies/analytical", &company)
		return company.Name == "Analytical Engines" && company.Domain == "analytical.example"
	})
}

// installSDK fetches what test/sdk/package-lock.json names, once, and again when that changed.
func installSDK(t *testing.T) {
	t.Helper()
	asked, err := os.Stat("sdk/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if have, err := os.Stat("sdk/node_modules/.package-lock.json"); err == nil && !have.ModTime().Before(asked.ModTime()) {
		return
	}
	npm := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	npm.Dir = "sdk"
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("installing Moesif's SDK (npm ci in test/sdk): %v\n%s", err, out)
	}
}

// startSDK runs one of the little APIs and returns its addresses.
func startSDK(t *testing.T, platform platformAPI, app string, env ...string) (urls []string) {
	t.Helper()
	cmd := exec.Command("node", app)
	cmd.Dir = "sdk"
	cmd.Env = append(os.Environ(), "COLLECTOR_URL="+platform.url, "APPLICATION_ID="+platform.applicationID(t))
	cmd.Env = append(cmd.Env, env...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
		if err := cmd.Wait(); err != nil || complaints.Len() > 0 {
			t.Errorf("the SDK's process: %v %s", err, complaints.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the SDK's process said no address: %v", err)
	}
	return strings.Fields(line)
}
