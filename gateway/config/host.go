package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// hosts reads a list of hosts. Sanitised ones come out as scheme://host, with
// the port and base path they were written with and no slash at the end. Others
// stay as they are, and must be URLs.
func (b *block) hosts(key string, sanitise bool) []string {
	list := b.texts(key)
	for i, written := range list {
		clean, err := written, usableHost(written)
		if sanitise {
			clean, err = sanitiseHost(written)
		}
		if err != nil {
			b.problem(b.elementAt(key, i), "%v (got %s)", err, show(userInfo.ReplaceAllString(written, "${1}***@")))
			continue
		}
		list[i] = clean
	}
	return list
}

// userInfo is what must not be repeated in a message.
var userInfo = regexp.MustCompile(`^([^/]*//)?[^/]*@`)

var hostName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

// sanitiseHost cleans a host as KrakenD does (KrakenD v3, 1.4): http:// where
// there is no scheme, no slash at the end. Beyond KrakenD, IPv6 literals, ports
// of one digit and base paths work.
func sanitiseHost(written string) (string, error) {
	scheme, rest, found := strings.Cut(written, "://")
	if !found {
		scheme, rest = "http", written
	}
	if scheme != "http" && scheme != "https" {
		return "", fmt.Errorf("a host starts with http:// or https://, in lower case")
	}
	authority, base, _ := strings.Cut(rest, "/")
	if strings.Contains(authority, "@") {
		return "", fmt.Errorf("a host has no user and password")
	}
	name, port, err := splitPort(authority)
	if err != nil {
		return "", err
	}
	if v6, is := strings.CutPrefix(name, "["); is {
		addr, err := netip.ParseAddr(strings.TrimSuffix(v6, "]"))
		if err != nil || !addr.Is6() {
			return "", fmt.Errorf("not an IPv6 address")
		}
	} else if !hostName.MatchString(name) {
		return "", fmt.Errorf("a host is a name like http://example.com:8080")
	}
	clean := scheme + "://" + name + port
	if base = strings.Trim(base, "/"); base != "" {
		clean += "/" + base
	}
	if strings.ContainsAny(base, "?# ") {
		return "", fmt.Errorf("a host may have a base path, but no query, fragment or space")
	}
	if _, err := url.Parse(clean); err != nil {
		return "", fmt.Errorf("a host is a URL like http://example.com:8080/base")
	}
	return clean, nil
}

// splitPort takes the port with its colon off an authority.
func splitPort(authority string) (name, port string, err error) {
	end := strings.LastIndexByte(authority, ']') + 1 // colons of IPv6 are inside
	colon := strings.IndexByte(authority[end:], ':')
	if colon < 0 {
		return authority, "", nil
	}
	name, port = authority[:end+colon], authority[end+colon:]
	if strings.Contains(port[1:], ":") {
		return "", "", fmt.Errorf("an IPv6 address stands in brackets, as in http://[::1]:8080")
	}
	if n, err := strconv.ParseUint(port[1:], 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("a port is a number from 1 to 65535")
	}
	return name, port, nil
}

// usableHost says why a host that is used as it is written would never answer.
func usableHost(written string) error {
	u, err := url.Parse(written)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("not a URL like http://example.com: disable_host_sanitize uses it as it is")
	}
	if u.User != nil {
		return fmt.Errorf("not supported yet: a user and password in a host")
	}
	return nil
}
