package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/internal/atomicfile"
	"mydocker/internal/filelock"
	"mydocker/internal/runtimespec"
)

// A Store is the containers of one engine.
//
//	Root/containers/ID/   record.json, config.json, journal, diff, work, merged;
//	                      the directory itself is locked by who writes the record
//	Root/names/NAME       the ID that the name belongs to
//	State/containers/ID   locked by the process that is responsible; there only
//	                      while a container is made, runs, or is removed
//	State/monitors/ID     the socket of the monitor, while it runs
type Store struct{ Root, State string }

// Dir returns the directory of a container.
func (s *Store) Dir(id string) string { return filepath.Join(s.Root, "containers", id) }

func (s *Store) lockPath(id string) string { return filepath.Join(s.State, "containers", id) }

// SocketPath is where the monitor of a container listens.
func (s *Store) SocketPath(id string) string { return filepath.Join(s.State, "monitors", id) }

// A Handle is a container for which this process is responsible: it holds the
// lock. Record is nil for what was never completed, or is half removed.
type Handle struct {
	Record *Record
	Spec   *specs.Spec // nil when it was opened, not created

	id   string
	s    *Store
	lock *filelock.Held
	keep bool // the mark of being active stays: something is left to repair
}

// Create makes a container's directory, record and specification, and claims
// its name; an empty one is made up. A failure leaves nothing.
func (s *Store) Create(r *Record, spec *specs.Spec) (*Handle, error) {
	h, err := s.begin(r.ID)
	if err != nil {
		return nil, err
	}
	h.Record, h.Spec = r, spec
	r.Version = recordVersion
	// From here on the directory is ours to remove, not before.
	if err := os.Mkdir(h.Dir(), 0o700); err != nil {
		h.Close()
		return nil, fmt.Errorf("make the container's directory: %w", err)
	}
	if err := h.create(); err != nil {
		err = errors.Join(err, h.Remove())
		h.Close()
		return nil, err
	}
	return h, nil
}

