// Command bench measures what the integration costs a gateway, and says whether
// that is within what the project promises.
//
//	go run ./bench [flags] [scenario…]
//
// Scenarios are cost, latency, memory, queue, blocked and endpoints; all of them by default.
// Scenario platform, which runs only when it is named, fills a platform with
// events and asks it questions; it uses both cores for everything.
// Each contender is a process of its own. The gateway, or the reverse proxy it is
// compared with, has one core to itself; upstream, collector and load share
// another. Contenders run in turn, round by round, so that the machine's moods
// hit all of them alike, and medians over the rounds are compared.
//
// It needs Linux with two cores, and nothing else running: absolute times on a
// busy machine mean little.
package main
