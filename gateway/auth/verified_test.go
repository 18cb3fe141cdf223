package auth

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func tokenCalled(name string) tokenID { return tokenID{sum: sha256.Sum256([]byte(name))} }

func TestVerifiedTokensAreBounded(t *testing.T) {
	const most = 4000
	for name, size := range map[string]int{"by number": 10, "by bytes": mostVerifiedBytes / shards / 4} {
		v := newVerified(most)
		for i := range 3 * most {
			v.put(tokenCalled(strconv.Itoa(i)), &knownToken{until: time.Now().Add(time.Hour), bytes: size})
		}
		number, bytes := 0, 0
		for i := range v.shards {
			for _, generation := range []map[tokenID]*knownToken{v.shards[i].young, v.shards[i].old} {
				for _, t := range generation {
					number, bytes = number+1, bytes+t.bytes
				}
			}
		}
		if number > most || bytes > mostVerifiedBytes || number < shards {
			t.Errorf("%s: %d tokens, %d bytes", name, number, bytes)
		}
		huge := tokenCalled("huge")
		v.put(huge, &knownToken{until: time.Now().Add(time.Hour), bytes: mostVerifiedBytes})
		if v.get(huge, time.Now()) != nil {
			t.Error("a huge token is remembered")
		}
	}
}

func TestTokensThatComeOftenStay(t *testing.T) {
	const most = 2000
	v := newVerified(most)
	often := tokenCalled("often")
	v.put(often, &knownToken{until: time.Now().Add(time.Hour)})
	for i := range 5 * most {
		v.put(tokenCalled(strconv.Itoa(i)), &knownToken{until: time.Now().Add(time.Hour)})
		if v.get(often, time.Now()) == nil {
			t.Fatalf("gone after %d others", i)
		}
	}
	if v.get(tokenCalled("0"), time.Now()) != nil {
		t.Error("one that came once is still there")
	}
}

func TestVerifiedTokensExpire(t *testing.T) {
	key := keyFor(t, "HS256", "kid", "1")
	synctest.Test(t, func(t *testing.T) {
		k := keeperOf(t)
		g := guardOf(t, k, trusting("http://issuer", "HS256"))
		(&wire{reply: gives(setOf(t, key))}).over(g)
		token := "Authorization: " + signed(t, "HS256", key, fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Minute).Unix()))
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 200}, {60 * time.Second, 200}, {time.Second, 200}, {time.Millisecond, 401}} { // leeway is a second
			time.Sleep(step.wait)
			if got := statusOf(t, g, token); got != step.want {
				t.Errorf("after %s: got %d", step.wait, got)
			}
		}
	})
}
