package image

import (
	"errors"
	"slices"
	"strings"

	"mydocker/content"
	"mydocker/internal/ocispec"
	"mydocker/reference"
)

// imagesKey is the annotation of a descriptor in index.json that has the IDs of
// the images which were made of it, with commas between: an index may have had
// several. An entry without it is another tool's.
const imagesKey = "mydocker.images"

// addTarget names what an image is made of, so that its blobs stay, and other
// tools find them. It is for the holder of the lock, and before all else: until
// there is a record, mirror takes it back.
func (s *Store) addTarget(d ocispec.Descriptor, name, id string) error {
	return s.content.Change(func(x *content.Index) error {
		ids := append(imagesOf(x, d.Digest), id)
		slices.Sort(ids)
		list := strings.Join(slices.Compact(ids), ",")
		for i, e := range x.Entries {
			if e.Digest == d.Digest && ours(e) {
				x.Entries[i].Annotations = annotated(e.Descriptor, list)
			}
		}
		d.Annotations = annotated(d, list)
		if name == "" {
			x.Add(d)
		} else {
			x.Set(fullName(name), d)
		}
		return nil
	})
}

func annotated(d ocispec.Descriptor, ids string) map[string]string {
	all := map[string]string{imagesKey: ids}
	if n, ok := d.Annotations[content.RefName]; ok {
		all[content.RefName] = n
	}
	return all
}

func ours(e content.Entry) bool { return e.Annotations[imagesKey] != "" }

// imagesOf lists the images that are made of a digest.
func imagesOf(x *content.Index, d ocispec.Digest) (ids []string) {
	for _, e := range x.Entries {
		if e.Digest == d && ours(e) {
			ids = append(ids, strings.Split(e.Annotations[imagesKey], ",")...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// mirror makes index.json say what repositories.json and the records say, and
// returns whether it did not. Entries of other tools stay as they are, and so do
// those of images that have no name. It is for the holder of the lock.
func (s *Store) mirror() (changed bool, err error) {
	now, err := s.content.Index()
	if err != nil || len(now.Entries) == 0 {
		return false, err
	}
	names, err := s.readNames()
	if err != nil {
		return false, err
	}
	ids, err := s.ids()
	if err != nil {
		return false, err
	}
	if !reconcile(now, names, ids) {
		return false, nil
	}
	return true, s.content.Change(func(x *content.Index) error {
		reconcile(x, names, ids)
		return nil
	})
}

// reconcile changes x to what names and the images that are there say, and
// returns whether it had to.
func reconcile(x *content.Index, names map[string]string, ids []string) (changed bool) {
	for _, e := range slices.Clone(x.Entries) {
		made := imagesOf(x, e.Digest)
		switch {
		case !ours(e):
		case !slices.ContainsFunc(made, func(id string) bool { return slices.Contains(ids, id) }):
			x.Entries = slices.DeleteFunc(x.Entries, func(o content.Entry) bool { return o.Digest == e.Digest && ours(o) })
			changed = true
		case e.Name() != "" && !slices.Contains(made, names[shortName(e.Name())]):
			x.Untag(e.Name())
			changed = true
		}
	}
	for name, id := range names {
		if isDigestName(name) {
			continue
		}
		if d, ok := x.Find(fullName(name)); ok && slices.Contains(imagesOf(x, d.Digest), id) {
			continue
		}
		i := slices.IndexFunc(x.Entries, func(e content.Entry) bool { return slices.Contains(imagesOf(x, e.Digest), id) })
		if i >= 0 {
			x.Set(fullName(name), x.Entries[i].Descriptor)
			changed = true
		}
	}
	return changed
}

// fullName is a name as index.json has it, for tools that know of no default:
// "docker.io/library/alpine:latest".
func fullName(name string) string {
	ref, err := reference.Parse(name)
	if err != nil {
		return name
	}
	return ref.String()
}

// shortName is the reverse.
func shortName(full string) string {
	ref, err := reference.Parse(full)
	if err != nil {
		return full
	}
	return storedName(ref)
}

// sweeping calls f, which removes images, and then removes the blobs that nobody
// needs any more. Should this process die, the lease that it leaves tells Repair
// that there may be some.
func (s *Store) sweeping(f func() error) (gone []content.Blob, err error) {
	blobs, err := s.content.Blobs()
	if err != nil {
		return nil, err
	}
	if len(blobs) == 0 {
		return nil, f()
	}
	lease, err := s.content.Lease()
	if err != nil {
		return nil, err
	}
	err = f()
	gone, serr := s.content.Sweep()
	if serr != nil {
		return gone, errors.Join(err, serr, lease.Leave())
	}
	return gone, errors.Join(err, lease.Close())
}

func firstOf(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
