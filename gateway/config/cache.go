package config

// Cache is qos/http-cache of a backend (KrakenD v3, 1.9).
type Cache struct {
	Shared   bool // one cache for all backends that say so, as large as the largest asks
	MaxItems int  // answers; 0: only their size counts
	MaxSize  int  // bytes, default 64 MiB. KrakenD's default is no bound
}

const defaultCacheSize = 64 << 20

// httpCache reads qos/http-cache; nil for a nil block.
func (b *block) httpCache() *Cache {
	if b == nil {
		return nil
	}
	c := &Cache{
		Shared:   b.flag("shared"),
		MaxItems: b.number("max_items", most32),
		MaxSize:  b.number("max_size", 1<<40),
	}
	if c.MaxSize == 0 {
		c.MaxSize = defaultCacheSize
	}
	b.close(nil)
	return c
}
