package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"mydocker/internal/testenv"
	"mydocker/linux"
)

// Each link adds the length of a path to the depth, so that a short archive
// made a tree which nobody could remove for want of descriptors.
func TestDepth(t *testing.T) {
	testenv.Root(t)
	var chain []tar.Header
	at := ""
	for i := range 10 {
		deep := at + strings.Repeat("d/", 100)
		at = fmt.Sprintf("l%d/", i)
		chain = append(chain, file(deep+"f", ""), symlink(at[:len(at)-1], deep))
	}
	for name, c := range map[string]struct {
		headers []tar.Header
		want    error
	}{
		"at the limit": {[]tar.Header{file(strings.Repeat("d/", DefaultDepth)+"f", "")}, nil},
		"beyond":       {[]tar.Header{file(strings.Repeat("d/", DefaultDepth+1)+"f", "")}, ErrLimit},
		"by links":     {chain, ErrLimit},
		"some links":   {chain[:8], nil},
		// 40 links that lead nowhere deeper are no reason to refuse.
		"up and down": {[]tar.Header{file("a/b/f", ""), symlink("a/b/l", "../.."), file("a/b/l/a/b/l/a/b/l/a/b/g", "")}, nil},
	} {
		to := t.TempDir()
		if _, err := unpack(t, archive(t, c.headers...), to); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := linux.RemoveTree(to); err != nil {
			t.Errorf("%s: what is left cannot be removed: %v", name, err)
		}
	}
}

// Directories that only paths tell of count, too.
func TestImpliedDirectories(t *testing.T) {
	testenv.Root(t)
	data := archive(t, file("a/b/c/d/f", ""), file("a/b/c/d/g", ""))
	for entries, want := range map[int]error{6: nil, 5: ErrLimit, 3: ErrLimit} {
		o := Options{Limits: Limits{Entries: entries}}
		r, err := Unpack(context.Background(), bytes.NewReader(data), t.TempDir(), o)
		if !errors.Is(err, want) || err == nil && r.Entries != 2 {
			t.Errorf("%d: %v, %v", entries, r, err)
		}
	}
}

// An attribute is at most what the kernel takes, 64 KiB, and is named if not.
func TestHugeAttribute(t *testing.T) {
	testenv.Root(t)
	h := file("f", "")
	h.PAXRecords = map[string]string{"SCHILY.xattr.trusted.big": strings.Repeat("x", 1<<16+1)}
	if _, err := unpack(t, archive(t, h), t.TempDir()); err == nil || !strings.Contains(err.Error(), `"f": set attribute "trusted.big"`) {
		t.Error(err)
	}
}

func TestSkipDevices(t *testing.T) {
	testenv.Root(t)
	to := t.TempDir()
	data := archive(t, tar.Header{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}, file("f", ""))
	if _, err := Unpack(context.Background(), bytes.NewReader(data), to, Options{SkipDevices: true}); err != nil {
		t.Fatal(err)
	}
	if got := string(run(t, to, "ls")); got != "f\n" {
		t.Errorf("there is %q", got)
	}
}

// Holes are not read from anywhere, so the context must be looked at elsewhere.
func TestCancelledInHole(t *testing.T) {
	testenv.Root(t)
	from := t.TempDir()
	run(t, from, "truncate", "-s", "200G", "f")
	data := run(t, from, "tar", "--sparse", "-c", "f")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	to := t.TempDir()
	_, err := Unpack(ctx, bytes.NewReader(data), to, Options{})
	fi, serr := os.Stat(to + "/f")
	if !errors.Is(err, context.DeadlineExceeded) || serr != nil || fi.Size() == 200<<30 {
		t.Errorf("%v; the file was made to its end: %v, %v", err, fi, serr)
	}
}
