package layer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mydocker/internal/testenv"
	"mydocker/linux"
)

// tree makes files below a directory. A line is a path, and after a space what it is:
//
//	DIR/                 a directory
//	DIR/ opaque          one that hides those below
//	FILE =text           a file
//	FILE 0600 =text      with that mode
//	FILE whiteout        a device 0:0
//	FILE attribute       an empty file that an attribute makes a whiteout
//	FILE ->target        a symbolic link
//
// All have the same time.
func tree(t *testing.T, dir, lines string) string {
	t.Helper()
	for line := range strings.Lines(lines) {
		name, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" {
			plant(t, dir, name, what)
		}
	}
	return dir
}

func plant(t *testing.T, dir, name, what string) {
	t.Helper()
	path := filepath.Join(dir, name)
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	mode := os.FileMode(0o644)
	if rest, ok := strings.CutPrefix(what, "0600 "); ok {
		mode, what = 0o600, rest
	}
	target, isLink := strings.CutPrefix(what, "->")
	switch {
	case strings.HasSuffix(name, "/"):
		err = os.MkdirAll(path, 0o755)
		if what == "opaque" {
			err = opaque(d, name)
		}
	case what == "whiteout":
		err = linux.MakeWhiteoutAt(d, name)
	case what == "attribute":
		if err = os.WriteFile(path, nil, 0o644); err == nil {
			err = linux.SetXattrAt(d, name, "trusted.overlay.whiteout", []byte("y"))
		}
	case isLink:
		err = os.Symlink(target, path)
	default:
		err = os.WriteFile(path, []byte(strings.TrimPrefix(what, "=")), mode)
	}
	if err == nil {
		at := time.Unix(1e9, 0)
		err = linux.SetTimesAt(d, name, at, at)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", name, what, err)
	}
}

func changes(t *testing.T, upper string, lowers, places []string) string {
	t.Helper()
	all, err := Changes(upper, lowers, places)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range all {
		out = append(out, string(c.Kind)+" "+c.Path)
	}
	return strings.Join(out, "\n")
}

const base = `
	etc/
	etc/passwd =root
	etc/group =root
	etc/link ->passwd
	usr/
	usr/bin/
	usr/bin/sh =sh
	usr/bin/ls =ls
	data/
	data/one =1
	data/deep/
	data/deep/two =2
`

