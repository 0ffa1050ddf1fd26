// Command mydocker makes, runs, explains and removes containers. Under the
// name mydocker-monitor it is the process that stays with one; under the name
// mydocker-runtime it makes containers from bundles.
package main

import (
	"os"
	"path/filepath"

	"mydocker/cli"
	"mydocker/cli/runtimecmd"
	"mydocker/monitor"
)

func main() {
	switch name := filepath.Base(os.Args[0]); {
	case name == monitor.Name:
		os.Exit(monitor.Main(os.Args[1:]))
	case name == runtimecmd.Name:
		os.Exit(runtimecmd.Main(os.Args[1:], nil))
	}
	os.Exit(cli.Main(os.Args[1:], cli.System()))
}
