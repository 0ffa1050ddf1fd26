package jsonlog

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// A file is where records go: the newest of a row of files.
type file struct {
	path  string
	max   int64 // size of one
	files int   // how many

	f    *os.File // nil: the next record opens it
	size int64    // of the whole records in f
	torn bool     // f is longer than size
}

// open opens the file, and ends the line that a killed writer left.
func (w *file) open() error {
	f, err := os.OpenFile(w.path, os.O_RDWR|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	size, err := endLine(f)
	if err != nil {
		f.Close()
		return err
	}
	w.f, w.size, w.torn = f, size, false
	return nil
}

// endLine makes the file end with a newline, if there is anything in it, and
// returns its size.
func endLine(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return 0, err
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil {
		return 0, err
	}
	if last[0] == '\n' {
		return info.Size(), nil
	}
	_, err = f.Write([]byte{'\n'})
	return info.Size() + 1, err
}

// put writes records from the beginning of a batch: as many as the file has
// room for, but at least one, in a new file where the old one is full. It
// returns how many bytes of them are in the file. Where it fails, those are the
// records that are there whole, or none if a part is of no use.
func (w *file) put(batch []byte, partly bool) (int, error) {
	if err := w.ready(); err != nil {
		return 0, err
	}
	n := w.fits(batch)
	if n == 0 {
		if err := w.rotate(); err != nil {
			return 0, err
		}
		n = w.fits(batch)
	}
	n, err := w.f.Write(batch[:n])
	if err == nil {
		w.size += int64(n)
		return n, nil
	}
	keep := 0
	if partly {
		keep = bytes.LastIndexByte(batch[:n], '\n') + 1
	}
	w.size += int64(keep)
	w.torn = n > keep
	w.ready() // where it does not help, the next record tries again
	return keep, err
}

// ready opens the file if it is not open, and takes back half a record.
func (w *file) ready() error {
	if w.f == nil {
		return w.open()
	}
	if w.torn {
		if err := w.f.Truncate(w.size); err != nil {
			return err
		}
		w.torn = false
	}
	return nil
}

// fits returns how many bytes of whole records the file takes. An empty one
// takes at least one record.
func (w *file) fits(batch []byte) int {
	room := max(w.max-w.size, 0)
	if int64(len(batch)) <= room {
		return len(batch)
	}
	n := bytes.LastIndexByte(batch[:room], '\n') + 1
	if n == 0 && w.size == 0 {
		n = bytes.IndexByte(batch, '\n') + 1
	}
	return n
}

// rotate makes every file one older, the oldest vanishes, and a new one is
// opened. A new one also where there is to be only one: those who read the old
// one finish it.
func (w *file) rotate() error {
	w.f.Close()
	w.f = nil
	if w.files == 1 {
		if err := os.Remove(w.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for i := w.files - 1; i > 0; i-- {
		if err := os.Rename(w.name(i-1), w.name(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return w.open()
}

// name returns the path of the file that is so many files old.
func (w *file) name(age int) string {
	if age == 0 {
		return w.path
	}
	return w.path + "." + strconv.Itoa(age)
}

// dropSurplus removes files that an earlier writer was allowed to keep.
func (w *file) dropSurplus() {
	for i := w.files; os.Remove(w.name(i)) == nil; i++ {
	}
}

// flush writes the batch. What cannot be written is dropped and counted.
func (w *Writer) flush() {
	for rest := w.batch; len(rest) > 0; {
		n, err := w.put(rest, !w.noted)
		rest = rest[n:]
		if err != nil {
			w.lose(rest, err)
			break
		}
		if w.noted {
			w.noted, w.lost = false, 0
		}
	}
	w.batch, w.noted = w.batch[:0], false
}

// lose counts records that could not be written; the one about others is none.
func (w *Writer) lose(records []byte, why error) {
	w.lost += bytes.Count(records, []byte{'\n'})
	if w.noted {
		w.lost--
	}
	w.why = why
}

// note begins the batch with a record that says what was lost.
func (w *Writer) note() {
	what := " log records were lost: "
	if w.lost == 1 {
		what = " log record was lost: "
	}
	text := "mydocker: " + strconv.Itoa(w.lost) + what + cause(w.why).Error() + "\n"
	w.batch = appendRecord(w.batch, []byte(text), []byte(`","stream":"stderr","time":"`), w.stamp)
	w.noted = true
}

// cause returns what is inside of an error: the kernel's reason without a path.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
