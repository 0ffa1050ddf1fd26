package oci

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/sys/user"
)

const (
	testPasswd = `root:x:0:0:root:/root:/bin/sh
# comment:x:0:0::/:
bad:x:none:0::/home/bad:
empty:x:::/home/empty:
short
huge:x:4294967296:0::/:
over:x:99999999999999999999:1::/:
neg:x:-1:0::/:
nogid:x:5:x:::
1000:x:0:0::/root:
  alice:x:1000:100::/home/alice:/bin/sh
twice:x:7:7::/first:
twice:x:8:8::/second:
homeless:x:9:9
+::::::
`
	testGroup = `root:x:0:
users:x:100:
audio:x:29:alice,root
bad:x:none:alice
nines:x:99:alice
2000:x:0:
`
)

// Users and groups are what the image's files say, and nothing where a line
// is broken; the rest are CVE-2024-40635 and its relatives.
func TestLookup(t *testing.T) {
	for _, x := range []struct {
		word     string
		uid, gid int
		groups   []int
		home     string
		err      error // or any, with uid -1
	}{
		{"", 0, 0, []int{29}, "/root", nil},
		{"root", 0, 0, []int{29}, "/root", nil},
		{"alice", 1000, 100, []int{29, 99}, "/home/alice", nil},
		{"1000", 1000, 100, []int{29, 99}, "/home/alice", nil}, // not the user called "1000"
		{"alice:", 1000, 100, []int{29, 99}, "/home/alice", nil},
		{"alice:users", 1000, 100, nil, "/home/alice", nil},
		{"alice:2000", 1000, 2000, nil, "/home/alice", nil}, // not the group called "2000"
		{"0:29", 0, 29, nil, "/root", nil},
		{":29", 0, 29, nil, "/root", nil},
		{"4242", 4242, 0, nil, "/", nil},
		{"twice", 7, 7, nil, "/first", nil},
		{"homeless", 9, 9, nil, "/", nil},
		{"2147483647", 1<<31 - 1, 0, nil, "/", nil},
		{"2147483648", -1, 0, nil, "", user.ErrRange},
		{"bad", -1, 0, nil, "", user.ErrNoPasswdEntries},
		{"empty", -1, 0, nil, "", user.ErrNoPasswdEntries},
		{"short", -1, 0, nil, "", user.ErrNoPasswdEntries},
		{"huge", -1, 0, nil, "", user.ErrNoPasswdEntries},
		{"over", -1, 0, nil, "", user.ErrNoPasswdEntries},
		{"neg", -1, 0, nil, "", user.ErrNoPasswdEntries},
		{"nogid", -1, 0, nil, "", user.ErrNoPasswdEntries},
		{"alice:bad", -1, 0, nil, "", user.ErrNoGroupEntries},
		{"-0", -1, 0, nil, "", user.ErrRange},
		{"+", -1, 0, nil, "", user.ErrRange},
		{"+alice", -1, 0, nil, "", nil},
		{"a\nb", -1, 0, nil, "", nil},
	} {
		u, err := lookupIn(x.word, testPasswd, testGroup)
		if x.uid < 0 {
			if err == nil || x.err != nil && !errors.Is(err, x.err) {
				t.Errorf("%q: %+v, %v; want error %v", x.word, u, err, x.err)
			}
			continue
		}
		if err != nil || u.Uid != x.uid || u.Gid != x.gid || u.Home != x.home ||
			len(u.Sgids)+len(x.groups) > 0 && !reflect.DeepEqual(u.Sgids, x.groups) {
			t.Errorf("%q: %+v, %v; want %+v", x.word, u, err, x)
		}
	}
}

// lookupIn reads the files as they come with an image, then looks up.
func lookupIn(word, passwd, group string) (*user.ExecUser, error) {
	m := &maker{r: &Request{}, files: files{"/etc/passwd": passwd, "/etc/group": group}}
	p, g, err := m.userFiles()
	if err != nil {
		return nil, err
	}
	return lookup(word, p, g)
}

// opener is an image where every file gives the same error, or an endless file.
type opener struct{ err error }

func (o opener) Open(string) (io.ReadCloser, error) {
	return io.NopCloser(endless{}), o.err
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	return copy(b, bytes.Repeat([]byte("a:x:1:1\n"), len(b)/8+1)), nil
}

func TestUserFiles(t *testing.T) {
	for _, x := range []struct {
		files Files
		want  string // of the error
	}{
		{nil, ""},
		{files{}, ""},
		{opener{fs.ErrNotExist}, ""},
		{opener{syscall.ENOTDIR}, ""},
		{opener{syscall.ELOOP}, "read the image's /etc/passwd: too many levels of symbolic links"},
		{opener{}, "read the image's /etc/passwd: larger than"},
		{files{"/etc/passwd": "a:x:1:1:" + strings.Repeat("x", 1<<16)}, "read the image's /etc/passwd: a line is longer than"},
		{files{"/etc/group": "a:x:1:" + strings.Repeat("x", 1<<20)}, "read the image's /etc/group: a line is longer than"},
		{files{"/etc/group": "a:x:1:" + strings.Repeat("x", 1<<20-10)}, ""},
	} {
		m := &maker{r: &Request{}, files: x.files, s: empty()}
		err := m.user()
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%T: error %v, want %q", x.files, err, x.want)
		}
	}
}

func TestTooManyGroups(t *testing.T) {
	all := make([]int, maxGroups+1)
	for i := range all {
		all[i] = i
	}
	if _, err := gids(all); err == nil {
		t.Errorf("%d groups are no error", len(all))
	}
	if got, err := gids(append(all[:3], 1, 2, 0)); err != nil || len(got) != 3 {
		t.Errorf("groups %v, %v; want each once", got, err)
	}
}

// Whatever an image's files hold, nobody becomes root by a name that the file
// does not plainly give to root, and no ID leaves its range.
func FuzzLookup(f *testing.F) {
	for _, w := range []string{"", "alice", "1000:audio", "4294967296", "-1", "bad", "short", "+0:x"} {
		f.Add(w, testPasswd, testGroup)
	}
	f.Fuzz(func(t *testing.T, word, passwd, group string) {
		u, err := lookupIn(word, passwd, group)
		if err != nil {
			return
		}
		for _, id := range append([]int{u.Uid, u.Gid}, u.Sgids...) {
			if id < 0 || id > 1<<31-1 {
				t.Errorf("%q: ID %d", word, id)
			}
		}
		name, _, _ := strings.Cut(word, ":")
		if u.Uid != 0 || name == "" || isID(name) {
			return
		}
		for line := range strings.Lines(passwd) {
			w := strings.Split(strings.TrimSpace(line), ":")
			if len(w) > 3 && w[0] == name && isID(w[2]) && strings.Trim(w[2], "0") == "" {
				return
			}
		}
		t.Errorf("%q became root", word)
	})
}
