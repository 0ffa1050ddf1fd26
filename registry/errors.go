package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Kinds of errors, for errors.Is.
var (
	ErrNotFound    = errors.New("not found")
	ErrDenied      = errors.New("denied")
	ErrTooMany     = errors.New("too many requests")
	ErrVerify      = errors.New("not what was promised") // bytes, sizes and types that contradict their description
	ErrUnsupported = errors.New("not supported")         // schema 1, artifacts, algorithms
	ErrPlatform    = errors.New("no such platform")
)

const (
	maxError = 64 << 10 // bytes read of an answer that is an error
	maxText  = 1024     // bytes passed on of what a server says
)

// Error is a registry's answer that is none: an HTTP status, and most often
// words (spec.md, "Error Codes").
type Error struct {
	Method, URL string
	Status      int
	Code        string        // "MANIFEST_UNKNOWN", or empty
	Message     string        // printable
	RetryAfter  time.Duration // 0: it says nothing
}

// Error is as docker prints it: "manifest unknown: manifest unknown".
func (e *Error) Error() string {
	code := strings.ToLower(strings.ReplaceAll(e.Code, "_", " "))
	switch {
	case code != "" && e.Message != "":
		return code + ": " + e.Message
	case code != "":
		return code
	case e.Status == http.StatusTooManyRequests:
		return strings.TrimSuffix("toomanyrequests: "+e.Message, ": ")
	}
	s := fmt.Sprintf("unexpected status from %s request to %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Is tells the kind.
func (e *Error) Is(kind error) bool {
	switch kind {
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrDenied:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	case ErrTooMany:
		return e.Status == http.StatusTooManyRequests
	}
	return false
}

// readError reads an answer. The body stays open.
func readError(resp *http.Response) *Error {
	u := *resp.Request.URL
	u.RawQuery, u.User = "", nil
	e := &Error{Method: resp.Request.Method, URL: u.String(), Status: resp.StatusCode,
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, maxError))
	var answer struct {
		Errors  []struct{ Code, Message string }
		Details string // as docker's token server has it
		Message string
	}
	if json.Unmarshal(data, &answer) != nil {
		return e
	}
	e.Message = printable(answer.Message + answer.Details)
	if len(answer.Errors) > 0 {
		e.Code, e.Message = printable(answer.Errors[0].Code), printable(answer.Errors[0].Message)
	}
	return e
}

// printable is a stranger's text for a terminal: short, on one line.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s[:min(len(s), maxText)])
	return strings.TrimSpace(s)
}

// hinted is an error with something to do about it.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// Hint says what to do.
func (h *hinted) Hint() string { return h.hint }

// pullError says it in docker's words.
func (r *Repository) pullError(err error) error {
	var answer *Error
	if !errors.As(err, &answer) {
		return err
	}
	switch {
	case errors.Is(err, ErrDenied), slices.Contains([]string{"DENIED", "UNAUTHORIZED", "NAME_UNKNOWN"}, answer.Code):
		return fmt.Errorf("pull access denied for %s, repository does not exist or may require 'mydocker login': %w", r.ref.Name(), err)
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("manifest for %s not found: %w", r.ref.Familiar(), err)
	}
	return err
}

// pushError likewise.
func (r *Repository) pushError(err error) error {
	if errors.Is(err, ErrDenied) {
		return fmt.Errorf("push access denied for %s, may require 'mydocker login': %w", r.ref.Name(), err)
	}
	return err
}
