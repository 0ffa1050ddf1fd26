package runflags

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/spf13/pflag"

	"mydocker/oci"
)

// files is a host with a few files; paths are relative to the root, /home/me
// is the working directory.
func files() fstest.MapFS {
	return fstest.MapFS{
		"home/me/env":          {Data: []byte("\ufeff# comment\n\n  A=1\nB=two words  \r\nHOME\nUNSET\nQ=\"q\"")},
		"home/me/bad-env":      {Data: []byte("A B=1\n")},
		"home/me/labels":       {Data: []byte("file.label=from file\nboth=file\nbare\n")},
		"home/me/seccomp.json": {Data: []byte("{\n  \"defaultAction\": \"SCMP_ACT_ALLOW\"\n}\n")},
		"home/me/bad.json":     {Data: []byte("{")},
		"home/me/src/file":     {},
		"srv/root/bin/sh":      {},
		"srv/data/file":        {},
	}
}

// environment reads from files and has HOME, EMPTY and two CPUs.
func environment() Environment {
	host := files()
	at := func(p string) string {
		if !strings.HasPrefix(p, "/") {
			p = "/home/me/" + p
		}
		return p[1:]
	}
	vars := map[string]string{"HOME": "/home/me", "EMPTY": ""}
	return Environment{
		LookupEnv: func(k string) (string, bool) { v, ok := vars[k]; return v, ok },
		ReadFile:  func(p string) ([]byte, error) { return host.ReadFile(at(p)) },
		Getwd:     func() (string, error) { return "/home/me", nil },
		Stat:      func(p string) (fs.FileInfo, error) { return host.Stat(at(p)) },
		NumCPU:    2,
	}
}

// parse reads a command line as the commands do.
func parse(args ...string) (*Flags, *oci.Request, error) {
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f := Add(set, true)
	if err := set.Parse(args); err != nil {
		return f, nil, err
	}
	r, err := f.Request(environment(), set.Args())
	return f, r, err
}

// request reads a command line of flags that must be good.
func request(t *testing.T, args ...string) *oci.Request {
	t.Helper()
	_, r, err := parse(append(args, "img")...)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return r
}
