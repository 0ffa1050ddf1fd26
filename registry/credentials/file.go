package credentials

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
)

// maxFile bounds a file of credentials, in bytes.
const maxFile = 8 << 20

// file is what is read of config.json and auth.json.
type file struct {
	Auths       map[string]entry  `json:"auths"`
	HTTPHeaders map[string]string `json:"HttpHeaders"`
	CredsStore  string            `json:"credsStore"`
	CredHelpers map[string]string `json:"credHelpers"`
}

// entry is one host's. Auth is the base64 of "name:password".
type entry struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	Auth          string `json:"auth,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"`
	RegistryToken string `json:"registrytoken,omitempty"`
}

// read returns an empty file where there is none.
func read(path string) (file, error) {
	data, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return file{}, nil
	}
	if err != nil {
		return file{}, errFile(path, err)
	}
	f, err := parse(data)
	if err != nil {
		return file{}, errFile(path, err)
	}
	return f, nil
}

func parse(data []byte) (file, error) {
	var f file
	if len(bytes.TrimSpace(data)) == 0 {
		return f, nil
	}
	err := json.Unmarshal(data, &f)
	return f, err
}

func readBounded(path string) ([]byte, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("more than %d bytes", maxFile)
	}
	return data, err
}

// get asks the helper program of the host first, then the entries. Keys are in
// the order of preference.
func (f file) get(ctx context.Context, host string, keys []string) (Credential, error) {
	if helper := f.helper(host); helper != "" {
		c, err := helperGet(ctx, helper, serverKey(host))
		if !errors.Is(err, errNone) {
			return c, err
		}
	}
	for _, key := range f.matching(keys) {
		c, err := f.Auths[key].credential()
		if err != nil {
			return c, fmt.Errorf("read credential of %s: %w", host, err)
		}
		if c != (Credential{}) {
			return c, nil
		}
	}
	return Credential{}, nil
}

// helper is the name of the program for a host, or empty.
func (f file) helper(host string) string {
	for _, key := range keysOf(host, "") {
		for name, helper := range f.CredHelpers {
			if bareKey(name) == key {
				return helper
			}
		}
	}
	return f.CredsStore
}

// matching lists the keys of the file that mean one of those wanted.
func (f file) matching(wanted []string) []string {
	var found []string
	for _, want := range wanted {
		for _, key := range []string{serverKey(want), want} { // as docker writes it now
			if _, ok := f.Auths[key]; ok {
				found = appendNew(found, key)
			}
		}
		for key := range f.Auths {
			if bareKey(key) == want {
				found = appendNew(found, key)
			}
		}
	}
	return found
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

func (e entry) credential() (Credential, error) {
	c := Credential{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, RegistryToken: e.RegistryToken}
	if e.Auth == "" {
		return c, nil
	}
	plain, err := base64.StdEncoding.DecodeString(e.Auth)
	if err != nil {
		return Credential{}, errors.New("auth is not base64")
	}
	name, password, ok := strings.Cut(strings.TrimRight(string(plain), "\x00"), ":")
	if !ok {
		return Credential{}, errors.New("auth has no colon between name and password")
	}
	c.Username, c.Password = name, password
	return c, nil
}

// entryOf is what docker writes: a name without password beside an identity
// token.
func entryOf(c Credential) *entry {
	e := &entry{IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken}
	if c.IdentityToken != "" {
		c.Password = ""
	}
	if c.Username != "" {
		e.Auth = base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password))
	}
	return e
}

// change writes one entry, or removes it where e is nil. All else in the file
// stays, known or not. A link at path is followed.
func change(path, key string, e *entry) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	lock, err := filelock.Dir(dir)
	if err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	defer lock.Close()
	data, err := readBounded(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errFile(path, err)
	}
	data, err = edit(data, key, e)
	if err != nil {
		return errFile(path, err)
	}
	return atomicfile.Write(path, data, 0o600, true)
}

// edit returns a config.json with one entry changed.
func edit(data []byte, key string, e *entry) ([]byte, error) {
	top, auths := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if len(bytes.TrimSpace(data)) > 0 {
		if err := json.Unmarshal(data, &top); err != nil {
			return nil, err
		}
	}
	if raw, ok := top["auths"]; ok {
		if err := json.Unmarshal(raw, &auths); err != nil {
			return nil, err
		}
	}
	if top == nil { // the file says null
		top = map[string]json.RawMessage{}
	}
	if auths == nil {
		auths = map[string]json.RawMessage{}
	}
	delete(auths, key)
	if e != nil {
		raw, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		auths[key] = raw
	}
	raw, err := json.Marshal(auths)
	if err != nil {
		return nil, err
	}
	top["auths"] = raw
	return json.MarshalIndent(top, "", "\t")
}
