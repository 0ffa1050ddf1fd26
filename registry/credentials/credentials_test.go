package credentials

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestOpen(t *testing.T) {
	env := map[string]string{"HOME": "/h", "XDG_RUNTIME_DIR": "/r", "REGISTRY_AUTH_FILE": "/x.json"}
	s := Open(func(k string) string { return env[k] })
	if s.Config != "/h/.docker/config.json" || strings.Join(s.Readers, " ") !=
		"/x.json /r/containers/auth.json /h/.config/containers/auth.json" {
		t.Errorf("%+v", s)
	}
	env["DOCKER_CONFIG"] = "/d"
	if s := Open(func(k string) string { return env[k] }); s.Config != "/d/config.json" {
		t.Errorf("%+v", s)
	}
}

func TestGet(t *testing.T) {
	dir := t.TempDir()
	s := Store{Config: filepath.Join(dir, "config.json"), Readers: []string{filepath.Join(dir, "auth.json")}}
	if c, err := s.Get(t.Context(), "docker.io", "library/a"); c != (Credential{}) || err != nil {
		t.Errorf("without files: %+v, %v", c, err)
	}
	put(t, s.Config, `{"HttpHeaders": {"X-A": "b"}, "auths": {
		"https://index.docker.io/v1/": {"auth": "`+b64("hub:p:w")+`"},
		"https://old.example/v2/": {"auth": "`+b64("old:1")+`"},
		"id.example": {"auth": "`+b64("me:")+`", "identitytoken": "idt"},
		"reg.example": {"registrytoken": "regt"},
		"plain.example": {"username": "u", "password": "p"},
		"empty.example": {}}}`)
	put(t, s.Readers[0], `{"auths": {
		"empty.example": {"auth": "`+b64("podman:1")+`"},
		"deep.example/a/b": {"auth": "`+b64("ab:1")+`"},
		"deep.example": {"auth": "`+b64("top:1")+`"}}}`)
	for _, c := range []struct {
		host, repository string
		want             Credential
	}{
		{"docker.io", "library/a", Credential{Username: "hub", Password: "p:w"}},
		{"old.example", "a", Credential{Username: "old", Password: "1"}},
		{"id.example", "a", Credential{Username: "me", IdentityToken: "idt"}},
		{"reg.example", "a", Credential{RegistryToken: "regt"}},
		{"plain.example", "a", Credential{Username: "u", Password: "p"}},
		{"empty.example", "a", Credential{Username: "podman", Password: "1"}},
		{"deep.example", "a/b/c", Credential{Username: "ab", Password: "1"}},
		{"deep.example", "a", Credential{Username: "top", Password: "1"}},
		{"deep.example:1", "a", Credential{}},
		{"example", "a", Credential{}},
	} {
		if got, err := s.Get(t.Context(), c.host, c.repository); got != c.want || err != nil {
			t.Errorf("%s/%s: %+v, %v, want %+v", c.host, c.repository, got, err, c.want)
		}
	}
	if h, err := s.Headers(); h["X-A"] != "b" || err != nil {
		t.Errorf("headers: %v, %v", h, err)
	}
}

func TestGetErrors(t *testing.T) {
	s := Store{Config: filepath.Join(t.TempDir(), "config.json")}
	for text, want := range map[string]string{
		`{"auths": {"h": {"auth": "%"}}}`:                   "auth is not base64",
		`{"auths": {"h": {"auth": "` + b64("name") + `"}}}`: "no colon",
		`{"auths": 1}`:                           s.Config,
		`{"credsStore": "../evil"}`:              "not a name",
		`{"credsStore": "that-is-nowhere"}`:      "docker-credential-that-is-nowhere",
		"{" + strings.Repeat(" ", maxFile) + "}": "more than",
	} {
		put(t, s.Config, text)
		if c, err := s.Get(t.Context(), "h", "a"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %+v, %v, want %q", text, c, err, want)
		}
	}
}

