package wire

import (
	"encoding/binary"
	"os"
)

// A codec writes values, or reads them: numbers as varints, texts and lists
// behind their length, files by a mark in the bytes and a place among the
// descriptors.
type codec struct {
	b       []byte
	files   []*os.File
	reading bool
	failed  bool // what was read is none
}

func number[T ~int | ~uintptr](c *codec, n *T) {
	if !c.reading {
		c.b = binary.AppendVarint(c.b, int64(*n))
		return
	}
	v, size := binary.Varint(c.b)
	if size <= 0 {
		c.failed, c.b = true, nil
		return
	}
	*n, c.b = T(v), c.b[size:]
}

// length is number for what is about to be read: never more than is there.
func (c *codec) length(n int) int {
	number(c, &n)
	if c.reading && (n < 0 || n > len(c.b)) {
		c.failed = true
		return 0
	}
	return n
}

func (c *codec) text(texts ...*string) {
	for _, t := range texts {
		n := c.length(len(*t))
		if !c.reading {
			c.b = append(c.b, *t...)
			continue
		}
		*t, c.b = string(c.b[:n]), c.b[n:]
	}
}

func (c *codec) flag(flags ...*bool) {
	for _, f := range flags {
		n := 0
		if *f {
			n = 1
		}
		number(c, &n)
		*f = n == 1
	}
}

func list[T any](c *codec, l *[]T, each func(*T)) {
	n := c.length(len(*l))
	if c.reading && n > 0 { // else nil, as nothing is
		*l = make([]T, n)
	}
	for i := range *l {
		each(&(*l)[i])
	}
}

func (c *codec) file(f **os.File) {
	there := *f != nil
	c.flag(&there)
	switch {
	case !there:
	case !c.reading:
		c.files = append(c.files, *f)
	case len(c.files) == 0:
		c.failed = true
	default:
		*f, c.files = c.files[0], c.files[1:]
	}
}
