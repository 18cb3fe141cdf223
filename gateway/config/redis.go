package config

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"time"
)

// Redis is a connection of extra_config.redis of the service: a server of
// connection_pools or the servers of one of clusters. The reference names no more
// than connection_name; the keys are those of KrakenD's enterprise edition as far as
// they are known here.
type Redis struct {
	Name        string
	Addresses   []string // host:port
	Cluster     bool
	User        string
	Password    string        // never in a log or an error
	DB          int           // not of a cluster
	DialTimeout time.Duration // default 1s
	Timeout     time.Duration // of a command, default 500ms
	TLS         *ClientTLS    // nil: none
}

const (
	defaultRedisDial    = time.Second
	defaultRedisTimeout = 500 * time.Millisecond
)

// redis reads the redis block.
func (b *block) redis() []Redis {
	if b == nil {
		return nil
	}
	var out []Redis
	for o := range b.objects("connection_pools") {
		r := o.redisOne(out)
		r.DB = o.number("db", 1<<16)
		if address := o.redisAddress(o.at("address"), o.text("address")); address != "" {
			r.Addresses = []string{address}
		}
		o.close(nil)
		out = append(out, r)
	}
	for o := range b.objects("clusters") {
		r := o.redisOne(out)
		r.Cluster = true
		for i, address := range o.texts("addresses") {
			if address := o.redisAddress(o.elementAt("addresses", i), address); address != "" {
				r.Addresses = append(r.Addresses, address)
			}
		}
		if !o.has("addresses") || o.emptyList("addresses") {
			b.problem(o.at("addresses"), "missing: servers of the cluster, such as 10.0.0.1:6379")
		}
		o.close(nil)
		out = append(out, r)
	}
	b.close(nil)
	return out
}

// redisOne reads what servers and clusters have in common.
func (b *block) redisOne(others []Redis) Redis {
	r := Redis{
		Name:        b.text("name"),
		User:        b.text("user_name"),
		Password:    b.secret("password"),
		DialTimeout: cmp.Or(b.duration("dial_timeout"), defaultRedisDial),
		Timeout:     cmp.Or(b.duration("read_timeout"), defaultRedisTimeout),
	}
	b.duration("write_timeout")
	if r.Name == "" {
		b.problem(b.at("name"), "missing: the name that connection_name refers to")
	}
	if slices.Contains(redisNames(others), r.Name) {
		b.problem(b.at("name"), "%s stands twice: give each connection its own name", show(r.Name))
	}
	if t := b.object("tls"); t != nil {
		r.TLS = &ClientTLS{
			AllowInsecureConnections: t.flag("allow_insecure_connections"),
			CACerts:                  t.texts("ca_certs"),
			DisableSystemCAPool:      t.flag("disable_system_ca_pool"),
		}
		t.refuse("client_certs", "Redis would see no client certificate")
		t.close(nil)
	}
	// One client shares its few connections among all requests.
	b.ignore("pool_size", "min_idle_conns", "max_idle_conns", "max_active_conns", "conn_max_idle_time", "conn_max_life_time",
		"pool_timeout", "max_retries", "min_retry_backoff", "max_retry_backoff", "client_name", "otel")
	return r
}

// secret reads a text that no message repeats.
func (b *block) secret(key string) string {
	v, path, ok := b.find(key)
	if !ok {
		return ""
	}
	s, ok := asText(v)
	if !ok {
		b.problem(path, "must be text")
	}
	return s
}

// redisAddress checks host:port; the port may be left out.
func (b *block) redisAddress(path, address string) string {
	if address == "" {
		b.problem(path, "missing: the server, such as 127.0.0.1:6379")
		return ""
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port, err = net.SplitHostPort(address + ":6379")
	}
	if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || n == 0 || host == "" || userInfo.MatchString(address) {
		b.problem(path, "must be host:port, such as 127.0.0.1:6379 (got %s)", show(userInfo.ReplaceAllString(address, "${1}***@")))
		return ""
	}
	return net.JoinHostPort(host, port)
}

const noConnection = "no connection of this name is in the redis block of extra_config (got %s)%s"

func redisNames(list []Redis) []string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	return names
}
