package wire

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// Action is something a user did that is no API call (Moesif wire 2.3).
type Action struct {
	ActionName     string          `json:"action_name"`
	Request        ActionRequest   `json:"request"`
	TransactionID  string          `json:"transaction_id,omitempty"`
	SessionToken   string          `json:"session_token,omitempty"`
	UserID         string          `json:"user_id,omitempty"`
	CompanyID      string          `json:"company_id,omitempty"`
	SubscriptionID string          `json:"subscription_id,omitempty"`
	Metadata       json.RawMessage `json:"metadata,omitempty"`
}

// ActionRequest says where and when an action happened.
type ActionRequest struct {
	Time            time.Time `json:"time,omitzero"`
	URI             string    `json:"uri"`
	IPAddress       string    `json:"ip_address,omitempty"`
	UserAgentString string    `json:"user_agent_string,omitempty"`
}

// User is what is known of a user; an upsert is merged into the stored profile.
type User struct {
	UserID          string          `json:"user_id"`
	CompanyID       string          `json:"company_id,omitempty"`
	SessionToken    string          `json:"session_token,omitempty"`
	ModifiedTime    time.Time       `json:"modified_time,omitzero"`
	IPAddress       string          `json:"ip_address,omitempty"`
	UserAgentString string          `json:"user_agent_string,omitempty"`
	Metadata        json.RawMessage `json:"metadata,omitempty"`
	Campaign        *Campaign       `json:"campaign,omitempty"`
}

// Company is what is known of a company; an upsert is merged likewise.
type Company struct {
	CompanyID     string          `json:"company_id"`
	CompanyDomain string          `json:"company_domain,omitempty"`
	SessionToken  string          `json:"session_token,omitempty"`
	ModifiedTime  time.Time       `json:"modified_time,omitzero"`
	IPAddress     string          `json:"ip_address,omitempty"`
	Campaign      *Campaign       `json:"campaign,omitempty"`
	Metadata      json.RawMessage `json:"metadata,omitempty"`
}

// Campaign says what brought a user or company here.
type Campaign struct {
	UTMSource       string `json:"utm_source,omitempty"`
	UTMMedium       string `json:"utm_medium,omitempty"`
	UTMCampaign     string `json:"utm_campaign,omitempty"`
	UTMTerm         string `json:"utm_term,omitempty"`
	UTMContent      string `json:"utm_content,omitempty"`
	Referrer        string `json:"referrer,omitempty"`
	ReferringDomain string `json:"referring_domain,omitempty"`
	GCLID           string `json:"gclid,omitempty"`
}

// Subscription is a company's subscription to plans.
type Subscription struct {
	SubscriptionID     string             `json:"subscription_id"`
	CompanyID          string             `json:"company_id"`
	Status             string             `json:"status,omitempty"` // active, cancelled, paused, trialing, pending, draft, future
	CurrentPeriodStart time.Time          `json:"current_period_start,omitzero"`
	CurrentPeriodEnd   time.Time          `json:"current_period_end,omitzero"`
	Metadata           json.RawMessage    `json:"metadata,omitempty"`
	Items              []SubscriptionItem `json:"items,omitempty"`
}

// SubscriptionItem is one plan of a subscription.
type SubscriptionItem struct {
	PlanID             string          `json:"plan_id"`
	SubscriptionItemID string          `json:"subscription_item_id,omitempty"`
	PriceID            string          `json:"price_id,omitempty"`
	UnitOfMeasure      string          `json:"unit_of_measure,omitempty"`
	CreatedAt          time.Time       `json:"created_at,omitzero"`
	Metadata           json.RawMessage `json:"metadata,omitempty"`
}

// DecodeAction reads one action; action_name and request.uri must be there.
// Tolerance, memory and errors are those of DecodeEvent, as in all that follow.
func DecodeAction(data []byte) (Action, error) {
	var a Action
	err := read(data, "action", func(r *reader, t scan.Token) error {
		return r.fields(t, "action", fields{
			"action_name":     &a.ActionName,
			"transaction_id":  &a.TransactionID,
			"session_token":   &a.SessionToken,
			"user_id":         &a.UserID,
			"company_id":      &a.CompanyID,
			"subscription_id": &a.SubscriptionID,
			"metadata":        &a.Metadata,
			"request": fields{
				"time":              &a.Request.Time,
				"uri":               &a.Request.URI,
				"ip_address":        &a.Request.IPAddress,
				"user_agent_string": &a.Request.UserAgentString,
			},
		})
	})
	switch {
	case err != nil:
		return Action{}, err
	case a.ActionName == "":
		return Action{}, errors.New("action_name: missing")
	case a.Request.URI == "":
		return Action{}, errors.New("request.uri: missing")
	}
	return a, nil
}

