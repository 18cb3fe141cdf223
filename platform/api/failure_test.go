package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/events"
)

func TestAQuestionThatNeedsTooMuchMemoryIsToldSo(t *testing.T) {
	err := (&api{}).failure(t.Context(), fmt.Errorf("%w: Out of Memory Error: failed to pin block", events.ErrMemory))
	var answer huma.StatusError
	if !errors.As(err, &answer) || answer.GetStatus() != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "shorter range") || strings.Contains(err.Error(), "pin block") {
		t.Errorf("answered with %v", err)
	}
}
