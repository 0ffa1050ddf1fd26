package layer

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"mydocker/internal/testenv"
)

// What tar(1) packs and packs again after Unpack is the same.
func TestRoundTrip(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	from, to := t.TempDir(), t.TempDir()
	script := `set -e; umask 022; mkdir -p a/b c; chmod 1777 c; chmod 700 a
echo one >a/f; ln a/f a/g; ln -s ../a c/l; ln -s /nowhere c/abs; mkfifo c/p; mknod c/null c 1 3; mknod c/blk b 7 9
cp /bin/true c/suid; chown 1000:2000 c/suid; chmod 6755 c/suid; chown -h 5:6 c/l
truncate -s 3M c/sparse; echo x >>c/sparse; : >c/empty; touch -d '2001-02-03 04:05:06.789' a a/b c/l a/f c/p
printf 'x%.0s' $(seq 200) >"c/$(printf 'n%.0s' $(seq 200))"`
	run(t, from, "sh", "-c", script)
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00" + strings.Repeat("\x00", 12) // cap_net_bind_service=ep
	acl := "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\xe8\x03\x00\x00" +
		"\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x04\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff" // user:1000:r
	for _, x := range [][3]string{
		{"/a/f", "user.color", "v\x00alue"}, {"/a/b", "user.dir", "d"}, {"/c/suid", "security.capability", capability},
		{"/c/empty", "system.posix_acl_access", acl}, {"/c/p", "trusted.fifo", "p"},
	} {
		if err := syscall.Setxattr(from+x[0], x[1], []byte(x[2]), 0); err != nil {
			t.Log("without", x[1], err)
		}
	}
	pack := []string{"tar", "--sort=name", "--format=posix", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--sparse",
		"--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f", "-c", "."}
	first := run(t, from, pack...)
	r, err := unpack(t, first, to)
	if err != nil {
		t.Fatal(err)
	}
	if r.DiffID != fmt.Sprintf("sha256:%x", sha256.Sum256(first)) {
		t.Error("DiffID:", r.DiffID)
	}
	list := []string{"sh", "-c", `find . -printf '%p %y %m %U %G %n %l %T@\n' | grep -v '^\. d' | sort; find . -type f -exec sha256sum {} + | sort`}
	if a, b := run(t, from, list...), run(t, to, list...); !bytes.Equal(a, b) {
		t.Errorf("packed:\n%s\nunpacked:\n%s", a, b)
	}
	for _, path := range []string{"/a", "/a/f", "/a/b", "/c/suid", "/c/empty", "/c/p"} {
		if a, b := attributes(t, from+path), attributes(t, to+path); !maps.Equal(a, b) {
			t.Errorf("attributes of %s: packed %q, unpacked %q", path, a, b)
		}
	}
	// Sparse files have the process ID of tar in their headers.
	pack = slices.DeleteFunc(pack, func(w string) bool { return w == "--sparse" })
	if before, after := run(t, from, pack...), run(t, to, pack...); !bytes.Equal(before, after) {
		t.Errorf("the archive differs: %d bytes, then %d", len(before), len(after))
	}
	var st syscall.Stat_t
	if err := syscall.Stat(to+"/c/sparse", &st); err != nil || st.Blocks*512 > st.Size/2 {
		t.Errorf("no holes: %d blocks, %v", st.Blocks, err)
	}
}

// attributes are the extended ones of a file.
func attributes(t testing.TB, path string) map[string]string {
	t.Helper()
	b := make([]byte, 1<<16)
	n, err := syscall.Listxattr(path, b)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range strings.FieldsFunc(string(b[:n]), func(r rune) bool { return r == 0 }) {
		if n, err = syscall.Getxattr(path, name, b); err != nil {
			t.Fatal(path, name, err)
		}
		all[name] = string(b[:n])
	}
	return all
}
