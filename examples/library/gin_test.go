package library_test

import (
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/gatemeter/gatemeter/moesif"
)

// A service on gin. The integration goes around the engine; a middleware tells it
// the pattern.
func Example_gin() {
	collector := newCollector()
	integration := newIntegration(collector, moesif.Options{})

	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(gin.Recovery(), ginRoute)
	engine.GET("/orders/:id", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{"order": c.Param("id")})
	})
	service := httptest.NewServer(integration.Wrap(engine)) // not engine.Run: it would leave the integration out

	get(service.URL+"/orders/42", "X-User", "alice")
	get(service.URL + "/nowhere")
	finish(service, integration, collector)
	// Output:
	// Incoming GET /orders/42 200 route=/orders/:id user=alice identity=claimed
	// Incoming GET /nowhere 404 identity=none
}

// ginRoute tells the exchange which pattern matched; "" when none did.
func ginRoute(c *gin.Context) {
	moesif.From(c.Request.Context()).SetRoute(c.FullPath())
}
