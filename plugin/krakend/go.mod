module github.com/gatemeter/gatemeter/plugin/krakend

go 1.25

require github.com/gatemeter/gatemeter/moesif v0.0.0

require (
	github.com/andybalholm/brotli v1.2.8 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
)

replace github.com/gatemeter/gatemeter/moesif => ../../moesif
