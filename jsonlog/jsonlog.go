// Package jsonlog writes a container's log as Docker's json-file driver does:
// one JSON object on each line,
//
//	{"log":"text\n","stream":"stdout","time":"2026-11-26T04:33:16.123456789Z"}
//
// in a file and, as it fills, in older ones beside it: FILE.1, FILE.2 and so
// on. Text that is no UTF-8 has U+FFFD in its place, and "base64" after "time"
// then holds the exact bytes. Package jsonlog/reader reads it.
//
// The writer is part of a small process that stays with every container: it
// links little, and its memory does not depend on what it writes.
package jsonlog

import (
	"bytes"
	"os"
	"sync"
	"time"
)

// Defaults of [Options], and the longest text of one record.
const (
	DefaultMaxSize  = 10 << 20
	DefaultMaxFiles = 3

	MaxText = 16 << 10
)

const (
	// batchSize is how many bytes are gathered for one write(2).
	batchSize = 64 << 10
	// maxRecord is more than any record needs: six bytes for one of its text
	// where all are escaped, the text in base64, and what stands around it.
	maxRecord = 6*MaxText + MaxText*4/3 + 1024
)

// Options bound a log; fields below 1 have the defaults.
type Options struct {
	MaxSize  int64 // of one file, in bytes; a single record may be larger
	MaxFiles int   // FILE included; with 1, a full file is begun anew
}

// A Writer is an open log. Its streams may be written by several goroutines.
//
// A disk that fails does not reach those who write: records that it refuses
// are dropped and counted, and when it takes records again, one on the stream
// "stderr" says how many were lost and why. A process with a limit on the size
// of files (RLIMIT_FSIZE) must ignore SIGXFSZ.
type Writer struct {
	mu      sync.Mutex
	streams []*Stream
	closed  bool

	stamp []byte // the time of what is being written
	batch []byte // whole records that are not in the file yet
	noted bool   // the batch begins with a record about lost ones

	lost int   // records
	why  error // the last of them was lost

	file
}

// Open opens the log at path, and makes it, with mode 0600, where it is not
// there. Records are added to those in it; where a writer was killed and left
// half of one, that line is ended first.
func Open(path string, o Options) (*Writer, error) {
	w := &Writer{file: file{path: path, max: o.MaxSize, files: o.MaxFiles}}
	if w.max < 1 {
		w.max = DefaultMaxSize
	}
	if w.files < 1 {
		w.files = DefaultMaxFiles
	}
	w.batch = make([]byte, 0, batchSize+maxRecord)
	w.stamp = make([]byte, 0, len(time.RFC3339Nano))
	w.dropSurplus()
	if err := w.open(); err != nil {
		return nil, err
	}
	return w, nil
}

// Stream returns a new stream of that name: "stdout" or "stderr".
func (w *Writer) Stream(name string) *Stream {
	after, _ := appendText([]byte(`","stream":"`), []byte(name))
	s := &Stream{w: w, after: append(after, `","time":"`...), line: make([]byte, 0, MaxText)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streams = append(w.streams, s)
	return s
}

// Close writes what the streams hold back, and closes the file. What is
// written later is refused.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.setTime()
	for _, s := range w.streams {
		s.rest()
	}
	if len(w.batch) == 0 && w.lost > 0 {
		w.note()
	}
	w.flush()
	w.closed = true
	if w.f == nil {
		return nil
	}
	return w.f.Close()
}

// A Stream is one of the outputs that a log gathers.
type Stream struct {
	w     *Writer
	line  []byte // the beginning of a line whose end was not written yet
	after []byte // what stands between text and time in every record
}

// Write adds lines to the log, each as one record, or as several where it is
// longer than [MaxText]: then only the last ends with a newline, and a record
// ends where a character does. Up to MaxText bytes of a line that is not
// complete are kept until its end, or [Stream.Flush]. All records have the
// time of the call. The error is nil until the log is closed.
func (s *Stream) Write(p []byte) (int, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.w.closed {
		return 0, os.ErrClosed
	}
	s.w.setTime()
	s.add(p)
	s.w.flush()
	return len(p), nil
}

// Flush writes the line that is not complete as a record without a newline, as
// at the end of the stream.
func (s *Stream) Flush() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.w.closed {
		return
	}
	s.w.setTime()
	s.rest()
	s.w.flush()
}

func (s *Stream) rest() {
	if len(s.line) > 0 {
		s.record(s.line)
		s.line = s.line[:0]
	}
}

// add cuts p into records. Where it cuts depends on the bytes of the stream
// alone, not on how they come.
func (s *Stream) add(p []byte) {
	for len(p) > 0 {
		if len(s.line) == 0 {
			n := cut(p)
			if n == 0 {
				s.line = append(s.line, p...)
				return
			}
			s.record(p[:n])
			p = p[n:]
			continue
		}
		have := len(s.line)
		s.line = append(s.line, p[:min(len(p), MaxText-have)]...)
		n := cut(s.line)
		if n == 0 {
			return // p is used up: a full line would have been cut
		}
		p = p[max(n-have, 0):]
		s.record(s.line[:n])
		// At most a part of a character is left, when the line began with it.
		s.line = s.line[:copy(s.line, s.line[n:max(n, have)])]
	}
}

// cut returns how many bytes at the beginning of p are the text of a record:
// none where it is not known yet.
func cut(p []byte) int {
	if n := bytes.IndexByte(p[:min(len(p), MaxText)], '\n') + 1; n > 0 {
		return n
	}
	if len(p) < MaxText {
		return 0
	}
	return wholeRunes(p[:MaxText])
}

// record adds a record to the batch.
func (s *Stream) record(text []byte) {
	w := s.w
	if len(w.batch) >= batchSize {
		w.flush()
	}
	if len(w.batch) == 0 && w.lost > 0 {
		w.note()
	}
	w.batch = appendRecord(w.batch, text, s.after, w.stamp)
}

func (w *Writer) setTime() {
	w.stamp = time.Now().UTC().AppendFormat(w.stamp[:0], time.RFC3339Nano)
}