// What is not ours in the file stays as it is.
func TestPutKeepsTheRest(t *testing.T) {
	dir := t.TempDir()
	s := Store{Config: filepath.Join(dir, "new/config.json")}
	if helper, err := s.Put(t.Context(), "docker.io", Credential{Username: "u", Password: "p"}); helper != "" || err != nil {
		t.Fatal(helper, err)
	}
	info, err := os.Stat(s.Config)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	put(t, s.Config, `{"detachKeys": "ctrl-x", "plugins": {"a": {"b": 12345678901234567890}},
		"auths": {"other.example": {"auth": "eDp5", "email": "e"}}}`)
	for _, host := range []string{"docker.io", "h:5000"} {
		if _, err := s.Put(t.Context(), host, Credential{Username: host, Password: "p"}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		t.Fatal(err)
	}
	want := `{"auths":{"h:5000":{"auth":"` + b64("h:5000:p") + `"},"https://index.docker.io/v1/":{"auth":"` + b64("docker.io:p") +
		`"},"other.example":{"auth":"eDp5","email":"e"}},"detachKeys":"ctrl-x","plugins":{"a":{"b":12345678901234567890}}}`
	if compact.String() != want {
		t.Errorf("\n%s\nwant\n%s", compact.String(), want)
	}
	had, err := s.Erase(t.Context(), "docker.io")
	again, err2 := s.Erase(t.Context(), "docker.io")
	if !had || again || err != nil || err2 != nil {
		t.Errorf("%v %v %v %v", had, again, err, err2)
	}
	if c, err := s.Get(t.Context(), "docker.io", ""); c != (Credential{}) || err != nil {
		t.Errorf("after erase: %+v, %v", c, err)
	}
}

// A link of the user's (to a tree of dot files) stays one.
func TestPutFollowsLink(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "real.json")
	put(t, real, `{}`)
	s := Store{Config: filepath.Join(dir, "config.json")}
	if err := os.Symlink(real, s.Config); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "h", Credential{Username: "u"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(s.Config)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info.Mode(), err)
	}
}

// helperScript keeps one secret per server in files beside itself.
const helperScript = `#!/bin/sh
dir=$(dirname "$0")/kept; mkdir -p "$dir"
in=$(cat); key() { printf %s "$1" | tr -c 'a-z0-9\n' _; }
case $1 in
get) f=$dir/$(key "$in"); [ -f "$f" ] && cat "$f" || { echo credentials not found in native keychain; exit 1; } ;;
store) server=${in#*ServerURL\":\"}; server=${server%%\"*}; printf %s "$in" >"$dir/$(key "$server")" ;;
erase) f=$dir/$(key "$in"); [ -f "$f" ] && rm "$f" || { echo credentials not found in native keychain; exit 1; } ;;
esac
`

func TestHelper(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-try"), []byte(helperScript), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	s := Store{Config: filepath.Join(dir, "config.json")}
	put(t, s.Config, `{"credsStore": "try", "credHelpers": {"other.example": "absent"}}`)
	for host, c := range map[string]Credential{
		"docker.io": {Username: "u", Password: `p"w`}, "h:1": {IdentityToken: "idt"},
	} {
		if helper, err := s.Put(t.Context(), host, c); helper != "try" || err != nil {
			t.Fatal(helper, err)
		}
		if got, err := s.Get(t.Context(), host, ""); got != c || err != nil {
			t.Errorf("%s: %+v, %v", host, got, err)
		}
	}
	data, err := os.ReadFile(s.Config)
	if err != nil || bytes.Contains(data, []byte("idt")) || !bytes.Contains(data, []byte(`"https://index.docker.io/v1/": {}`)) {
		t.Errorf("%s, %v", data, err)
	}
	if c, err := s.Get(t.Context(), "nobody.example", ""); c != (Credential{}) || err != nil {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := s.Get(t.Context(), "other.example", ""); err == nil || errors.Is(err, errNone) {
		t.Errorf("a helper that is not there: %v", err)
	}
	had, err := s.Erase(t.Context(), "h:1")
	if c, err2 := s.Get(t.Context(), "h:1", ""); !had || c != (Credential{}) || err != nil || err2 != nil {
		t.Errorf("%v, %+v, %v, %v", had, c, err, err2)
	}
}

// Whatever the file says: an error, or a file that says it again.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"auths": {"https://index.docker.io/v1/": {"auth": "dTpw"}}, "credHelpers": {"h": "x"}}`))
	f.Add([]byte(`{"auths": null, "HttpHeaders": {"A": "b"}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		before, err := parse(data)
		if err != nil {
			return
		}
		for key := range before.Auths {
			_, _ = before.Auths[key].credential()
		}
		want := Credential{Username: "u", Password: "p"}
		data, err = edit(data, "added.example", entryOf(want))
		if err != nil {
			return // "auths" twice, and the like
		}
		after, err := parse(data)
		if err != nil {
			t.Fatalf("what was written is not read: %v\n%s", err, data)
		}
		if got, err := after.Auths["added.example"].credential(); got != want || err != nil {
			t.Errorf("%+v, %v\n%s", got, err, data)
		}
	})
}