// begin locks a container that is not there yet. The lock comes first: without
// it a directory would look abandoned.
func (s *Store) begin(id string) (*Handle, error) {
	for _, d := range []string{filepath.Join(s.Root, "containers"), filepath.Join(s.Root, "names"),
		filepath.Join(s.State, "containers"), filepath.Join(s.State, "monitors")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	// The ID is new, so that nobody else has business with it. A repair that
	// finds the file before it is locked lets go of it at once.
	lock, err := filelock.Lock(s.lockPath(id))
	if err != nil {
		return nil, err
	}
	return &Handle{id: id, s: s, lock: lock}, nil
}

// create fills the new directory.
func (h *Handle) create() error {
	if err := h.s.claimName(h.Record); err != nil {
		return err
	}
	if err := h.SaveSpec(); err != nil {
		return err
	}
	return h.s.save(h.Record)
}

// Dir returns the container's directory.
func (h *Handle) Dir() string { return h.s.Dir(h.id) }

// ID returns the container's ID, also where there is no record.
func (h *Handle) ID() string { return h.id }

// Names of the record: the one that holds, the one before, the next.
const (
	recordFile = "record.json"
	beforeFile = "record.before"
	nextFile   = "record.next"
)

// Update reads the record anew, lets f change it and writes it, as one step
// among all who do. Nothing is written when f fails.
func (h *Handle) Update(f func(*Record) error) error {
	r, err := h.s.update(h.id, f)
	if err == nil {
		h.Record = r
	}
	return err
}

// Edit is [Handle.Update] for a container that somebody else is responsible
// for, by its ID: of one that runs the name may change, or whether it is paused.
func (s *Store) Edit(id string, f func(*Record) error) error {
	_, err := s.update(id, f)
	if errors.Is(err, fs.ErrNotExist) {
		return &NotFoundError{id}
	}
	return err
}

func (s *Store) update(id string, f func(*Record) error) (*Record, error) {
	lock, err := filelock.Dir(s.Dir(id))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	r, folded, err := s.load(id)
	if err != nil {
		return nil, err
	}
	if err := f(r); err != nil {
		return nil, err
	}
	if err := s.save(r); err != nil || !folded {
		return r, err
	}
	return r, os.Remove(filepath.Join(s.Dir(id), ExitFile))
}

// save writes the record. At every moment there is a complete one, recordFile
// or else beforeFile. It is not renamed over the old one: there ext4 would write
// its data to the disk at once, which takes longer than a whole container.
func (s *Store) save(r *Record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(s.Dir(r.ID), name) }
	if err := os.WriteFile(at(nextFile), b, 0o600); err != nil {
		return err
	}
	if _, err := os.Lstat(at(recordFile)); err == nil { // else beforeFile is the one, of a save that was killed
		for _, err := range []error{os.Remove(at(beforeFile)), os.Rename(at(recordFile), at(beforeFile))} {
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return os.Rename(at(nextFile), at(recordFile))
}

// SaveSpec writes the runtime specification.
func (h *Handle) SaveSpec() error {
	b, err := runtimespec.Encode(h.Spec)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(h.Dir(), "config.json"), b, 0o600, false)
}

// Spec reads the runtime specification of a container.
func (s *Store) Spec(id string) (*specs.Spec, error) {
	b, err := os.ReadFile(filepath.Join(s.Dir(id), "config.json"))
	if err != nil {
		return nil, err
	}
	var spec specs.Spec
	if err := json.Unmarshal(b, &spec); err != nil {
		return nil, fmt.Errorf("config.json of container %.12s: %w", id, err)
	}
	return &spec, nil
}

// JoinSpec reads what of the specification another process needs that enters
// the container: its process, namespaces and mappings. The filter is returned as
// it is written, nil for none. Before it decodes the whole specification,
// encoding/json looks at 100 types, which takes longer than an exec has.
func (s *Store) JoinSpec(id string) (spec *specs.Spec, filter []byte, err error) {
	b, err := os.ReadFile(filepath.Join(s.Dir(id), "config.json"))
	if err != nil {
		return nil, nil, err
	}
	var part struct {
		Process *specs.Process `json:"process"`
		Linux   struct {
			UIDMappings []specs.LinuxIDMapping `json:"uidMappings"`
			GIDMappings []specs.LinuxIDMapping `json:"gidMappings"`
			Namespaces  []specs.LinuxNamespace `json:"namespaces"`
			Seccomp     json.RawMessage        `json:"seccomp"`
		} `json:"linux"`
	}
	if err := json.Unmarshal(b, &part); err != nil {
		return nil, nil, fmt.Errorf("config.json of container %.12s: %w", id, err)
	}
	l := part.Linux
	return &specs.Spec{
		Process: part.Process,
		Linux:   &specs.Linux{UIDMappings: l.UIDMappings, GIDMappings: l.GIDMappings, Namespaces: l.Namespaces},
	}, l.Seccomp, nil
}

// KeepActive makes Close leave the mark that the container needs repair.
func (h *Handle) KeepActive() { h.keep = true }

// Close gives the responsibility up. The mark that the container is active
// goes first, so that nobody takes it for abandoned.
func (h *Handle) Close() {
	if h.lock == nil {
		return
	}
	if !h.keep {
		os.Remove(h.s.SocketPath(h.id))
		os.Remove(h.s.lockPath(h.id))
	}
	h.lock.Close()
	h.lock = nil
}

// Lock is the open file that holds the lock. Another process that gets a copy
// holds it too; see [Handle.Leave] and [Store.Adopt].
func (h *Handle) Lock() *os.File { return h.lock.File() }

// Leave leaves the container to those who have a copy of the lock.
func (h *Handle) Leave() {
	h.keep = true
	h.Close()
}

// Adopt takes responsibility for a container whose lock another process handed
// over.
func (s *Store) Adopt(id string, lock *os.File) (*Handle, error) {
	return s.handle(id, filelock.Adopt(lock), false)
}

// TryOpen takes responsibility for a container that nobody is responsible for;
// free is false where somebody is.
func (s *Store) TryOpen(id string) (h *Handle, free bool, err error) { return s.tryOpen(id, false) }

func (s *Store) tryOpen(id string, dead bool) (h *Handle, free bool, err error) {
	for _, d := range []string{"containers", "monitors"} {
		if err := os.MkdirAll(filepath.Join(s.State, d), 0o700); err != nil {
			return nil, false, err
		}
	}
	lock, free, err := filelock.TryLock(s.lockPath(id))
	for err == nil && !free && !s.Alive(id) {
		// Somebody only looked, see Alive, and is done in a moment.
		lock, free, err = filelock.TryLock(s.lockPath(id))
	}
	if err != nil || !free {
		return nil, false, err
	}
	h, err = s.handle(id, lock, dead)
	return h, err == nil, err
}

// handle reads what is there of a container whose lock is held.
func (s *Store) handle(id string, lock *filelock.Held, dead bool) (*Handle, error) {
	h := &Handle{id: id, s: s, lock: lock}
	var damaged *DamagedError
	r, err := s.Load(id)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !(dead && errors.As(err, &damaged)) {
		h.Leave()
		return nil, err
	}
	h.Record = r
	return h, nil
}

// Alive tells whether a process is responsible for the container. It makes no
// lock file, and those who ask at the same time do not see each other: they
// share the lock for a moment.
func (s *Store) Alive(id string) bool {
	fd, err := syscall.Open(s.lockPath(id), syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	for {
		err := syscall.Flock(fd, syscall.LOCK_SH|syscall.LOCK_NB)
		if err != syscall.EINTR {
			return err == syscall.EWOULDBLOCK
		}
	}
}

// Active returns the IDs of the containers that are marked as active: those in
// somebody's hands, and those whose keeper died.
func (s *Store) Active() ([]string, error) {
	names, err := readNames(filepath.Join(s.State, "containers"))
	slices.Sort(names)
	return names, err
}

// Exists tells whether there is a container of that ID, complete or not.
func (s *Store) Exists(id string) bool {
	_, err := os.Lstat(s.Dir(id))
	return err == nil
}

// Load reads a container's record, as it is written; see [Store.Find].
func (s *Store) Load(id string) (*Record, error) {
	r, _, err := s.load(id)
	return r, err
}

// load also tells whether the container's exit was folded in.
func (s *Store) load(id string) (r *Record, folded bool, err error) {
	for try := range 2 {
		b, err := s.recordBytes(id)
		if err != nil {
			return nil, false, err
		}
		if r, err = parse(id, b); err != nil {
			return nil, false, err
		}
		folded = s.fold(r)
		if !s.unwritten(r) {
			break
		}
		if try > 0 {
			r.Ended(137, time.Now())
			r.Error = "how it ended could not be written down"
		}
	}
	return r, folded, nil
}

func parse(id string, b []byte) (*Record, error) {
	r := &Record{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, &DamagedError{id, err}
	}
	if r.Version > recordVersion {
		return nil, fmt.Errorf("record of container %.12s was written by a newer version", id)
	}
	// Valid JSON is not yet a record: others rely on the ID and the status.
	if r.Version < 1 || r.ID != id || r.Status == "" {
		return nil, &DamagedError{id, errors.New("it is damaged")}
	}
	return r, nil
}

// recordBytes reads the record, also while it is being replaced.
func (s *Store) recordBytes(id string) (b []byte, err error) {
	for _, name := range []string{recordFile, beforeFile, recordFile} {
		if b, err = os.ReadFile(filepath.Join(s.Dir(id), name)); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return b, err
}

// List returns all containers, the youngest first. One whose record cannot be
// read is dead, with the reason.
func (s *Store) List() ([]Record, error) {
	names, err := readNames(filepath.Join(s.Root, "containers"))
	if err != nil {
		return nil, err
	}
	var out []Record
	for _, id := range names {
		r, err := s.Load(id)
		switch {
		case errors.Is(err, fs.ErrNotExist): // being made or removed
		case err != nil && len(id) == 64:
			out = append(out, s.dead(id, err))
		case err == nil:
			out = append(out, *r)
		}
	}
	slices.SortFunc(out, func(a, b Record) int { return b.Created.Compare(a.Created) })
	return out, nil
}

// dead is what is known of a container whose record cannot be read.
func (s *Store) dead(id string, why error) Record {
	r := Record{ID: id, Status: Dead, Error: why.Error()}
	if names, err := s.namesOf(id); err == nil && len(names) > 0 {
		r.Name = names[0]
	}
	if st, err := os.Lstat(s.Dir(id)); err == nil {
		r.Created = st.ModTime().UTC()
	}
	return r
}

func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// A NotFoundError says that there is no such container.
type NotFoundError struct{ Ref string }

func (e *NotFoundError) Error() string { return "No such container: " + e.Ref }

// NotFound tells this error from others.
func (e *NotFoundError) NotFound() bool { return true }

// Find returns the container of that name, ID, or unambiguous beginning of an ID.
func (s *Store) Find(ref string) (*Record, error) {
	if id, err := s.named(ref); err == nil {
		r, err := s.Load(id)
		// By another name than its own: of a rename that is not done, see Rename.
		if !errors.Is(err, fs.ErrNotExist) && (err != nil || r.Name == ref) {
			return r, err
		}
	}
	if ref == "" || strings.Trim(ref, "0123456789abcdef") != "" {
		return nil, &NotFoundError{ref}
	}
	names, err := readNames(filepath.Join(s.Root, "containers"))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, id := range names {
		if strings.HasPrefix(id, ref) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return nil, &NotFoundError{ref}
	case 1:
		r, err := s.Load(found[0])
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &NotFoundError{ref}
		}
		return r, err
	}
	return nil, fmt.Errorf("Multiple IDs found with provided prefix: %s", ref)
}
