// Package reader reads container logs: those of package jsonlog, and those of
// Docker's json-file driver. It only reads files, and stalls nobody who writes
// them; lines that are no records are skipped.
package reader

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"mydocker/linux"
)

// All is the [Options.Tail] of a log that is read from its beginning.
const All = -1

// Options say what of a log is read.
type Options struct {
	// Tail is how many lines are read that are there already, the last ones;
	// All, or any negative number, is no limit. They are counted before Since
	// and Until leave some out.
	Tail int

	Since, Until time.Time // both included; zero is no limit

	// Follow goes on with what is written later.
	Follow bool

	// Ended says that nothing will be written any more. It is asked before
	// every look at the files, and those follow every change in the directory,
	// and Nudge, which is done when Ended has changed without one. A log whose
	// Ended is nil ends with its context.
	Ended func() bool
	Nudge context.Context

	// Idle, if not nil, is called when everything there has been read, before
	// waiting for more.
	Idle func() error
}

// Read calls emit for the records of the log at path, and of the older files
// beside it, in the order in which they were written. An error of emit ends it,
// and is returned. A log that is not there is empty; a directory that is not
// there is an error.
//
// A follower loses and doubles nothing, however often files are renamed between
// two of its looks, but what is removed before its turn came.
func Read(ctx context.Context, path string, o Options, emit func(Record) error) error {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	r := &reader{files: files{dir: dir, name: filepath.Base(path)}, o: o, emit: emit}
	defer r.close()
	if o.Follow {
		return r.follow(ctx)
	}
	if err := r.start(); err != nil {
		return err
	}
	if err := r.limit(); err != nil {
		return err
	}
	return done(r.finish(ctx))
}

// errUntil says that a record came that is later than wanted.
var errUntil = errors.New("the end of what is wanted")

func done(err error) error {
	if err == errUntil {
		return nil
	}
	return err
}

type reader struct {
	files
	o    Options
	emit func(Record) error
}

// start opens the files, and goes to where reading begins.
func (r *reader) start() error {
	if err := r.more(); err != nil || r.o.Tail < 0 {
		return err
	}
	return r.tail(r.o.Tail)
}

// follow reads until the log has ended.
func (r *reader) follow(ctx context.Context) error {
	w, err := linux.WatchDir(r.dir.Name())
	if err != nil {
		return err
	}
	defer w.Close()
	if r.o.Nudge != nil {
		defer context.AfterFunc(r.o.Nudge, w.Wake)()
	}
	if !r.o.Until.IsZero() {
		defer time.AfterFunc(time.Until(r.o.Until), w.Wake).Stop()
	}
	ended := r.ended()
	if err := r.start(); err != nil {
		return err
	}
	for ; !ended; ended = r.ended() {
		if err := r.drain(ctx); err != nil {
			return done(err)
		}
		if r.o.Idle != nil {
			if err := r.o.Idle(); err != nil {
				return err
			}
		}
		if err := w.Wait(ctx); err != nil {
			return err
		}
	}
	if err := r.drain(ctx); err != nil {
		return done(err)
	}
	return done(r.finish(ctx))
}

// ended is asked before looking, so that what is seen then is all there is.
func (r *reader) ended() bool {
	return r.o.Ended != nil && r.o.Ended() || !r.o.Until.IsZero() && time.Now().After(r.o.Until)
}

// drain reads whole lines until there are none, going from file to file.
func (r *reader) drain(ctx context.Context) error {
	for {
		if len(r.open) > 0 {
			if err := r.lines(ctx, r.open[0]); err != nil {
				return err
			}
		}
		if len(r.open) > 1 { // the first is complete, and has been since before it was read
			if err := r.next(); err != nil {
				return err
			}
			continue
		}
		before := len(r.open)
		if err := r.more(); err != nil || len(r.open) == before {
			return err
		}
	}
}

// next gives up the oldest file. Its last line may lack its end.
func (r *reader) next() error {
	err := r.line(r.open[0].rest())
	r.open[0].f.Close()
	r.open = r.open[1:]
	return err
}

// finish reads the open files to their ends.
func (r *reader) finish(ctx context.Context) error {
	for len(r.open) > 0 {
		if err := r.lines(ctx, r.open[0]); err != nil {
			return err
		}
		if err := r.next(); err != nil {
			return err
		}
	}
	return nil
}

// lines reads the whole lines of one file.
func (r *reader) lines(ctx context.Context, l *lines) error {
	for {
		line, err := l.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = r.line(line)
		}
		if err != nil {
			return err
		}
	}
}

func (r *reader) line(line []byte) error {
	rec, ok := decode(line)
	switch {
	case !ok, rec.Time.Before(r.o.Since):
		return nil
	case !r.o.Until.IsZero() && rec.Time.After(r.o.Until):
		return errUntil
	}
	return r.emit(rec)
}
