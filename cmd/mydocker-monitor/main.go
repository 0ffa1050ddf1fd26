// Command mydocker-monitor stays with one running container: see package
// monitor. It is the same program as "mydocker" under that name, and a quarter
// of its size.
package main

import (
	"os"

	"mydocker/monitor"
)

func main() { os.Exit(monitor.Main(os.Args[1:])) }
