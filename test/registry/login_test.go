// Package registry_test has the command speak to a registry of another project.
package registry_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mydocker/internal/testenv"
)

// A user has a home and settings of its own.
type user struct {
	t       *testing.T
	binary  string
	env     []string
	home    string
	root    string // of the engine
	machine testenv.Registry
}

func newUser(t *testing.T, o testenv.RegistryOptions) *user {
	t.Helper()
	testenv.Root(t)
	u := &user{t: t, machine: testenv.StartRegistry(t, o), binary: testenv.Binary(t), home: testenv.Dir(t)}
	e := testenv.NewEngine(t)
	u.root = e.Root
	u.env = append(os.Environ(), "HOME="+u.home, "DOCKER_CONFIG="+filepath.Join(u.home, ".docker"), "XDG_RUNTIME_DIR="+u.home,
		"MYDOCKER_ROOT="+e.Root, "MYDOCKER_STATE="+e.State)
	return u
}

// do runs a command, with that on its standard input.
func (u *user) do(input string, args ...string) (out string, code int) {
	u.t.Helper()
	c := exec.Command(u.binary, args...)
	c.Env, c.Stdin = u.env, strings.NewReader(input)
	b, err := c.CombinedOutput()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		u.t.Fatal(err)
	}
	return string(b), c.ProcessState.ExitCode()
}

// apart is do without an input, and with the two outputs by themselves.
func (u *user) apart(args ...string) (out, errs string, code int) {
	u.t.Helper()
	var stdout, stderr strings.Builder
	c := exec.Command(u.binary, args...)
	c.Env, c.Stdout, c.Stderr = u.env, &stdout, &stderr
	if err := c.Run(); c.ProcessState == nil {
		u.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), c.ProcessState.ExitCode()
}

func (u *user) says(code int, want, input string, args ...string) {
	u.t.Helper()
	out, got := u.do(input, args...)
	if got != code || !strings.Contains(out, want) {
		u.t.Errorf("%q: exit code %d, %s; want %d and %q", args, got, out, code, want)
	}
}

func TestLogin(t *testing.T) {
	u := newUser(t, testenv.RegistryOptions{Password: true})
	host := u.machine.Host
	u.push("image:1")
	u.says(1, "denied", "", "manifest", "inspect", host+"/image:1")
	u.says(1, "unauthorized", "wrong", "login", "-u", "user", "--password-stdin", host)
	u.says(1, "no password", "\n", "login", "-u", "user", "--password-stdin", host)
	u.says(1, "needs --username", "secret", "login", "--password-stdin", host)
	u.says(1, "no terminal", "secret", "login", "-u", "user", host)
	u.says(1, "mutually exclusive", "secret", "login", "-u", "user", "-p", "x", "--password-stdin", host)
	if _, err := os.Stat(filepath.Join(u.home, ".docker")); err == nil {
		t.Error("a failed login left a file")
	}
	u.says(0, "Login Succeeded\n", "secret\n", "login", "-u", "user", "--password-stdin", "http://"+host+"/v2/")
	u.says(0, `"schemaVersion": 2`, "", "manifest", "inspect", host+"/image:1")
	u.says(1, "not found", "", "manifest", "inspect", host+"/image:2")
	// skopeo finds it where Docker would.
	cmd := exec.Command("skopeo", "inspect", "--tls-verify=false", "docker://"+host+"/image:1")
	cmd.Env = append(u.env, "REGISTRY_AUTH_FILE="+filepath.Join(u.home, ".docker", "config.json"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("skopeo: %v %s", err, out)
	}
	u.says(0, "Removing login credentials for "+host+"\n", "", "logout", host)
	u.says(0, "Not logged in to "+host+"\n", "", "logout", host)
	u.says(1, "denied", "", "manifest", "inspect", host+"/image:1")
}

// push brings an image to the registry with skopeo.
func (u *user) push(name string) {
	u.t.Helper()
	if _, err := exec.LookPath("skopeo"); err != nil {
		u.t.Skip("needs the command skopeo")
	}
	dir := filepath.Join(u.home, "layout")
	for _, words := range [][]string{
		{"umoci", "init", "--layout", dir}, {"umoci", "new", "--image", dir + ":x"},
		{"skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", "--dest-creds", "user:secret", "oci:" + dir + ":x", "docker://" + u.machine.Host + "/" + name},
	} {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			u.t.Fatalf("%q: %v %s", words, err, out)
		}
	}
}
