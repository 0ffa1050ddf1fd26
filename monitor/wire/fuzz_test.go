package wire

import (
	"bytes"
	"os"
	"reflect"
	"syscall"
	"testing"

	"mydocker/initprog"
)

// sample is a start with something in every field.
func sample(f *os.File) *Start {
	return &Start{
		Exec: true, ID: "id", Socket: "/s", Dir: "/d", Log: true, KeepOpen: true, Want: Want{In: true, Whole: true},
		OOM: "/o", Cgroup: "/c", Root: "/r", Names: []string{"name", "box"}, Finish: []string{"mydocker", "finish"},
		Process: initprog.Start{Image: f, Files: []*os.File{f, nil, f}, Sys: &syscall.SysProcAttr{
			Cloneflags: 7, UidMappings: []syscall.SysProcIDMap{{ContainerID: 1, HostID: 2, Size: 3}},
			GidMappingsEnableSetgroups: true, AmbientCaps: []uintptr{1, 40},
		}},
		In: f, Lock: f,
	}
}

// FuzzRead reads packets of anybody's making: what cannot be read is an error,
// and what can is written as it was read.
func FuzzRead(f *testing.F) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { null.Close() })
	e := &codec{}
	sample(null).pass(e)
	f.Add(e.b, byte(len(e.files)))
	f.Add(Exit{Code: 137, OOMKilled: true}.Append(nil), byte(0))
	f.Add(Number(-1<<62), byte(1))
	f.Add([]byte{}, byte(0))
	f.Fuzz(func(t *testing.T, payload []byte, files byte) {
		if len(payload) > MaxData {
			return
		}
		p := Packet{Payload: payload}
		for range files % maxFiles {
			p.Files = append(p.Files, os.NewFile(^uintptr(0)>>1, "received")) // never used, and closing it does no harm
		}
		if s, err := ReadStart(p); err == nil {
			same(t, s, func(b []byte) (*Start, error) { return ReadStart(Packet{Payload: b, Files: p.Files}) }, s.pass)
		}
		if w, err := ReadWant(p); err == nil {
			same(t, w, func(b []byte) (Want, error) { return ReadWant(Packet{Payload: b}) }, w.pass)
		}
		if x, err := ReadExit(p); err == nil {
			same(t, x, func(b []byte) (Exit, error) { return ReadExit(Packet{Payload: b}) }, x.pass)
		}
		if n, err := ReadNumber(p); err == nil {
			got, err := ReadNumber(Packet{Payload: Number(n)})
			if err != nil || got != n {
				t.Errorf("%d became %d, %v", n, got, err)
			}
		}
	})
}

// same writes what was read, and reads it again.
func same[T any](t *testing.T, read T, again func([]byte) (T, error), pass func(*codec)) {
	t.Helper()
	e := &codec{}
	pass(e)
	got, err := again(bytes.Clone(e.b))
	if err != nil || !reflect.DeepEqual(got, read) {
		t.Errorf("%+v became %+v, %v", read, got, err)
	}
}
