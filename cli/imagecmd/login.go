package imagecmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mydocker/cli"
	"mydocker/registry/credentials"
)

// hub is the registry of names that have none, as config.json and people name it.
const hub, hubsKey = "docker.io", "https://index.docker.io/v1/"

// maxPassword bounds what is read from standard input, in bytes.
const maxPassword = 64 << 10

type loginFlags struct {
	user, password string
	stdin          bool
}

func login(d *cli.Door) *cobra.Command {
	var l loginFlags
	c := &cobra.Command{Use: "login [OPTIONS] [SERVER]", Args: d.Between(0, 1),
		Long: "Show a user name and a password, or a token in its place, to a registry, and keep them\nfor pull and push. Without a server it is docker.io.",
		Example: "  mydocker login -u me registry.example:5000\n" +
			"  pass registry | mydocker login -u me --password-stdin registry.example"}
	f := c.Flags()
	f.StringVarP(&l.user, "username", "u", "", "Username")
	f.StringVarP(&l.password, "password", "p", "", "Password or token: others see it in the list of processes")
	f.BoolVar(&l.stdin, "password-stdin", false, "Take the password or token from standard input")
	c.RunE = run(func(ctx context.Context, args []string) error { return l.login(ctx, d, server(args)) })
	return c
}

// server is the registry of the arguments: host[:port], however it is written.
func server(args []string) string {
	if len(args) == 0 {
		return hub
	}
	host := strings.TrimPrefix(strings.TrimPrefix(args[0], "https://"), "http://")
	host, _, _ = strings.Cut(host, "/")
	switch host {
	case "index.docker.io", "registry-1.docker.io":
		return hub
	}
	return host
}

func (l *loginFlags) login(ctx context.Context, d *cli.Door, host string) error {
	if err := l.ask(d, host); err != nil {
		return err
	}
	c, err := client(d)
	if err != nil {
		return err
	}
	defer c.Close()
	kept, err := c.Login(ctx, host, credentials.Credential{Username: l.user, Password: l.password})
	if err != nil {
		return fmt.Errorf("login to %s: %w", host, err)
	}
	s := store(d)
	helper, err := s.Put(ctx, host, kept)
	if err != nil {
		return fmt.Errorf("login to %s: keep the credential: %w", host, err)
	}
	if helper == "" {
		d.Warn(fmt.Sprintf("the password is kept unencrypted in %s: a credential helper (credsStore) would not", s.Config))
	}
	fmt.Fprintln(d.Out, "Login Succeeded")
	return nil
}

// ask gets what the flags do not say.
func (l *loginFlags) ask(d *cli.Door, host string) error {
	switch {
	case l.stdin && l.password != "":
		return errors.New("--password and --password-stdin are mutually exclusive")
	case l.stdin && l.user == "":
		return errors.New("--password-stdin needs --username")
	case l.stdin:
		b, err := io.ReadAll(io.LimitReader(d.In, maxPassword+1))
		if err == nil && len(b) > maxPassword {
			err = fmt.Errorf("it has more than %d bytes", maxPassword)
		}
		if err != nil {
			return fmt.Errorf("read the password: %w", err)
		}
		l.password = strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	case l.password != "":
		d.Warn("a password on the command line is seen by other users: use --password-stdin")
	case !term.IsTerminal(int(d.In.Fd())):
		return errors.New("standard input is no terminal to ask for the password: use --username and --password-stdin")
	}
	if l.user == "" {
		fmt.Fprintf(d.Err, "Username for %s: ", host)
		line, err := bufio.NewReader(d.In).ReadString('\n')
		if l.user = strings.TrimSpace(line); err != nil && l.user == "" {
			return fmt.Errorf("read the user name: %w", err)
		}
	}
	if l.user == "" {
		return errors.New("no user name was given")
	}
	if l.password == "" && !l.stdin {
		var err error
		if l.password, err = hidden(d); err != nil {
			return fmt.Errorf("read the password: %w", err)
		}
	}
	if l.password == "" {
		return errors.New("no password was given")
	}
	return nil
}

// hidden reads a line that the terminal does not show.
func hidden(d *cli.Door) (string, error) {
	fmt.Fprint(d.Err, "Password: ")
	b, err := term.ReadPassword(int(d.In.Fd()))
	fmt.Fprintln(d.Err)
	return string(b), err
}

func logout(d *cli.Door) *cobra.Command {
	c := &cobra.Command{Use: "logout [SERVER]", Args: d.Between(0, 1), Long: "Forget the credential of a registry. Without a server it is docker.io."}
	c.RunE = run(func(ctx context.Context, args []string) error {
		host := server(args)
		was, err := store(d).Erase(ctx, host)
		if err != nil {
			return fmt.Errorf("logout of %s: %w", host, err)
		}
		name := host
		if host == hub {
			name = hubsKey
		}
		if !was {
			fmt.Fprintf(d.Out, "Not logged in to %s\n", name)
			return nil
		}
		fmt.Fprintf(d.Out, "Removing login credentials for %s\n", name)
		return nil
	})
	return c
}
