package reader

import (
	"errors"
	"os"
	"slices"
	"strconv"
)

// files are those of one log: NAME, the older NAME.1, and so on.
type files struct {
	dir  *os.Root
	name string
	open []*lines // the oldest first; all but the last are complete
}

func (s *files) close() {
	for _, l := range s.open {
		l.f.Close()
	}
}

// limit ends reading where the files end now.
func (s *files) limit() error {
	if len(s.open) == 0 {
		return nil
	}
	last := s.open[len(s.open)-1]
	st, err := last.f.Stat()
	if err != nil {
		return err
	}
	last.limit = max(st.Size(), 1)
	return nil
}

// more opens the files that are newer than the last open one.
func (s *files) more() error {
	for {
		found, err := s.scan()
		if err != nil {
			return err
		}
		if s.inOrder(found) {
			slices.Reverse(found)
			s.open = append(s.open, found...)
			return nil
		}
		for _, l := range found {
			l.f.Close()
		}
	}
}

// scan opens files from the newest down to the last open one. Files are renamed
// meanwhile, and there may be none of a name for a moment: two names without
// one are the end.
func (s *files) scan() (found []*lines, err error) {
	missing := 0
	for age := 0; missing < 2; age++ {
		l, err := s.openFile(age)
		if err != nil {
			for _, l := range found {
				l.f.Close()
			}
			return nil, err
		}
		switch {
		case l == nil:
			missing++
			continue
		case len(s.open) > 0 && os.SameFile(l.info, s.open[len(s.open)-1].info):
			l.f.Close()
			return found, nil
		case len(found) > 0 && os.SameFile(l.info, found[len(found)-1].info):
			l.f.Close() // it grew older while we looked
		default:
			found = append(found, l)
		}
		missing = 0
	}
	return found, nil
}

// inOrder says that files were renamed at most once during a scan. Of more, a
// newer file may have been found behind an older one, or an older one not.
func (s *files) inOrder(found []*lines) bool {
	if len(found) == 0 {
		return true
	}
	for age := range 2 {
		st, err := s.dir.Stat(s.nameOf(age))
		if err == nil && os.SameFile(st, found[0].info) {
			return true
		}
	}
	return s.gone() // what is being removed has no order that could change
}

// gone says that none of the first files is there.
func (s *files) gone() bool {
	for age := range 3 {
		if _, err := s.dir.Stat(s.nameOf(age)); err == nil {
			return false
		}
	}
	return true
}

// openFile returns nil where there is none.
func (s *files) openFile(age int) (*lines, error) {
	f, err := s.dir.Open(s.nameOf(age))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &lines{f: f, info: info}, nil
}

func (s *files) nameOf(age int) string {
	if age == 0 {
		return s.name
	}
	return s.name + "." + strconv.Itoa(age)
}
