package advisories

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/testenv"
)

// TestRuntimeIsNotOverwritten, CVE-2019-5736: what a container can open of the
// processes that enter it is not the runtime's file, and cannot be written.
func TestRuntimeIsNotOverwritten(t *testing.T) {
	b := newBed(t)
	binary := testenv.RuntimeBinary(t)
	before := sum(t, binary)
	b.spec.Process.Capabilities = everyCapability()
	// The program is whatever executes it: the process itself, as long as it is there.
	b.must(os.WriteFile(filepath.Join(b.rootfs, "evil"), []byte("#!/proc/self/exe\n"), 0o755))
	b.spec.Process.Args = []string{"/evil"}
	b.run("run", "c")
	b.spec.Process.Args = []string{"/proc/self/exe"}
	b.run("run", "c")
	// The classic: wait for the process that exec brings, hold its program open,
	// and write to it when it is no longer executed.
	script := `i=0; while [ $i -lt 3000 ]; do i=$((i+1)); for p in /proc/[0-9]*; do
		[ $p = /proc/1 ] || [ $p = /proc/$$ ] || { exec 9<$p/exe && { echo overwritten >/proc/self/fd/9; exec 9<&-; }; }; done 2>/dev/null; done`
	b.spec.Process.Args = []string{"sh", "-c", script}
	if out, code := b.run("run", "--detach", "c"); code != 0 {
		t.Fatal(out)
	}
	defer b.run("delete", "--force", "c")
	for range 200 {
		b.run("exec", "c", "/evil")
		b.run("exec", "c", "/proc/self/exe")
		b.run("exec", "c", "true")
	}
	if sum(t, binary) != before {
		t.Error("the runtime was overwritten")
	}
}

// TestProgramIsSealed, CVE-2019-5736 without luck: the process of a container that
// is created has not executed its own program yet. What it executes is held, as a
// container would, until it is free to be written: and is not.
func TestProgramIsSealed(t *testing.T) {
	b := newBed(t)
	held, err := os.Open(b.createdProgram())
	b.must(err)
	defer held.Close()
	if name, err := os.Readlink(held.Name()); err != nil || !strings.HasPrefix(name, "/memfd:") {
		t.Errorf("it is %q, %v", name, err)
	}
	// The container can reach it too, and write to it as little.
	const try = "exec 9</proc/1/exe && ! echo overwritten 2>/dev/null >/proc/self/fd/9"
	if out, code := b.run("exec", "c", "sh", "-c", try); code != 0 {
		t.Errorf("%d %s", code, out)
	}
	b.run("delete", "--force", "c")
	if err := overwrite(held); err == nil {
		t.Error("it was written to")
	}
	// A program that is a file is not safe from that.
	file := filepath.Join(b.top, "sleep") // whose name is its applet
	b.must(exec.Command("cp", filepath.Join(b.rootfs, "bin/busybox"), file).Run())
	plain := exec.Command(file, "1000")
	b.must(plain.Start())
	old, err := os.Open(fmt.Sprintf("/proc/%d/exe", plain.Process.Pid))
	b.must(err)
	defer old.Close()
	b.must(plain.Process.Kill())
	plain.Wait()
	if err := overwrite(old); err != nil {
		t.Errorf("a file could not be overwritten that way: %v", err)
	}
}

// createdProgram creates a container and returns where its process has what it
// executes.
func (b *bed) createdProgram() string {
	b.t.Helper()
	b.spec.Process.Capabilities = everyCapability()
	b.spec.Process.Args = []string{"true"}
	pid := filepath.Join(b.top, "pid")
	if out, code := b.run("create", "--pid-file", pid, "c"); code != 0 {
		b.t.Fatalf("%d %s", code, out)
	}
	b.t.Cleanup(func() { b.run("delete", "--force", "c") })
	text, err := os.ReadFile(pid)
	b.must(err)
	return fmt.Sprintf("/proc/%s/exe", text)
}

// overwrite writes to what is open for reading, through procfs.
func overwrite(f *os.File) error {
	w, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer w.Close()
	_, err = w.Write([]byte("overwritten"))
	return err
}

func sum(t *testing.T, file string) [32]byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}

func everyCapability() *specs.LinuxCapabilities {
	all := []string{"CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER"}
	return &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
}
