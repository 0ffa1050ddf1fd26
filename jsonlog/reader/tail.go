package reader

import (
	"bytes"
	"io"
)

// tail goes to the beginning of the last n lines. They are counted from the
// end, where only they are read. A line of several records is one; where the
// streams are mixed, the first records of one may be left out.
func (s *files) tail(n int) error {
	c := counter{want: n, seen: map[string]bool{}}
	for i := len(s.open) - 1; i >= 0; i-- {
		l := s.open[i]
		st, err := l.f.Stat()
		if err != nil {
			return err
		}
		if err := backward(l.f, st.Size(), c.visit); err != nil {
			return err
		}
		if c.full {
			l.at = min(c.at, st.Size()) // the last line may lack its end
			for _, older := range s.open[:i] {
				older.f.Close()
			}
			s.open = s.open[i:]
			return nil
		}
	}
	return nil
}

// A counter counts lines from the last one.
type counter struct {
	want, have int
	seen       map[string]bool // the streams that had a record
	at         int64           // when full: where the wanted ones begin
	full       bool
}

// visit returns false when the record, which begins at that place, is not one
// of those wanted.
func (c *counter) visit(at int64, line []byte) bool {
	r, ok := decode(line)
	if !ok || r.Partial && c.seen[r.Stream] { // the latter is the part of a line that was counted
		return true
	}
	c.seen[r.Stream] = true
	if c.have == c.want {
		c.at, c.full = at+int64(len(line))+1, true
		return false
	}
	c.have++
	return true
}

// backward calls visit for the lines before end, the last one first, until it
// returns false. What is longer than maxLine is passed over.
func backward(f io.ReaderAt, end int64, visit func(at int64, line []byte) bool) error {
	var head []byte // of the file from end on, up to the first newline or end visited
	skipping := false
	for end > 0 {
		block := make([]byte, min(end, blockSize), min(end, blockSize)+int64(len(head)))
		if _, err := f.ReadAt(block, end-int64(len(block))); err != nil {
			return err
		}
		end -= int64(len(block))
		rest := len(block)
		block = append(block, head...)
		for {
			n := bytes.LastIndexByte(block[:rest], '\n')
			if n < 0 {
				break
			}
			if !skipping && !visit(end+int64(n)+1, block[n+1:]) {
				return nil
			}
			skipping = false
			block, rest = block[:n], n
		}
		if head = block; len(head) > maxLine || skipping {
			head, skipping = nil, true
		}
	}
	if !skipping {
		visit(0, head)
	}
	return nil
}
