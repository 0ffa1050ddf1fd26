package reader

import (
	"bytes"
	"io"
	"os"
)

// maxLine is the longest line that is read; longer ones are no records.
const maxLine = 1 << 20

const blockSize = 64 << 10

// lines reads a file that may grow.
type lines struct {
	f    *os.File
	info os.FileInfo // of when it was opened: its identity

	at       int64 // where to read on
	limit    int64 // where to end; 0 is nowhere
	buf      []byte
	start    int  // of what was read and not returned, in buf
	skipping bool // the line is too long
}

// next returns a line without its newline, until the next call, or io.EOF where
// there is no whole one, now.
func (l *lines) next() ([]byte, error) {
	from := l.start // what is before has no newline
	for {
		if n := bytes.IndexByte(l.buf[from:], '\n'); n >= 0 {
			line := l.buf[l.start : from+n]
			l.start = from + n + 1
			if l.skipping {
				l.skipping = false
				from = l.start
				continue
			}
			return line, nil
		}
		if len(l.buf)-l.start > maxLine || l.skipping {
			l.skipping, l.start = true, len(l.buf)
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
		from = l.start
	}
}

// fill reads more behind what is in buf, which then begins with it.
func (l *lines) fill() error {
	l.buf = l.buf[:copy(l.buf, l.buf[l.start:])]
	l.start = 0
	n := int64(blockSize)
	if l.limit > 0 {
		n = min(n, l.limit-l.at)
	}
	if n <= 0 {
		return io.EOF
	}
	have := len(l.buf)
	l.buf = append(l.buf, make([]byte, n)...)
	got, err := l.f.ReadAt(l.buf[have:], l.at)
	l.buf = l.buf[:have+got]
	l.at += int64(got)
	if got > 0 {
		return nil
	}
	if err == io.EOF {
		return l.shrunk()
	}
	return err
}

// shrunk looks whether the file is shorter than what was read of it, as where
// Docker keeps only one file, and then begins again. Else the error is io.EOF.
func (l *lines) shrunk() error {
	st, err := l.f.Stat()
	if err != nil {
		return err
	}
	if st.Size() >= l.at {
		return io.EOF
	}
	l.at, l.buf, l.skipping = 0, l.buf[:0], false
	return nil
}

// rest returns what is left when the file has ended: a line without an end.
func (l *lines) rest() []byte {
	if l.skipping {
		return nil
	}
	return l.buf[l.start:]
}
