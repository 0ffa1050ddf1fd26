package image

import (
	"fmt"
	"slices"
	"strings"

	"mydocker/reference"
)

// NotFoundError says that there is no such image.
type NotFoundError struct {
	Ref  string   // completed: "alpine:latest"
	Near []string // names that look alike, the nearest first
}

func (e *NotFoundError) Error() string { return "No such image: " + e.Ref }

// NotFound tells this error from others without the type.
func (e *NotFoundError) NotFound() bool { return true }

// Hint is what the user may have meant, or "".
func (e *NotFoundError) Hint() string {
	if len(e.Near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(e.Near, " or ") + "?"
}

// ConflictError says why an image is not removed.
type ConflictError struct{ text string }

func (e *ConflictError) Error() string { return "conflict: " + e.text }

func conflict(format string, args ...any) error {
	return &ConflictError{fmt.Sprintf(format, args...)}
}

const (
	maxNear     = 3 // names in a hint
	maxDistance = 2 // letters to change
)

func notFound(name string, names map[string]string) error {
	e := &NotFoundError{Ref: name}
	ref, err := reference.Parse(name)
	if err != nil {
		return e
	}
	e.Ref = ref.Familiar()
	type near struct {
		name     string
		distance int
	}
	var all []near
	for n := range names {
		if isDigestName(n) {
			continue
		}
		repository := repositoryOf(n)
		if d := distance(ref.Name(), repository); d <= maxDistance && d < len(repository) {
			all = append(all, near{n, d})
		}
	}
	slices.SortFunc(all, func(a, b near) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	for _, n := range all[:min(len(all), maxNear)] {
		e.Near = append(e.Near, strings.TrimSuffix(n.name, ":latest"))
	}
	return e
}

// distance counts the letters to insert, delete or change (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
