package test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	toxic "github.com/Shopify/toxiproxy/v2/client"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// linkVariable makes this test binary a toxiproxy, whose API is at the port it names.
const linkVariable = "GATEMETER_TEST_TOXIPROXY"

// serveLink is a toxiproxy until its standard input ends.
func serveLink(port string) {
	zerolog.SetGlobalLevel(zerolog.Disabled)
	go toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop()).Listen("127.0.0.1", port)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// link is the way to the platform, with a toxiproxy in it. That is a process of
// its own, because it can hang for good: a toxic that is taken away while the
// connection under it breaks (toxiproxy 2.5) waits for ever. It is replaced then,
// and what hung breaks off, which is one more thing the gateway has to bear.
type link struct {
	url              string // what gateways push to
	listen, upstream string
	cmd              *exec.Cmd
	stdin            io.Closer
	proxy            *toxic.Proxy
}

func openLink(t *testing.T, upstream string) *link {
	t.Helper()
	listen := "127.0.0.1:" + strconv.Itoa(freePort(t))
	l := &link{url: "http://" + listen, listen: listen, upstream: upstream}
	l.start(t)
	t.Cleanup(func() { l.stop() })
	return l
}

func (l *link) start(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(freePort(t))
	l.cmd = exec.Command(self)
	l.cmd.Env = append(os.Environ(), linkVariable+"="+port)
	l.cmd.Stderr = os.Stderr
	if l.stdin, err = l.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := toxic.NewClient("127.0.0.1:" + port)
	eventually(t, 30*time.Second, "the link to be there", func() bool {
		l.proxy, err = client.CreateProxy("link", l.listen, l.upstream)
		return err == nil
	})
}

func (l *link) stop() {
	_ = l.stdin.Close()
	_ = l.cmd.Process.Kill() // it may have ended by itself
	_ = l.cmd.Wait()
}

// change does something to the link. It replaces a toxiproxy that hangs: the
// change is undone then, and all others too.
func (l *link) change(t *testing.T, f func(*toxic.Proxy) error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f(l.proxy) }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Log("toxiproxy hangs: another one takes its place")
		l.stop()
		<-done
		l.start(t)
	}
}

func (l *link) down(t *testing.T) { l.change(t, (*toxic.Proxy).Disable) }
func (l *link) up(t *testing.T)   { l.change(t, (*toxic.Proxy).Enable) }

// trouble is something that happens to a connection: a toxic in one direction.
type trouble struct {
	toxic, stream string
	attributes    toxic.Attributes
}

const (
	upstream   = "upstream"   // what the gateway says
	downstream = "downstream" // what the platform answers
)

func (w trouble) String() string { return fmt.Sprintf("%s %s %v", w.toxic, w.stream, w.attributes) }

func (l *link) add(t *testing.T, w trouble) {
	t.Helper()
	l.change(t, func(p *toxic.Proxy) error {
		_, err := p.AddToxic(w.toxic, w.toxic, w.stream, 1, w.attributes)
		return err
	})
}

func (l *link) remove(t *testing.T, w trouble) {
	t.Helper()
	l.change(t, func(p *toxic.Proxy) error {
		toxics, err := p.Toxics()
		if err != nil || len(toxics) == 0 { // those of a toxiproxy that hung have gone with it
			return err
		}
		return p.RemoveToxic(w.toxic)
	})
}