// DecodeUser reads one user; user_id must be there.
func DecodeUser(data []byte) (User, error) {
	var u User
	err := read(data, "user", func(r *reader, t scan.Token) error {
		return r.fields(t, "user", fields{
			"user_id":           &u.UserID,
			"company_id":        &u.CompanyID,
			"session_token":     &u.SessionToken,
			"modified_time":     &u.ModifiedTime,
			"ip_address":        &u.IPAddress,
			"user_agent_string": &u.UserAgentString,
			"metadata":          &u.Metadata,
			"campaign":          &u.Campaign,
		})
	})
	if err == nil && u.UserID == "" {
		err = errors.New("user_id: missing")
	}
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// DecodeCompany reads one company; company_id must be there.
func DecodeCompany(data []byte) (Company, error) {
	var c Company
	err := read(data, "company", func(r *reader, t scan.Token) error {
		return r.fields(t, "company", fields{
			"company_id":     &c.CompanyID,
			"company_domain": &c.CompanyDomain,
			"session_token":  &c.SessionToken,
			"modified_time":  &c.ModifiedTime,
			"ip_address":     &c.IPAddress,
			"campaign":       &c.Campaign,
			"metadata":       &c.Metadata,
		})
	})
	if err == nil && c.CompanyID == "" {
		err = errors.New("company_id: missing")
	}
	if err != nil {
		return Company{}, err
	}
	return c, nil
}

// DecodeSubscription reads one subscription; subscription_id, company_id and the
// plan_id of every item must be there.
func DecodeSubscription(data []byte) (Subscription, error) {
	var s Subscription
	err := read(data, "subscription", func(r *reader, t scan.Token) error {
		return r.fields(t, "subscription", fields{
			"subscription_id":      &s.SubscriptionID,
			"company_id":           &s.CompanyID,
			"status":               &s.Status,
			"current_period_start": &s.CurrentPeriodStart,
			"current_period_end":   &s.CurrentPeriodEnd,
			"metadata":             &s.Metadata,
			"items":                &s.Items,
		})
	})
	switch {
	case err != nil:
		return Subscription{}, err
	case s.SubscriptionID == "":
		return Subscription{}, errors.New("subscription_id: missing")
	case s.CompanyID == "":
		return Subscription{}, errors.New("company_id: missing")
	}
	for _, item := range s.Items {
		if item.PlanID == "" {
			return Subscription{}, errors.New("items.plan_id: missing")
		}
	}
	return s, nil
}

func (r *reader) items(dst *[]SubscriptionItem, t scan.Token, name string) error {
	*dst = nil
	return r.elements(t, name, func(t scan.Token) error {
		var i SubscriptionItem
		err := r.fields(t, name, fields{
			"plan_id":              &i.PlanID,
			"subscription_item_id": &i.SubscriptionItemID,
			"price_id":             &i.PriceID,
			"unit_of_measure":      &i.UnitOfMeasure,
			"created_at":           &i.CreatedAt,
			"metadata":             &i.Metadata,
		})
		*dst = append(*dst, i)
		return err
	})
}

func (r *reader) campaign(dst **Campaign, t scan.Token, name string) error {
	*dst = nil
	if t.Kind != scan.BeginObject {
		return r.nothing(t, name, "an object")
	}
	c := &Campaign{}
	*dst = c
	return r.fields(t, name, fields{
		"utm_source":       &c.UTMSource,
		"utm_medium":       &c.UTMMedium,
		"utm_campaign":     &c.UTMCampaign,
		"utm_term":         &c.UTMTerm,
		"utm_content":      &c.UTMContent,
		"referrer":         &c.Referrer,
		"referring_domain": &c.ReferringDomain,
		"gclid":            &c.GCLID,
	})
}
