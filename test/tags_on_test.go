//go:build soak

package test

// buildTags let the platform die at failpoints.
const buildTags = "failpoints"
