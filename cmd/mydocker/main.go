// Command mydocker makes, runs, explains and removes containers. Under the
// name mydocker-monitor it is the process that stays with one.
package main

import (
	"os"
	"path/filepath"

	"mydocker/cli"
	"mydocker/monitor"
)

func main() {
	if filepath.Base(os.Args[0]) == monitor.Name {
		os.Exit(monitor.Main(os.Args[1:]))
	}
	os.Exit(cli.Main(os.Args[1:], cli.System()))
}
