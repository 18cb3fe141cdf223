package pipe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gatemeter/gatemeter/gateway/auth"
	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/moesif/scan"
)

// signer makes tokens of claims sets in an endpoint's data (auth/signer; KrakenD v3,
// 2.1). A name that is not there, or whose value is no object, is passed over: what a
// backend has made a token of already stays as it is.
type signer struct {
	*auth.Signer
}

// sign gives answer with its tokens. Nothing is signed of an answer that is partial:
// what was wrong with it becomes the whole answer, as with KrakenD.
func (s *signer) sign(ctx context.Context, answer *backend.Answer, err error) (*backend.Answer, error) {
	if answer == nil {
		return nil, err
	}
	if err == nil {
		var signed *backend.Answer
		status, header := answer.Status, answer.Header // a script's
		if signed, err = s.tokens(ctx, answer); err == nil {
			signed.Status, signed.Header = status, header
			return signed, nil
		}
		err = fmt.Errorf("auth/signer: %w", err)
	}
	answer.Release()
	return nil, err
}

// tokens takes answer, unless there is an error.
func (s *signer) tokens(ctx context.Context, answer *backend.Answer) (*backend.Answer, error) {
	if claims, ok := s.find(answer.Raw); ok {
		var err error
		signed := backend.NewRaw(func(out *bytes.Buffer) bool {
			err = s.splice(ctx, out, answer.Raw, claims)
			return err == nil
		})
		if err == nil {
			answer.Release()
		}
		return signed, err
	}
	if err := answer.Decode(); err != nil {
		return nil, err
	}
	for _, name := range s.Keys {
		claims, ok := answer.Data[name].(map[string]any)
		if !ok {
			continue
		}
		token, err := s.Sign(ctx, claims)
		if err != nil {
			return nil, err
		}
		answer.Data[name] = token
	}
	return answer, nil
}

// find gives the claims sets in raw, an object. It reports whether they are certain:
// keys with escapes and those that stand twice are left to whoever decodes, as is what
// is not there.
func (s *signer) find(raw []byte) (claims []scan.Token, ok bool) {
	var seen keys
	in := scan.New(raw)
	if _, err := in.Next(); err != nil {
		return nil, false
	}
	for {
		key, err := in.Next()
		if err != nil {
			return nil, false
		}
		if key.Kind == scan.EndObject {
			return claims, true
		}
		value, err := in.Skip()
		name := plainKey(in.Bytes(key))
		if err != nil || name == nil || !seen.add(name) {
			return nil, false
		}
		if value.Kind == scan.BeginObject && slices.Contains(s.Keys, string(name)) {
			claims = append(claims, value)
		}
	}
}

// splice writes raw to out, with tokens in place of claims.
func (s *signer) splice(ctx context.Context, out *bytes.Buffer, raw []byte, claims []scan.Token) error {
	from := 0
	for _, value := range claims {
		token, err := s.token(ctx, raw[value.Start:value.End])
		if err != nil {
			return err
		}
		out.Write(raw[from:value.Start])
		out.Write(token)
		from = value.End
	}
	out.Write(raw[from:])
	return nil
}

// token is that of an object, as JSON.
func (s *signer) token(ctx context.Context, object []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	var claims map[string]any
	if err := d.Decode(&claims); err != nil {
		return nil, err
	}
	token, err := s.Sign(ctx, claims)
	if err != nil {
		return nil, err
	}
	return json.Marshal(token)
}
