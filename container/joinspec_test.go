package container

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestJoinSpec: what another process needs is the same as in the whole.
func TestJoinSpec(t *testing.T) {
	s := store(t)
	maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 10}}
	adj := 7
	whole := &specs.Spec{
		Version: "1.3.0", Hostname: "box", Process: &specs.Process{Args: []string{"sh"}, Cwd: "/", OOMScoreAdj: &adj, User: specs.User{AdditionalGids: []uint32{4}}},
		Linux: &specs.Linux{
			UIDMappings: maps, GIDMappings: maps, Namespaces: []specs.LinuxNamespace{{Type: "mount"}, {Type: "network", Path: "/proc/1/ns/net"}},
			Seccomp:     &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActAllow}}},
			MaskedPaths: []string{"/proc/kcore"},
		},
	}
	h, err := s.Create(&Record{ID: NewID(), Name: "box", Status: Created}, whole)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	got, filter, err := s.JoinSpec(h.ID())
	if err != nil {
		t.Fatal(err)
	}
	want := &specs.Spec{Process: whole.Process, Linux: &specs.Linux{UIDMappings: maps, GIDMappings: maps, Namespaces: whole.Linux.Namespaces}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the part differs from the whole (-want +got):\n%s", d)
	}
	if text, _ := json.Marshal(whole.Linux.Seccomp); string(filter) != string(text) {
		t.Errorf("the filter is %s, want %s", filter, text)
	}
	h.Spec.Linux.Seccomp = nil
	if err := h.SaveSpec(); err != nil {
		t.Fatal(err)
	}
	if _, filter, err = s.JoinSpec(h.ID()); err != nil || filter != nil {
		t.Errorf("without a filter there is %q, %v", filter, err)
	}
}
