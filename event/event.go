// Package event is the engine's journal: what happened to containers, and who
// did it. It is a file of JSON lines that everybody appends to and nobody
// keeps open, so it survives whoever writes. Monitors write to it, so the
// package links nothing heavy.
package event

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"mydocker/jsonlog"
)

// File is the journal's name in the engine's root directory. The one before it
// has ".1" behind its name.
const File = "events.jsonl"

// maxSize is how large the journal may become, in bytes; there are two files.
const maxSize = 10 << 20

// An Event is one line:
//
//	{"time":"2026-01-02T15:04:05.000000006Z","type":"container","action":"die","id":"4f2a...",
//	 "attributes":{"exitCode":"0","image":"host","name":"box"},"uid":0,"pid":42,"command":"mydocker"}
//
// Actions and attributes are those of Docker's events. The last three say who
// did it.
type Event struct {
	Action     string
	ID         string   // of the container
	Attributes []string // key, value, key, value
	Command    string   // who did it, in a few words; user and process are the caller's
}

// Append writes an event to the journal of the engine with that root.
func Append(root string, e Event) error {
	line := e.line(time.Now())
	path := filepath.Join(root, File)
	for {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return err
		}
		done, err := put(f, path, line)
		f.Close()
		if done || err != nil {
			return err
		}
	}
}

// put writes the line, under the file's lock. It returns false when the file is
// not the journal any more.
func put(f *os.File, path string, line []byte) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err == nil {
			break
		}
		if err != syscall.EINTR {
			return false, &os.PathError{Op: "flock", Path: path, Err: err}
		}
	}
	mine, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && !os.SameFile(mine, there) {
		return false, nil
	}
	if mine.Size() > maxSize {
		return false, os.Rename(path, path+".1")
	}
	_, err = f.Write(line)
	return true, err
}

func (e Event) line(now time.Time) []byte {
	b := append([]byte(`{"time":"`), now.UTC().Format(time.RFC3339Nano)...)
	b = append(b, `","type":"container","action":`...)
	b = jsonlog.AppendQuoted(b, e.Action)
	b = jsonlog.AppendQuoted(append(b, `,"id":`...), e.ID)
	b = append(b, `,"attributes":{`...)
	for i := 0; i+1 < len(e.Attributes); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(jsonlog.AppendQuoted(b, e.Attributes[i]), ':')
		b = jsonlog.AppendQuoted(b, e.Attributes[i+1])
	}
	b = strconv.AppendInt(append(b, `},"uid":`...), int64(os.Getuid()), 10)
	b = strconv.AppendInt(append(b, `,"pid":`...), int64(os.Getpid()), 10)
	b = jsonlog.AppendQuoted(append(b, `,"command":`...), e.Command)
	return append(b, "}\n"...)
}
