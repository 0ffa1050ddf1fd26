package content

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"mydocker/internal/filelock"
	"mydocker/internal/ocispec"
)

// A Lease keeps blobs that nothing leads to yet: what a pull has fetched, and
// what it found and counts on. It ends with Close or with its process, whichever
// is first. All its methods may be called at the same time.
//
// What a lease holds is in its file, one descriptor on a line.
type Lease struct {
	store *Store
	path  string
	lock  *filelock.Held
	mu    sync.Mutex
	size  int64 // bytes of whole lines in the file
}

const maxLease = 64 << 20 // bytes of its file

// Lease begins to keep blobs.
func (s *Store) Lease() (*Lease, error) {
	l := &Lease{store: s, path: s.path("leases/" + rand.Text())}
	err := s.locked(func() (err error) {
		if err := s.create(); err != nil {
			return err
		}
		l.lock, err = filelock.Lock(l.path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	return l, nil
}

// Hold keeps blobs, and with a manifest or an index what it leads to, from when
// it returns: whoever looks for a blob looks after that.
func (l *Lease) Hold(all ...ocispec.Descriptor) error {
	var lines bytes.Buffer
	for _, d := range all {
		if err := checkDescriptor(d); err != nil {
			return err
		}
		line, err := json.Marshal(ocispec.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size})
		if err != nil {
			return fmt.Errorf("lease: %w", err)
		}
		lines.Write(append(line, '\n'))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.store.locked(func() error {
		f := l.lock.File()
		if _, err := f.WriteAt(lines.Bytes(), l.size); err != nil {
			return errors.Join(fmt.Errorf("lease: %w", err), f.Truncate(l.size)) // no half a line
		}
		l.size += int64(lines.Len())
		return nil
	})
}

// Close ends it; what was not named meanwhile goes with the next Sweep.
func (l *Lease) Close() error {
	err := os.Remove(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.lock.Close())
}

// Leave ends it as the end of its process would: Abandoned tells, and what was
// not named meanwhile stays until somebody sweeps, or goes on with it.
func (l *Lease) Leave() error { return l.lock.Close() }

// Abandoned says whether there is a lease whose holder is gone, so that there may
// be blobs that nobody needs.
func (s *Store) Abandoned() (bool, error) {
	if there, err := s.exists(); !there || err != nil {
		return false, err
	}
	found := false
	err := s.locked(func() error {
		entries, err := os.ReadDir(s.path("leases"))
		for _, e := range entries {
			lock, dead, lerr := filelock.TryLock(s.path("leases/" + e.Name()))
			if lerr != nil {
				return lerr
			}
			if dead {
				found = true
				lock.Close()
			}
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("list leases: %w", err)
	}
	return found, nil
}

// leased lists what living leases hold, and removes those of the dead. It is
// for the holder of the lock.
func (s *Store) leased() ([]ocispec.Descriptor, error) {
	entries, err := os.ReadDir(s.path("leases"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	var all []ocispec.Descriptor
	for _, e := range entries {
		path := s.path("leases/" + e.Name())
		lock, dead, err := filelock.TryLock(path)
		if err != nil {
			return nil, fmt.Errorf("lease: %w", err)
		}
		if dead {
			err := os.Remove(path)
			lock.Close()
			if err != nil {
				return nil, fmt.Errorf("lease: %w", err)
			}
			continue
		}
		held, err := readLease(path)
		if err != nil {
			return nil, err
		}
		all = append(all, held...)
	}
	return all, nil
}

// readLease: nobody writes at the same time, as one needs the lock for that.
func readLease(path string) ([]ocispec.Descriptor, error) {
	b, err := readFile(path, maxLease)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // closed meanwhile
	}
	if err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	var all []ocispec.Descriptor
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		var d ocispec.Descriptor
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			return nil, fmt.Errorf("lease %s: %w", path, err)
		}
		all = append(all, d)
	}
	return all, nil
}
