package runtimecmd

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// logger writes messages where engines look for them: lines of JSON with level,
// msg and time, or of text.
type logger struct {
	file, format string
	debug        bool

	to *os.File
}

func (l *logger) open() (err error) {
	switch l.format {
	case "", "text", "json":
	default:
		return errUsage{fmt.Errorf("invalid value %q for --log-format: it is text or json", l.format), ""}
	}
	if l.file == "" {
		return nil
	}
	l.to, err = os.OpenFile(l.file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("--log: %w", err)
	}
	return nil
}

// write writes a message. Without a file, warnings go to standard error as
// people read them, and errors are left to the caller.
func (l *logger) write(level, msg string) {
	if level == "debug" && !l.debug {
		return
	}
	if l.to == nil {
		if level != "error" {
			fmt.Fprintf(os.Stderr, "%s: %s: %s\n", Name, level, msg)
		}
		return
	}
	now := time.Now().Format(time.RFC3339)
	if l.format == "json" {
		line, _ := json.Marshal(struct {
			Level string `json:"level"`
			Msg   string `json:"msg"`
			Time  string `json:"time"`
		}{level, msg, now})
		l.to.Write(append(line, '\n'))
		return
	}
	fmt.Fprintf(l.to, "time=%q level=%s msg=%q\n", now, level, msg)
}
