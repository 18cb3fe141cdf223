package rule

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// listed is who the configuration keeps out, whatever the rules say.
type listed struct {
	addresses map[netip.Addr]string // the name that the list gives each
	bots      bool
}

// crawlers are words by which well-known crawlers name themselves in User-Agent.
var crawlers = []string{
	"googlebot", "google-extended", "googleother", "adsbot-google", "mediapartners-google", "bingbot", "slurp", "duckduckbot",
	"baiduspider", "yandexbot", "yandeximages", "applebot", "sogou", "seznambot", "petalbot", "exabot", "qwantify", "ia_archiver",
	"archive.org_bot", "facebookexternalhit", "facebot", "meta-externalagent", "twitterbot", "linkedinbot", "pinterestbot",
	"slackbot", "telegrambot", "discordbot", "redditbot", "ahrefsbot", "semrushbot", "mj12bot", "dotbot", "rogerbot", "blexbot",
	"dataforseobot", "gptbot", "oai-searchbot", "chatgpt-user", "claudebot", "claude-web", "anthropic-ai", "perplexitybot", "ccbot",
	"bytespider", "amazonbot", "cohere-ai", "diffbot", "scrapy",
}

// isCrawler finds any of crawlers in a User-Agent, in any case.
var isCrawler = newFilter(field{kind: ofHeader, name: "user-agent"}, [][]string{crawlers})

// bot is the name that a blocked crawler is reported under.
const bot = "bot"

func newListed(config *wire.AppConfig) (listed, []Problem) {
	l := listed{addresses: map[netip.Addr]string{}, bots: config.BlockBotTraffic}
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(config.IPAddressesBlockedByName)) {
		text := config.IPAddressesBlockedByName[name]
		address, err := netip.ParseAddr(text)
		if err != nil {
			problems = append(problems, Problem{"", fmt.Sprintf("ip_addresses_blocked_by_name.%s: not an IP address: %s", name, quoted(text))})
			continue
		}
		if address = address.Unmap(); l.addresses[address] == "" {
			l.addresses[address] = name
		}
	}
	return l, problems
}

// decide blocks r when it is listed.
func (l *listed) decide(r *request) (d Decision, blocked bool) {
	if len(l.addresses) > 0 {
		if address, err := netip.ParseAddr(r.IP); err == nil {
			if name, ok := l.addresses[address.Unmap()]; ok {
				return refusal(name), true
			}
		}
	}
	if l.bots {
		if agent, ok := r.text(&isCrawler.field); ok {
			var found bitset
			if isCrawler.scan(agent, &found); found[0] != 0 {
				return refusal(bot), true
			}
		}
	}
	return Decision{}, false
}

func refusal(by string) Decision {
	return Decision{Blocked: true, BlockedBy: by, Status: http.StatusForbidden}
}
