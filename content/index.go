package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"mydocker/internal/atomicfile"
	"mydocker/internal/ocispec"
)

// RefName is the annotation of index.json that makes a descriptor the meaning
// of a name.
const RefName = "org.opencontainers.image.ref.name"

// Index is what index.json says: the images that are there, with and without
// names. What this package does not know of it is kept.
type Index struct {
	Entries []Entry // as in the file
	text    []byte  // the file as it was read
}

// An Entry is one of its descriptors: of a manifest or of an index of manifests.
type Entry struct {
	ocispec.Descriptor
	line int // where it was read, counted from 1; 0 if it is new
}

// Name is what the entry is called, "" for one without a name.
func (e Entry) Name() string { return e.Annotations[RefName] }

// Find returns what a name stands for.
func (x *Index) Find(name string) (ocispec.Descriptor, bool) {
	i := slices.IndexFunc(x.Entries, func(e Entry) bool { return e.Name() == name })
	if name == "" || i < 0 {
		return ocispec.Descriptor{}, false
	}
	return x.Entries[i].Descriptor, true
}

// Set lets a name stand for d, of which other annotations are kept. Whoever had
// the name loses it, and stays without one if no other entry has its digest.
// The empty name is that of nobody: see Add.
func (x *Index) Set(name string, d ocispec.Descriptor) {
	if name == "" {
		x.Add(d)
		return
	}
	x.Untag(name)
	x.Entries = slices.DeleteFunc(x.Entries, func(e Entry) bool { return e.Name() == "" && e.Digest == d.Digest })
	d.Annotations = maps.Clone(d.Annotations)
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[RefName] = name
	x.Entries = append(x.Entries, Entry{Descriptor: d})
}

// Add puts in an image without a name, if its digest is not there under any.
func (x *Index) Add(d ocispec.Descriptor) {
	if !x.has(d.Digest) {
		d.Annotations = unnamed(d.Annotations)
		x.Entries = append(x.Entries, Entry{Descriptor: d})
	}
}

// Untag takes a name away, as Set does, and says whether anybody had it.
func (x *Index) Untag(name string) bool {
	i := slices.IndexFunc(x.Entries, func(e Entry) bool { return e.Name() == name })
	if name == "" || i < 0 {
		return false
	}
	e := x.Entries[i]
	x.Entries = slices.Delete(x.Entries, i, i+1)
	x.Untag(name) // others may have written it twice
	if !x.has(e.Digest) {
		e.Annotations = unnamed(e.Annotations)
		x.Entries = slices.Insert(x.Entries, min(i, len(x.Entries)), e)
	}
	return true
}

// Delete takes out all entries with this digest, and returns their names.
func (x *Index) Delete(d ocispec.Digest) (names []string) {
	x.Entries = slices.DeleteFunc(x.Entries, func(e Entry) bool {
		if e.Digest == d && e.Name() != "" {
			names = append(names, e.Name())
		}
		return e.Digest == d
	})
	return names
}

func (x *Index) has(d ocispec.Digest) bool {
	return slices.ContainsFunc(x.Entries, func(e Entry) bool { return e.Digest == d })
}

func unnamed(annotations map[string]string) map[string]string {
	annotations = maps.Clone(annotations)
	delete(annotations, RefName)
	return annotations
}

// Index reads the names; there are none before anything was stored.
func (s *Store) Index() (*Index, error) {
	there, err := s.exists()
	if err != nil {
		return nil, err
	}
	if !there {
		return &Index{}, nil
	}
	x, _, err := s.readIndex()
	return x, err
}

func (s *Store) readIndex() (*Index, []byte, error) {
	b, err := readFile(s.path("index.json"), maxNames)
	if err != nil {
		return nil, nil, err
	}
	x, err := parseIndex(b)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is damaged: %w", s.path("index.json"), err)
	}
	return x, b, nil
}

