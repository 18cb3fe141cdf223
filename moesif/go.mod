module github.com/gatemeter/gatemeter/moesif

go 1.25

require (
	github.com/andybalholm/brotli v1.2.8
	github.com/klauspost/compress v1.20.3
	go.uber.org/goleak v1.3.0
	pgregory.net/rapid v1.3.0
)
