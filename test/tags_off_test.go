//go:build !soak

package test

// buildTags are those with which gatemeter is built for the tests.
const buildTags = ""
