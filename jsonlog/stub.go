package jsonlog

import (
	"os"
	"sync"
)

type Options struct {
	MaxSize  int64
	MaxFiles int
}
type Writer struct {
	f  *os.File
	mu sync.Mutex
}
type Stream struct{ w *Writer }

func Open(path string, o Options) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return &Writer{f: f}, err
}
func (w *Writer) Stream(n string) *Stream     { return &Stream{w} }
func (s *Stream) Write(p []byte) (int, error) { return s.w.f.Write(p) }
func (s *Stream) Flush()                      {}
func (w *Writer) Close() error                { return w.f.Close() }
