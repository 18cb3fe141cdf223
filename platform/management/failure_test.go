package management

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/platform/events"
)

func TestAQuestionThatNeedsTooMuchMemoryIsToldSo(t *testing.T) {
	p := failure(t.Context(), fmt.Errorf("%w: Out of Memory Error: failed to pin block", events.ErrMemory))
	if p == nil || p.Status != http.StatusServiceUnavailable || !strings.Contains(p.Detail, "shorter range") || strings.Contains(p.Detail, "pin block") {
		t.Errorf("%+v", p)
	}
}