func TestChanges(t *testing.T) {
	testenv.Root(t)
	for name, c := range map[string]struct{ upper, want string }{
		"nothing":              {"", ""},
		"added":                {"new =x", "A /new"},
		"added below":          {"usr/\nusr/bin/\nusr/bin/new =x", "C /usr\nC /usr/bin\nA /usr/bin/new"},
		"added directories":    {"a/\na/b/\na/b/c =x", "A /a\nA /a/b\nA /a/b/c"},
		"changed":              {"etc/\netc/passwd =root2", "C /etc\nC /etc/passwd"},
		"changed mode":         {"etc/\netc/passwd 0600 =root", "C /etc\nC /etc/passwd"},
		"only opened":          {"etc/\netc/passwd =root", ""},
		"link replaced":        {"etc/\netc/link =file", "C /etc\nC /etc/link"},
		"deleted":              {"etc/\netc/passwd whiteout", "C /etc\nD /etc/passwd"},
		"deleted by attribute": {"etc/\netc/passwd attribute", "C /etc\nD /etc/passwd"},
		"deleted directory":    {"usr whiteout", "D /usr"},
		"whiteout of nothing":  {"nix whiteout", ""},
		"replaced directory":   {"data/ opaque\ndata/one =1\ndata/three =3", "C /data\nD /data/deep\nA /data/three"},
		"emptied directory":    {"data/ opaque", "C /data\nD /data/deep\nD /data/one"},
		"directory to file":    {"data =x", "C /data\nD /data/deep\nD /data/one"},
		"file to directory":    {"etc/\netc/passwd/\netc/passwd/x =x", "C /etc\nC /etc/passwd\nA /etc/passwd/x"},
		"sorted":               {"b =x\na/\na/b =x\na.b =x", "A /a\nA /a.b\nA /a/b\nA /b"},
	} {
		t.Run(name, func(t *testing.T) {
			lower, upper := tree(t, t.TempDir(), base), t.TempDir()
			for line := range strings.Lines(c.upper) { // directories first, so that their mode is as below
				tree(t, upper, line)
			}
			if got := changes(t, upper, []string{lower}, nil); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// Lower layers hide each other as overlayfs says.
func TestChangesOfLayers(t *testing.T) {
	testenv.Root(t)
	bottom := tree(t, t.TempDir(), base)
	middle := tree(t, t.TempDir(), "etc/\netc/group whiteout\ndata/ opaque\ndata/four =4\nusr/\nusr/lib/")
	upper := tree(t, t.TempDir(), "etc/\netc/group =root\ndata/\ndata/one =1\ndata/four whiteout\nusr/\nusr/bin/\nusr/bin/sh =other\nusr/lib/\nusr/lib/x =x")
	want := "C /data\nD /data/four\nA /data/one\nC /etc\nA /etc/group\nC /usr\nC /usr/bin\nC /usr/bin/sh\nC /usr/lib\nA /usr/lib/x"
	if got := changes(t, upper, []string{middle, bottom}, nil); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What the engine makes of mount points is left out.
func TestChangesLeaveMountPointsOut(t *testing.T) {
	testenv.Root(t)
	lower := tree(t, t.TempDir(), base)
	upper := tree(t, t.TempDir(), "proc/\nproc/x =x\netc/\netc/hosts =\na/\na/b/\na/b/c/\nown/\nown/file =x\nown/place/\nempty/")
	want := "A /empty\nA /own\nA /own/file"
	if got := changes(t, upper, []string{lower}, []string{"/proc", "/etc/hosts", "/a/b/c/", "/own/place"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A container can give its files the attributes of mounts that are not root's:
// they hide nothing.
func TestChangesBelieveNoContainer(t *testing.T) {
	testenv.Root(t)
	lower := tree(t, t.TempDir(), "dir/\ndir/file =x")
	upper := tree(t, t.TempDir(), "dir/\nnew =")
	d, err := os.Open(upper)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for name, attr := range map[string]string{"dir": "user.overlay.opaque", "new": "user.overlay.whiteout"} {
		if err := linux.SetXattrAt(d, name, attr, []byte("y")); err != nil {
			t.Skipf("no attributes of users here: %v", err)
		}
	}
	if got := changes(t, upper, []string{lower}, nil); got != "A /new" {
		t.Errorf("got\n%s", got)
	}
}

// Symbolic links of the container lead nowhere: neither the upper directory's nor
// the lower one's is followed.
func TestChangesFollowNoLink(t *testing.T) {
	testenv.Root(t)
	outside := tree(t, t.TempDir(), "secret =x\nsub/\nsub/file =x")
	lower := tree(t, t.TempDir(), "dir ->"+outside+"\nother/")
	upper := tree(t, t.TempDir(), "dir/\ndir/secret =x\nother ->"+outside)
	want := "C /dir\nA /dir/secret\nC /other"
	if got := changes(t, upper, []string{lower}, nil); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMeasure(t *testing.T) {
	outside := tree(t, t.TempDir(), "big ="+strings.Repeat("x", 100000))
	dir := tree(t, t.TempDir(), "a/\na/one =12345\na/two =123\nlink ->"+outside)
	if err := os.Link(dir+"/a/one", dir+"/again"); err != nil {
		t.Fatal(err)
	}
	sparse := filepath.Join(dir, "sparse")
	if err := os.WriteFile(sparse, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(sparse, 1<<30); err != nil {
		t.Fatal(err)
	}
	u, err := Measure(dir)
	if want := int64(5 + 3 + len(outside) + 1<<30); err != nil || u.Bytes != want {
		t.Errorf("%d bytes (%v), want %d", u.Bytes, err, want)
	}
	if u.Disk == 0 || u.Disk >= 1<<20 {
		t.Errorf("%d bytes on the disk", u.Disk)
	}
	if _, err := Measure(dir + "/nothing"); !os.IsNotExist(err) {
		t.Errorf("of what is not there: %v", err)
	}
}
