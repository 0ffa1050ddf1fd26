// Package credentials finds and keeps the names and passwords of registries
// where docker keeps them: config.json, and the programs that it names. What
// only podman knows (auth.json) is found, too.
package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Credential is what a registry is shown. The zero value is nobody.
type Credential struct {
	Username, Password string
	IdentityToken      string // instead of a password: for the token server only
	RegistryToken      string // a bearer token, used as it is
}

// hubKey is under which docker keeps what is for docker.io.
const (
	hub    = "docker.io"
	hubKey = "https://index." + hub + "/v1/"
)

// tokenUser is the name by which a helper program says that the secret is an
// identity token.
const tokenUser = "<token>"

// Store is one user's credentials. Its methods read the files anew.
type Store struct {
	Config  string   // docker's config.json, the one that is written
	Readers []string // auth.json files, read where Config has nothing
}

// Open says where a user's files are; none need be there. getenv is os.Getenv.
func Open(getenv func(string) string) Store {
	dir, home := getenv("DOCKER_CONFIG"), getenv("HOME")
	if dir == "" {
		dir = filepath.Join(home, ".docker")
	}
	s := Store{Config: filepath.Join(dir, "config.json")}
	if file := getenv("REGISTRY_AUTH_FILE"); file != "" {
		s.Readers = append(s.Readers, file)
	}
	if run := getenv("XDG_RUNTIME_DIR"); run != "" {
		s.Readers = append(s.Readers, filepath.Join(run, "containers/auth.json"))
	}
	config := getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	s.Readers = append(s.Readers, filepath.Join(config, "containers/auth.json"))
	return s
}

// Get returns what a registry is to be shown for one of its repositories, which
// matters to auth.json alone. Host is as in a name: "docker.io", "host:5000".
func (s Store) Get(ctx context.Context, host, repository string) (Credential, error) {
	for i, path := range append([]string{s.Config}, s.Readers...) {
		f, err := read(path)
		if err != nil {
			return Credential{}, err
		}
		keys := keysOf(host, "")
		if i > 0 {
			keys = keysOf(host, repository)
		}
		c, err := f.get(ctx, host, keys)
		if err != nil || c != (Credential{}) {
			return c, err
		}
	}
	return Credential{}, nil
}

// Headers are those that every request to a registry shall have (HttpHeaders).
func (s Store) Headers() (map[string]string, error) {
	f, err := read(s.Config)
	return f.HTTPHeaders, err
}

// Put keeps a credential: by the helper program if there is one for the host,
// else in the file, where it is not encrypted. It returns the helper's name.
func (s Store) Put(ctx context.Context, host string, c Credential) (helper string, err error) {
	f, err := read(s.Config)
	if err != nil {
		return "", err
	}
	if helper = f.helper(host); helper != "" {
		if err := helperStore(ctx, helper, serverKey(host), c); err != nil {
			return helper, err
		}
		// Docker leaves an empty entry, by which it finds who is logged in.
		return helper, change(s.Config, serverKey(host), &entry{})
	}
	return "", change(s.Config, serverKey(host), entryOf(c))
}

// Erase forgets a host's credential. It reports whether there was one.
func (s Store) Erase(ctx context.Context, host string) (bool, error) {
	f, err := read(s.Config)
	if err != nil {
		return false, err
	}
	had := false
	for _, key := range f.matching(keysOf(host, "")) {
		had = true
		if err := change(s.Config, key, nil); err != nil {
			return had, err
		}
	}
	helper := f.helper(host)
	if helper == "" {
		return had, nil
	}
	err = helperErase(ctx, helper, serverKey(host))
	if errors.Is(err, errNone) {
		return had, nil
	}
	return true, err
}

// serverKey is the name of a host in config.json and for helper programs.
func serverKey(host string) string {
	if host == hub {
		return hubKey
	}
	return host
}

// keysOf lists the names of a host, the closest to the repository first.
func keysOf(host, repository string) []string {
	var keys []string
	for p := repository; p != "" && p != "."; p = filepath.Dir(p) {
		keys = append(keys, host+"/"+p)
	}
	keys = append(keys, host)
	if host == hub {
		keys = append(keys, "index."+hub, "registry-1."+hub)
	}
	return keys
}

// bareKey takes scheme, version and final slash from a key, as old files have
// them: "https://host/v1/" is "host".
func bareKey(key string) string {
	_, rest, ok := strings.Cut(key, "://")
	if !ok {
		rest = key
	}
	rest = strings.TrimSuffix(rest, "/")
	for _, version := range []string{"/v1", "/v2"} {
		rest = strings.TrimSuffix(rest, version)
	}
	return rest
}

// errFile wraps what is wrong with a file of credentials.
func errFile(path string, err error) error {
	if os.IsPermission(err) {
		return fmt.Errorf("read credentials: %w", err)
	}
	return fmt.Errorf("read credentials of %s: %w", path, err)
}
