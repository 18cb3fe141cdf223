//go:build gateway

package main

import "github.com/spf13/cobra"

// platformCommands is empty in the light binary: built with -tags gateway it has
// no platform, needs no cgo and runs anywhere.
func platformCommands() []*cobra.Command { return nil }
