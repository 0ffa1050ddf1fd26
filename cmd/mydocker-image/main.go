// Command mydocker-image has those commands of mydocker that speak to
// registries. mydocker becomes it where they are called.
package main

import (
	"os"

	"mydocker/cli"
	"mydocker/cli/imagecmd"
)

func main() { os.Exit(cli.Main(os.Args[1:], cli.System(), imagecmd.Commands()...)) }
