package security

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func TestBotsAreTold(t *testing.T) {
	for _, size := range []int{0, 1, 1000} {
		b := NewBots(&config.Bots{
			Allow: []string{"Friendly-Bot/1.0"}, Deny: []string{"curl/8", "Friendly-Bot/1.0"},
			Patterns: []*regexp.Regexp{regexp.MustCompile(`(Facebot|.*bot)/.*`), regexp.MustCompile(`^Wget`)}, CacheSize: size,
		})
		for range 2 { // the second time it may be remembered
			for agent, bot := range map[string]bool{
				"":                                 false,
				"curl/8":                           true,
				"curl/8.1":                         false,
				"Curl/8":                           false, // a whole one, in this case
				"Friendly-Bot/1.0":                 false, // allow goes first
				"Googlebot/2.1 (+http)":            true,
				"Wget/1":                           true,
				"Not Wget/1":                       false,
				strings.Repeat("x", 5000):          false,
				"bot/" + strings.Repeat("x", 5000): true,
			} {
				if got := b.bot(agent); got != bot {
					t.Errorf("cache of %d: %.20q: got %v", size, agent, got)
				}
			}
		}
		for i := range b.seen {
			if v := b.seen[i].Load(); v != nil && len(v.agent) > longestKept {
				t.Errorf("kept a user agent of %d bytes", len(v.agent))
			}
		}
	}
	if !NewBots(&config.Bots{EmptyUserAgentIsBot: true}).bot("") {
		t.Error("an empty user agent is no bot's")
	}
}

func TestVerdictsDoNotMixWhenManyAsk(t *testing.T) {
	b := NewBots(&config.Bots{Patterns: []*regexp.Regexp{regexp.MustCompile(`bot`)}, CacheSize: 3})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 2000 {
				kind := []string{"bot", "man"}[i%2]
				if b.bot(fmt.Sprintf("%s/%d", kind, i%17)) != (kind == "bot") {
					t.Errorf("%s %d is judged wrong", kind, i)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkBots(b *testing.B) {
	const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	for _, size := range []int{0, 1000} {
		bots := NewBots(&config.Bots{Patterns: []*regexp.Regexp{regexp.MustCompile(`(Pingdom.com_bot_version_)(\d+)\.(\d+)`), regexp.MustCompile(`(facebookexternalhit)/(\d+)\.(\d+)`)}, CacheSize: size})
		b.Run(fmt.Sprintf("cache of %d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bots.bot(agent)
			}
		})
	}
}
