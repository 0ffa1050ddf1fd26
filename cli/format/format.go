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
	"unicode"
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
		"title": title,
		"pad": func(s string, before, after int) string {
			if s == "" {
				return s
			}
			return strings.Repeat(" ", before) + s + strings.Repeat(" ", after)
		},
		"truncate": func(s string, n int) string { return s[:min(n, len(s))] },
	}
}

// headerFunctions take the place of functions for the titles of a table: these
// stay whole, whatever is done to the values below them.
func headerFunctions() template.FuncMap {
	return template.FuncMap{
		"json": same, "title": same, "lower": same, "upper": same,
		"join":     func(s, _ string) string { return s },
		"split":    func(s, _ string) string { return s },
		"truncate": func(s string, _ int) string { return s },
	}
}

func same(s string) string { return s }

// title makes the first letter of each word upper case.
func title(s string) string {
	between := true
	return strings.Map(func(r rune) rune {
		inside := !between
		between = !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_'
		if inside {
			return r
		}
		return unicode.ToTitle(r)
	}, s)
}

// unescape puts tabs and new lines where the format of a listing says so.
func unescape(s string) string { return strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(s) }

// parse compiles a template.
func parse(text string) (*template.Template, error) {
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
	case o.Quiet:
		for _, r := range rows {
			fmt.Fprintln(w, id(r))
		}
		return nil
	case o.Format == "json":
		return lines(w, rows)
	case o.Format == "" || table && tmpl == "":
		tmpl, table = standard, true
	}
	t, err := parse(unescape(tmpl))
	if err != nil {
		return err
	}
	if !table {
		return each(w, t, rows)
	}
	tw := tabwriter.NewWriter(w, 10, 1, 3, ' ', 0)
	titles, err := t.Clone()
	if err != nil {
		return err
	}
	if err := each(tw, titles.Funcs(headerFunctions()), []T{header}); err != nil {
		return err
	}
	if err := each(tw, t, rows); err != nil {
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
	typed, err := parse(format)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := inspect(w, typed, o); err != nil {
			return err
		}
	}
	return nil
}

// inspect prints one object. What its fields do not have may be a key of its
// JSON; one that is not there either is an error.
func inspect(w io.Writer, typed *template.Template, o any) error {
	if err := each(w, typed, []any{o}); err == nil {
		return nil
	}
	m, err := generic(o)
	if err != nil {
		return err
	}
	strict, err := typed.Clone()
	if err != nil {
		return err
	}
	return each(w, strict.Option("missingkey=error"), []any{m})
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
