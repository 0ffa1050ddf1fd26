// Package imagecmd has the commands that speak to registries. They are linked into
// a program of their own, see [cli.ImageProgram].
package imagecmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"mydocker/cli"
	"mydocker/registry"
	"mydocker/registry/credentials"
)

// Commands lists them.
func Commands() []cli.Command {
	return []cli.Command{{Name: "login", New: login}, {Name: "logout", New: logout}, {Name: "manifest", New: manifest}, {Name: "pull", New: pullCommand}}
}

// Files of the administrator: the engine's own, Docker's, and certificates.
const (
	hostsFile   = "/etc/mydocker/registries.json"
	dockersFile = "/etc/docker/daemon.json"
	certsDir    = "/etc/docker/certs.d"
)

// store is where the user's credentials are.
func store(d *cli.Door) credentials.Store {
	return credentials.Open(func(name string) string { v, _ := d.Env(name); return v })
}

// client speaks to registries as the user does. Those that are named insecure
// are, besides those of the administrator.
func client(d *cli.Door, insecure ...string) (*registry.Client, error) {
	hosts, err := registry.LoadHosts(hostsFile, dockersFile)
	if err != nil {
		return nil, err
	}
	hosts.Insecure = append(hosts.Insecure, insecure...)
	s := store(d)
	header, err := s.Headers()
	if err != nil {
		return nil, err
	}
	return registry.New(registry.Options{
		UserAgent: "mydocker/" + d.Version(), Credentials: s.Get, Header: header, Hosts: hosts, CertsDir: certsDir,
	}), nil
}

// interrupted ends a context when the user wants that.
func interrupted() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// run makes a command's function of one that can be interrupted.
func run(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(_ *cobra.Command, args []string) error {
		ctx, stop := interrupted()
		defer stop()
		return f(ctx, args)
	}
}
