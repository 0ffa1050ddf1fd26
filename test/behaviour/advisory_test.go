package behaviour_test

import (
	"archive/tar"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// imageWith imports a small image: a busybox, and symbolic links in place of
// what else would be there.
func (b *bed) imageWith(name string, links map[string]string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "image.tar")
	f, err := os.Create(path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	code, err := os.ReadFile(filepath.Join(b.rootfs, "bin/busybox"))
	if err != nil {
		b.t.Fatal(err)
	}
	w := archive{b.t, tar.NewWriter(f)}
	for _, dir := range []string{"bin", "etc", "proc", "dev", "sys", "tmp"} {
		if links[dir] == "" {
			w.add(tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}, nil)
		}
	}
	for link, target := range links {
		w.add(tar.Header{Typeflag: tar.TypeSymlink, Name: link, Linkname: target}, nil)
	}
	for _, applet := range []string{"sh", "cat", "ls", "touch", "pwd", "id", "true"} {
		w.add(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox"}, nil)
	}
	w.add(tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755}, code)
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.want(0, b.do("import", path, name))
}

type archive struct {
	t *testing.T
	*tar.Writer
}

func (w archive) add(h tar.Header, content []byte) {
	w.t.Helper()
	h.Size = int64(len(content))
	err := w.WriteHeader(&h)
	if err == nil {
		_, err = w.Write(content)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// trap is a directory of the host with a file that no container may change.
type trap struct {
	t   *testing.T
	dir string
}

const untouched = "the host's own\n"

func newTrap(t *testing.T) trap {
	t.Helper()
	tr := trap{t, t.TempDir()}
	if err := os.WriteFile(tr.file(), []byte(untouched), 0o644); err != nil {
		t.Fatal(err)
	}
	return tr
}

func (tr trap) file() string { return filepath.Join(tr.dir, "file") }

// check compares the directory with what newTrap made.
func (tr trap) check() {
	tr.t.Helper()
	list, err := os.ReadDir(tr.dir)
	if err != nil || len(list) != 1 {
		tr.t.Errorf("the host's directory has %v, %v", list, err)
	}
	content, err := os.ReadFile(tr.file())
	if err != nil || string(content) != untouched {
		tr.t.Errorf("the host's file is %q, %v", content, err)
	}
	info, err := os.Stat(tr.file())
	if err != nil || info.Mode() != 0o644 {
		tr.t.Errorf("the host's file is %v, %v", info, err)
	}
}

// safely runs a container of a hostile image: it starts or is refused by the
// engine, but never ends otherwise.
func (b *bed) safely(args ...string) result {
	b.t.Helper()
	r := b.do(append([]string{"run", "--rm"}, args...)...)
	if r.code != 0 && r.code != 125 {
		b.t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	return r
}

// TestLinksInPlaceOfWhatIsMounted has an image whose own directories and files
// lead to the host, or out of the root (CVE-2026-41579, CVE-2019-16884).
func TestLinksInPlaceOfWhatIsMounted(t *testing.T) {
	b := newBed(t)
	for _, link := range []string{"dev", "proc", "sys", "etc/resolv.conf", "etc/hosts", "etc/hostname", "dev/shm", "dev/null", "dev/pts", "dev/console"} {
		for _, up := range []string{"", "../../../../../../../../../.."} {
			t.Logf("%s -> %s/...", link, up)
			tr := newTrap(t)
			target := up + tr.dir
			if strings.HasPrefix(link, "etc/") || link == "dev/null" || link == "dev/console" {
				target = up + tr.file()
			}
			b.imageWith("hostile", map[string]string{link: target})
			r := b.safely("hostile", "sh", "-c", "echo x >/dev/null; echo x >/etc/resolv.conf; echo x >/etc/hosts; echo x >/etc/hostname; exec true")
			t.Logf("exit code %d: %s", r.code, r.err)
			tr.check()
			b.want(0, b.do("rmi", "hostile"))
		}
	}
}

// TestLinksToTheInsideOfProc are of images that want the engine to mount over,
// or to write into, what it looks at itself (CVE-2025-31133, CVE-2025-52565).
func TestLinksToTheInsideOfProc(t *testing.T) {
	b := newBed(t)
	for link, target := range map[string]string{
		"dev/null": "/proc/sys/kernel/core_pattern", "dev/console": "/proc/sysrq-trigger", "dev": "/proc/self/fd",
		"etc/resolv.conf": "/proc/self/exe", "sys": "/proc/1/root", "proc": "/dev",
	} {
		before, err := os.ReadFile("/proc/sys/kernel/core_pattern")
		if err != nil {
			t.Fatal(err)
		}
		b.imageWith("hostile", map[string]string{link: target})
		r := b.safely("hostile", "sh", "-c", "[ ! -w /proc/sys/kernel/core_pattern ] || echo x >/proc/sys/kernel/core_pattern; exec true")
		t.Logf("%s -> %s: exit code %d: %s", link, target, r.code, r.err)
		if after, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err != nil || string(after) != string(before) {
			t.Fatalf("core_pattern was %q, is %q, %v", before, after, err)
		}
		b.want(0, b.do("rmi", "hostile"))
	}
}

// TestWorkingDirectoryInTheDescriptors is CVE-2024-21626: a working directory
// by way of a descriptor that the engine forgot.
func TestWorkingDirectoryInTheDescriptors(t *testing.T) {
	b := newBed(t)
	for _, fd := range []string{"3", "4", "5", "6", "7", "8", "9", "10"} {
		r := b.run("--workdir=/proc/self/fd/"+fd, "sh", "-c", "ls ../../../../../../../.."+b.Root+" 2>/dev/null; pwd")
		if r.code == 0 && (strings.Contains(r.out, "containers") || !strings.HasPrefix(r.out, "/")) {
			t.Errorf("descriptor %s leads to the host: %s", fd, r.out)
		}
	}
}

// TestVolumeThroughALink mounts where the image has a link to the host.
func TestVolumeThroughALink(t *testing.T) {
	b := newBed(t)
	tr, mine := newTrap(t), t.TempDir()
	b.imageWith("hostile", map[string]string{"data": tr.dir, "up": "../../../../../.." + tr.dir})
	for _, target := range []string{"/data", "/data/sub", "/up", "/up/file"} {
		r := b.safely("-v", mine+":"+target, "hostile", "touch", target+"/made")
		if _, err := os.Stat(filepath.Join(mine, "made")); r.code == 0 && err != nil {
			t.Errorf("%s: the volume is elsewhere: %v", target, err)
		}
		os.Remove(filepath.Join(mine, "made"))
		tr.check()
		// Where it is made by the engine, and where it is written by the container.
		b.safely("--tmpfs", target, "-w", target+"/work", "hostile", "touch", target+"/made")
		tr.check()
	}
}

// TestEngineCannotBeWrittenFromInside is CVE-2019-5736: the engine's program is
// never what a process of the container has as its own.
func TestEngineCannotBeWrittenFromInside(t *testing.T) {
	b := newBed(t)
	b.equal(b.run("sh", "-c", "readlink /proc/1/exe"), "/bin/busybox")
	before, err := os.ReadFile(b.command().Path)
	if err != nil {
		t.Fatal(err)
	}
	// As the entry point it is the program of the container itself.
	r := b.run("/proc/self/exe", "--version")
	if strings.Contains(r.out, "mydocker version") {
		t.Errorf("the container ran the engine: %s", r.out)
	}
	b.run("--init", "sh", "-c", "for p in /proc/[0-9]*; do echo x >$p/exe; done 2>/dev/null; true")
	b.run("sh", "-c", "(echo x >/proc/1/exe) 2>/dev/null; (echo x >/bin/busybox) 2>/dev/null; true")
	after, err := os.ReadFile(b.command().Path)
	if err != nil || string(after) != string(before) {
		t.Errorf("the program has changed: %v", err)
	}
}

// TestNumericUserOverflow is CVE-2024-40635: a number too great must not become
// root's.
func TestNumericUserOverflow(t *testing.T) {
	b := newBed(t)
	for _, user := range []string{"2147483648", "4294967295", "4294967296", "18446744073709551616", "-1", "0:4294967296", "1000:4294967295"} {
		r := b.run("--user="+user, "id", "-u")
		b.want(125, r)
		b.contains(r.err, "mydocker: error: ")
	}
	b.equal(b.run("--user=2147483647:2147483647", "sh", "-c", "id -u; id -g"), "2147483647\n2147483647")
}

func TestOddWordsArriveAsTheyAre(t *testing.T) {
	b := newBed(t)
	const odd = "a\nb '\"$(touch /x)` \\ \xff"
	b.equal(b.run("-e=ODD="+odd, "sh", "-c", "printf %s \"$ODD\""), odd)
	if out := b.want(0, b.run("printf", "%s", odd)); out != odd {
		t.Errorf("the argument is %q", out)
	}
}
