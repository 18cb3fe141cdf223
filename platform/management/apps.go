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
	a.handleAny("GET /v1/~/apps", access.ReadApps, func(c call) error {
		list := []appDocument{}
		for _, app := range a.Gate.Applications() {
			list = append(list, appDocument{ID: app.ID, AppID: appID(app), OrgID: orgID, Name: app.Name, CreatedAt: app.CreatedAt})
		}
		return c.answer(http.StatusOK, list)
	})
}
