package customers_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/state"
)

// lastSeen reads the table, past the store.
func lastSeen(t *testing.T, db *state.DB, table, id string) (at int64) {
	t.Helper()
	if err := db.Reader().QueryRowContext(t.Context(), "SELECT last_seen FROM "+table+" WHERE app = 'app' AND id = ?", id).Scan(&at); err != nil {
		t.Fatal(err)
	}
	return at
}

func TestALaterLastIsGatheredAndReadAtOnce(t *testing.T) {
	s, db := openStoreAndState(t)
	see := func(minute int) {
		t.Helper()
		at := noon.Add(time.Duration(minute) * time.Minute)
		err := s.Seen(t.Context(), "app", []customers.Seen{
			{Kind: customers.KindUser, ID: "ada", First: at, Last: at, Company: "acme"},
			{Kind: customers.KindCompany, ID: "acme", First: at, Last: at},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	stored := func(minute int) {
		t.Helper()
		want := noon.Add(time.Duration(minute) * time.Minute).UnixMicro()
		if lastSeen(t, db, "users", "ada") != want || lastSeen(t, db, "companies", "acme") != want {
			t.Errorf("what is stored is not of minute %d", minute)
		}
	}
	see(1)
	stored(1) // a new customer: at once
	see(5)
	see(3)
	stored(1)
	if u, err := s.User(t.Context(), "app", "ada"); err != nil || !u.LastSeen.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("%+v, %v", u, err)
	}
	stored(5)
	see(6)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored(6)
}

// TestSeenAgainBringsBackWhatACrashTook goes on with a store that knows nothing of what
// the one before it had gathered.
func TestSeenAgainBringsBackWhatACrashTook(t *testing.T) {
	s, db := openStoreAndState(t)
	later := noon.Add(time.Hour)
	seen := []customers.Seen{{Kind: customers.KindUser, ID: "ada", First: noon, Last: noon}, {Kind: customers.KindUser, ID: "gone", First: noon, Last: noon}}
	if err := s.Seen(t.Context(), "app", seen); err != nil {
		t.Fatal(err)
	}
	for i := range seen {
		seen[i].Last = later
	}
	if err := s.Seen(t.Context(), "app", seen); err != nil {
		t.Fatal(err)
	}
	if err := customers.New(db, time.Now).Delete(t.Context(), "app", customers.KindUser, "gone"); err != nil {
		t.Fatal(err)
	}
	if got := lastSeen(t, db, "users", "ada"); got != noon.UnixMicro() {
		t.Fatalf("it was written at once: %d", got)
	}
	if err := customers.New(db, time.Now).SeenAgain(t.Context(), "app", seen); err != nil {
		t.Fatal(err)
	}
	if got := lastSeen(t, db, "users", "ada"); got != later.UnixMicro() {
		t.Errorf("last seen is %d", got)
	}
	if n, err := s.Count(t.Context(), "app", customers.KindUser); err != nil || n != 1 {
		t.Errorf("%d users, %v: one who was deleted is back", n, err)
	}
}

// TestGatheringChangesNothing tells two stores the same, one of which forgets what it
// has gathered before each step, so that it writes everything at once.
func TestGatheringChangesNothing(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		gathering, _ := openStoreAndState(t)
		_, db := openStoreAndState(t)
		for range 120 {
			id, company := fmt.Sprint(rng.IntN(3)), []string{"", "a", "b"}[rng.IntN(3)]
			at := noon.Add(time.Duration(rng.IntN(50)) * time.Minute)
			step, both := rng.IntN(12), []*customers.Store{gathering, customers.New(db, func() time.Time { return noon })}
			for _, s := range both {
				var err error
				switch step {
				case 0:
					_, err = s.UpsertUsers(t.Context(), "app", []wire.User{{UserID: id, CompanyID: company}})
				case 1:
					_ = s.Delete(t.Context(), "app", customers.KindUser, id) // there may be none
				case 2:
					_, err = s.Forget(t.Context(), "app", customers.KindCompany, "a")
				case 3:
					err = s.Flush(t.Context())
				default:
					err = s.Seen(t.Context(), "app", []customers.Seen{
						{Kind: customers.KindUser, ID: id, First: at, Last: at.Add(time.Minute), Company: company},
						{Kind: customers.KindUser, ID: id, First: at.Add(-time.Minute), Last: at},
						{Kind: customers.KindCompany, ID: "c" + id, First: at, Last: at},
					})
				}
				if err == nil && s != gathering {
					err = s.Flush(t.Context())
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		at := customers.New(db, time.Now)
		for i := range 3 {
			got, err1 := gathering.User(t.Context(), "app", fmt.Sprint(i))
			want, err2 := at.User(t.Context(), "app", fmt.Sprint(i))
			if fmt.Sprint(got, err1) != fmt.Sprint(want, err2) {
				t.Errorf("seed %d, user %d: %+v, %v; want %+v, %v", seed, i, got, err1, want, err2)
			}
			gotC, err1 := gathering.Company(t.Context(), "app", fmt.Sprint("c", i))
			wantC, err2 := at.Company(t.Context(), "app", fmt.Sprint("c", i))
			if fmt.Sprint(gotC, err1) != fmt.Sprint(wantC, err2) {
				t.Errorf("seed %d, company %d: %+v, %v; want %+v, %v", seed, i, gotC, err1, wantC, err2)
			}
		}
	}
}