// Change replaces index.json by what f makes of it, as a whole, while nobody
// else changes it: f calls no method of the store but those that read. Blobs
// that f names for the first time must be there, and are on the disk before
// the file is. An error of f changes nothing.
func (s *Store) Change(f func(*Index) error) error {
	return s.locked(func() error {
		if err := s.create(); err != nil {
			return err
		}
		x, before, err := s.readIndex()
		if err != nil {
			return err
		}
		old := x.digests()
		if err := f(x); err != nil {
			return err
		}
		if err := s.settle(x, old); err != nil {
			return err
		}
		after, err := x.marshal()
		if err != nil || bytes.Equal(before, after) {
			return err
		}
		return atomicfile.Write(s.path("index.json"), after, 0o600, true)
	})
}

// settle looks for the blobs that are named now and were not before. One sync
// of their directory is for all of them: the files were synced by Commit.
func (s *Store) settle(x *Index, old map[ocispec.Digest]bool) error {
	fresh := 0
	for _, e := range x.Entries {
		if old[e.Digest] {
			continue
		}
		f, err := s.Open(e.Descriptor)
		if err != nil {
			return fmt.Errorf("name %q: %w", e.Name(), err)
		}
		f.Close()
		fresh++
	}
	if fresh == 0 {
		return nil
	}
	return atomicfile.SyncDir(s.path("blobs/sha256"))
}

func (x *Index) digests() map[ocispec.Digest]bool {
	all := map[ocispec.Digest]bool{}
	for _, e := range x.Entries {
		all[e.Digest] = true
	}
	return all
}

// parseIndex reads index.json. Its descriptors are others' as well: what they
// lead to is checked by who follows them.
func parseIndex(b []byte) (*Index, error) {
	file, err := ParseIndex(b, ocispec.MediaTypeIndex)
	if err != nil {
		return nil, err
	}
	if file.Manifests == nil {
		return nil, errors.New("it has no manifests, not even none")
	}
	all := file.Manifests
	x := &Index{text: b, Entries: make([]Entry, len(all))}
	for i, d := range all {
		x.Entries[i] = Entry{d, i + 1}
	}
	return x, nil
}

// marshal is the file's text: entries that nobody changed byte for byte.
func (x *Index) marshal() ([]byte, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(x.text, &fields); err != nil {
		return nil, fmt.Errorf("write index.json: %w", err)
	}
	var old []json.RawMessage
	if err := json.Unmarshal(fields["manifests"], &old); err != nil {
		return nil, fmt.Errorf("write index.json: %w", err)
	}
	raws := make([]json.RawMessage, len(x.Entries))
	for i, e := range x.Entries {
		var raw json.RawMessage
		if e.line > 0 {
			raw = old[e.line-1]
		}
		var err error
		if raws[i], err = e.marshal(raw); err != nil {
			return nil, fmt.Errorf("write index.json: %w", err)
		}
	}
	var err error
	if fields["manifests"], err = json.Marshal(raws); err != nil {
		return nil, fmt.Errorf("write index.json: %w", err)
	}
	b, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("write index.json: %w", err)
	}
	return b, nil
}

// marshal keeps the fields of a changed entry that a Descriptor has not. raw is
// how it was read, nil if it is new.
func (e Entry) marshal(raw json.RawMessage) (json.RawMessage, error) {
	now, err := json.Marshal(e.Descriptor)
	if err != nil || raw == nil {
		return now, err
	}
	var was ocispec.Descriptor
	if err := json.Unmarshal(raw, &was); err != nil {
		return nil, err
	}
	if reflect.DeepEqual(was, e.Descriptor) {
		return raw, nil
	}
	known, err := json.Marshal(was)
	if err != nil {
		return nil, err
	}
	return overlay(raw, known, now)
}

// overlay replaces the fields of one JSON object that are known by those of
// another.
func overlay(base, known, now json.RawMessage) (json.RawMessage, error) {
	var all, gone, fresh map[string]json.RawMessage
	for _, p := range []struct {
		text json.RawMessage
		into *map[string]json.RawMessage
	}{{base, &all}, {known, &gone}, {now, &fresh}} {
		if err := json.Unmarshal(p.text, p.into); err != nil {
			return nil, err
		}
	}
	for known := range gone { // encoding/json has read "Annotations", too
		maps.DeleteFunc(all, func(k string, _ json.RawMessage) bool { return strings.EqualFold(k, known) })
	}
	maps.Copy(all, fresh)
	return json.Marshal(all)
}
