package management

import (
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
)

// appDocument is an application, without the id that could send events.
type appDocument struct {
	ID        string    `json:"_id"`
	AppID     string    `json:"app_id"`
	OrgID     string    `json:"org_id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created"`
}

func (a *API) addApps() {
	// Not by handle: it is asked to learn what app_id can be.
	a.mux.HandleFunc("GET /v1/~/apps", func(w http.ResponseWriter, r *http.Request) {
		_, err := a.who(r, access.ReadApps)
		if err == nil {
			err = a.quota.take(r.Header.Get("Authorization"))
		}
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		list := []appDocument{}
		for _, app := range a.Gate.Applications() {
			list = append(list, appDocument{ID: app.ID, AppID: appID(app), OrgID: orgID, Name: app.Name, CreatedAt: app.CreatedAt})
		}
		write(w, http.StatusOK, "application/json", list)
	})
}
