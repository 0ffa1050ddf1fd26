// Command mydocker makes, runs, explains and removes containers.
package main

import (
	"os"

	"mydocker/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], cli.System())) }
