// Command mydocker-runtime makes containers from bundles, as the OCI runtime
// specification has it. Engines call it instead of runc or crun.
package main

import (
	"os"

	"mydocker/bundle/scope"
	"mydocker/cli/runtimecmd"
)

func main() { os.Exit(runtimecmd.Main(os.Args[1:], scope.Driver{})) }
