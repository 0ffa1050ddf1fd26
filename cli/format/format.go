// Package format prints results as Docker does: tables, JSON, and Go templates.
package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"text/template"
)

// Options are --format, --quiet and --no-trunc of a listing.
type Options struct {
	Format  string // empty, "table", "table TEMPLATE", "json", or a template
	Quiet   bool   // IDs only
	NoTrunc bool
}

// functions are those that Docker's templates have beyond Go's.
func functions() template.FuncMap {
	return template.FuncMap{
		"json": func(v any) (string, error) {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			err := e.Encode(v)
			return strings.TrimSuffix(b.String(), "\n"), err
		},
		"join":  strings.Join,
		"split": strings.Split,
		"lower": strings.ToLower,
		"upper": strings.ToUpper,
		"title": func(s string) string {
			if s == "" {
				return s
			}
			return strings.ToUpper(s[:1]) + s[1:]
		},
		"pad": func(s string, before, after int) string {
			return strings.Repeat(" ", before) + s + strings.Repeat(" ", after)
		},
		"truncate": func(s string, n int) string { return s[:min(n, len(s))] },
		"println":  fmt.Sprintln,
	}
}

// parse compiles a template in which \t and \n stand for tab and new line.
func parse(text string) (*template.Template, error) {
	text = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(text)
	t, err := template.New("").Funcs(functions()).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("template parsing error: %w", err)
	}
	return t, nil
}

// List prints rows of one type. header is a row whose fields hold the titles of
// the columns; standard is the template of the default table; id returns what
// --quiet prints.
func List[T any](w io.Writer, o Options, rows []T, header T, standard string, id func(T) string) error {
	tmpl, table := strings.CutPrefix(o.Format, "table")
	tmpl = strings.TrimSpace(tmpl)
	switch {
	case o.Quiet && o.Format == "":
		for _, r := range rows {
			fmt.Fprintln(w, id(r))
		}
		return nil
	case o.Format == "json":
		return lines(w, rows)
	case o.Format == "" || table && tmpl == "":
		tmpl, table = standard, true
	}
	t, err := parse(tmpl)
	if err != nil {
		return err
	}
	if !table {
		return each(w, t, rows)
	}
	tw := tabwriter.NewWriter(w, 10, 1, 3, ' ', 0)
	if err := each(tw, t, append([]T{header}, rows...)); err != nil {
		return err
	}
	return tw.Flush()
}

func each[T any](w io.Writer, t *template.Template, rows []T) error {
	for _, r := range rows {
		var b bytes.Buffer
		if err := t.Execute(&b, r); err != nil {
			return fmt.Errorf("template parsing error: %w", err)
		}
		if _, err := fmt.Fprintln(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}

func lines[T any](w io.Writer, rows []T) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// Object prints one value: as JSON where format is "json", else by the template.
func Object(w io.Writer, v any, format string) error {
	if format == "json" {
		return lines(w, []any{v})
	}
	t, err := parse(format)
	if err != nil {
		return err
	}
	return each(w, t, []any{v})
}

// Inspect prints objects as docker inspect does: an indented array, or the
// template for each. A template may use the fields' names, or those of the JSON.
func Inspect(w io.Writer, objects []any, format string) error {
	switch format {
	case "":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "    ")
		if objects == nil {
			objects = []any{}
		}
		return e.Encode(objects)
	case "json":
		return lines(w, objects)
	}
	for _, o := range objects {
		if err := Object(w, o, format); err == nil {
			continue
		}
		m, err := generic(o)
		if err != nil {
			return err
		}
		if err := Object(w, m, format); err != nil {
			return err
		}
	}
	return nil
}

// generic returns the object as its JSON names it.
func generic(o any) (m map[string]any, err error) {
	b, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return m, d.Decode(&m)
}

// Ellipsis shortens s to n characters, the last of which is then "…".
func Ellipsis(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
