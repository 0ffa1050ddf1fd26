package oci

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// running is the specification of a container that runs as a user, in a user
// namespace of ten IDs.
func running() *specs.Spec {
	umask, score := uint32(0o022), 5
	return &specs.Spec{
		Process: &specs.Process{
			Args: []string{"first"}, Cwd: "/work", Terminal: true, NoNewPrivileges: true, OOMScoreAdj: &score,
			Env:          []string{"PATH=/bin", "HOSTNAME=h", "TERM=xterm", "A=1", "HOME=/home/alice"},
			User:         specs.User{UID: 3, GID: 4, AdditionalGids: []uint32{4, 9}, Umask: &umask},
			Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_CORE"}},
		},
		Linux: &specs.Linux{
			UIDMappings: []specs.LinuxIDMapping{{HostID: 1000, Size: 10}}, GIDMappings: []specs.LinuxIDMapping{{HostID: 1000, Size: 10}},
		},
	}
}

var runningFiles = files{
	"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nalice:x:3:4::/home/alice:/bin/sh\nbob:x:5:6::/home/bob:/bin/sh\nfar:x:50:6::/:/bin/sh\n",
	"/etc/group":  "root:x:0:\nusers:x:6:\nmore:x:7:bob\nadded:x:8:\n",
}

func TestExecProcess(t *testing.T) {
	kill := []string{"CAP_KILL"}
	own := specs.LinuxCapabilities{Bounding: kill}
	root := specs.LinuxCapabilities{Bounding: kill, Effective: kill, Permitted: kill}
	two := []string{"CAP_CHOWN", "CAP_KILL"}
	for name, x := range map[string]struct {
		r      ExecRequest
		uid    uint32
		gid    uint32
		groups []uint32
		env    string // behind PATH and HOSTNAME
		caps   specs.LinuxCapabilities
	}{
		"nothing":            {ExecRequest{}, 3, 4, []uint32{4, 9}, "A=1 HOME=/home/alice", own},
		"terminal":           {ExecRequest{TTY: true}, 3, 4, []uint32{4, 9}, "A=1 HOME=/home/alice TERM=xterm", own},
		"given terminal":     {ExecRequest{Given: []string{"TERM=xterm"}}, 3, 4, []uint32{4, 9}, "TERM=xterm A=1 HOME=/home/alice", own},
		"variables":          {ExecRequest{Env: []string{"A=2", "B="}}, 3, 4, []uint32{4, 9}, "A=2 HOME=/home/alice B=", own},
		"fewer":              {ExecRequest{Env: []string{"A"}}, 3, 4, []uint32{4, 9}, "HOME=/home/alice", own},
		"no home":            {ExecRequest{Env: []string{"HOME"}}, 3, 4, []uint32{4, 9}, "A=1 HOME=/home/alice", own},
		"name":               {ExecRequest{User: "bob"}, 5, 6, []uint32{6, 7}, "A=1 HOME=/home/bob", own},
		"name and group":     {ExecRequest{User: "bob:users", Groups: []string{"added"}}, 5, 6, []uint32{6, 8}, "A=1 HOME=/home/bob", own},
		"given home":         {ExecRequest{User: "bob", Given: []string{"HOME=/home/alice"}}, 5, 6, []uint32{6, 7}, "A=1 HOME=/home/alice", own},
		"own home":           {ExecRequest{User: "bob", Env: []string{"HOME=/x"}}, 5, 6, []uint32{6, 7}, "A=1 HOME=/x", own},
		"numbers":            {ExecRequest{User: "2:2"}, 2, 2, []uint32{2}, "A=1 HOME=/", own},
		"root":               {ExecRequest{User: "0"}, 0, 0, []uint32{0}, "A=1 HOME=/root", root},
		"privileged":         {ExecRequest{User: "root", Privileged: true}, 0, 0, []uint32{0}, "A=1 HOME=/root", specs.LinuxCapabilities{Bounding: two, Effective: two, Permitted: two}},
		"privileged, a user": {ExecRequest{Privileged: true}, 3, 4, []uint32{4, 9}, "A=1 HOME=/home/alice", specs.LinuxCapabilities{Bounding: two}},
	} {
		s := running()
		x.r.Args = []string{"ls", "-l"}
		p, err := ExecProcess(s, x.r, two, runningFiles)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.User.UID != x.uid || p.User.GID != x.gid || !slices.Equal(p.User.AdditionalGids, x.groups) || *p.User.Umask != 0o022 {
			t.Errorf("%s: user is %+v", name, p.User)
		}
		if got, want := strings.Join(p.Env, " "), "PATH=/bin HOSTNAME=h "+x.env; got != want {
			t.Errorf("%s: environment is %s, want %s", name, got, want)
		}
		if !reflect.DeepEqual(*p.Capabilities, x.caps) {
			t.Errorf("%s: capabilities are %+v", name, *p.Capabilities)
		}
		if !p.NoNewPrivileges || len(p.Rlimits) != 1 || *p.OOMScoreAdj != 5 || p.Cwd != "/work" || p.Terminal != x.r.TTY || p.Args[0] != "ls" {
			t.Errorf("%s: process is %+v", name, p)
		}
		if !reflect.DeepEqual(s, running()) {
			t.Errorf("%s: the container's specification changed", name)
		}
	}
}

func TestExecProcessRefused(t *testing.T) {
	for want, r := range map[string]ExecRequest{
		"no exec command specified":                                 {Args: []string{""}},
		"unable to find user x: no matching entries in passwd file": {User: "x"},
		"no matching entries in group file":                         {User: "bob:x"},
		"outside of the container's user namespace":                 {User: "far"},
		"group 99 is outside":                                       {User: "0:99"},
		"needs to be an absolute path":                              {WorkingDir: "there"},
		"invalid environment variable: =x":                          {Env: []string{"=x"}},
		"it contains a zero byte":                                   {Env: []string{"A=\x00"}},
		"must be in range":                                          {User: "4294967296"}, // CVE-2024-40635
	} {
		if r.Args == nil {
			r.Args = []string{"ls"}
		}
		if _, err := ExecProcess(running(), r, nil, runningFiles); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
