package engine

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/linux"
)

// A reader reads the files of a container's root: a [view], or a [rootView].
type reader interface {
	// regular opens a regular file for reading. It waits for nothing.
	regular(name string) (*os.File, error)
	// stat tells of what a path leads to, inside of the root.
	stat(name string) (fs.FileInfo, error)
	// names lists a directory, as far as it can be read.
	names(dir string) []string
}

// A view reads the files of a container's root before, or without, mounting
// it: from its layers, the top one first. A path is looked up in each layer as
// a whole, so a symbolic link leads only within its layer; that holds for
// images of one layer and for what is read here.
type view struct {
	layers []string
	binds  map[string]string // of the user's, target to source on the host
}

// Open opens a file for reading, inside of the root.
func (v view) Open(name string) (io.ReadCloser, error) { return v.regular(name) }

func (v view) regular(name string) (*os.File, error) {
	f, err := v.open(name, syscall.O_RDONLY|syscall.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.Join(err, errNotRegular)}
	}
	return f, nil
}

var errNotRegular = errors.New("not a regular file")

func (v view) open(name string, flags int) (*os.File, error) {
	err := error(&fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT})
	layers := v.layers
	for at := path.Clean("/" + name); at != "/"; at = path.Dir(at) {
		if source, ok := v.binds[at]; ok {
			below := strings.TrimPrefix(path.Clean("/"+name), at)
			if below == "" {
				source, below = path.Dir(source), path.Base(source)
			}
			layers, name = []string{source}, below
			break
		}
	}
	for _, l := range layers {
		dir, derr := linux.OpenDir(l)
		if derr != nil {
			continue
		}
		f, ferr := linux.OpenIn(dir, rel(name), flags, 0)
		dir.Close()
		if ferr == nil {
			return f, nil
		}
		err = ferr
	}
	return nil, err
}

func rel(name string) string {
	if r := strings.TrimPrefix(path.Clean("/"+name), "/"); r != "" {
		return r
	}
	return "."
}

// stat returns the mode of what a path leads to, inside of the root.
func (v view) stat(name string) (fs.FileInfo, error) {
	f, err := v.open(name, linux.O_PATH)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// names lists a directory in all layers.
func (v view) names(dir string) (out []string) {
	for _, l := range v.layers {
		d, err := linux.OpenDir(l)
		if err != nil {
			continue
		}
		f, err := linux.OpenIn(d, rel(dir), syscall.O_RDONLY|syscall.O_DIRECTORY, 0)
		d.Close()
		if err != nil {
			continue
		}
		n, _ := f.Readdirnames(20000)
		f.Close()
		out = append(out, n...)
	}
	return out
}

// interpreter returns what the kernel would start for a program: the file that
// its #! line or its ELF header names, and the ELF machine; both zero where
// there is none.
func interpreter(v reader, name string) (interp string, machine elf.Machine, err error) {
	f, err := v.regular(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := f.ReadAt(head, 0)
	if line, ok := strings.CutPrefix(string(head[:n]), "#!"); ok {
		line, _, _ = strings.Cut(line, "\n")
		if words := strings.Fields(line); len(words) > 0 {
			return words[0], 0, nil
		}
		return "", 0, nil
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return "", 0, err
	}
	for _, p := range e.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err != nil {
				return "", 0, err
			}
			return strings.TrimRight(string(b), "\x00"), e.Machine, nil
		}
	}
	return "", e.Machine, nil
}

// places returns where mount points lead that are symbolic links, or lie behind
// one, in the image. They are only names: the first process opens them inside of
// the root whatever they say.
func (v view) places(mounts []specs.Mount) map[string]string {
	out := map[string]string{}
	base := v.layers[len(v.layers)-1]
	for _, m := range mounts {
		at, err := securejoin.SecureJoin(base, m.Destination)
		if err != nil {
			continue
		}
		if p := path.Join("/", strings.TrimPrefix(at, base)); p != path.Clean(m.Destination) {
			out[m.Destination] = p
		}
	}
	return out
}

// checkTypes refuses binds of a file onto a directory of the image, and the
// reverse, in Docker's words.
func (v view) checkTypes(mounts []specs.Mount) error {
	image := view{layers: v.layers}
	for _, m := range mounts {
		source, err := os.Stat(m.Source)
		if m.Type != "bind" || err != nil || generated(m.Destination) || strings.HasPrefix(m.Destination, "/dev/") {
			continue
		}
		if target, err := image.stat(m.Destination); err == nil && target.IsDir() != source.IsDir() {
			return fmt.Errorf("error mounting %q to rootfs at %q: not a directory: are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type", m.Source, m.Destination)
		}
	}
	return nil
}
