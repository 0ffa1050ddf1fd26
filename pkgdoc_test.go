package mydocker

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sources parses the files of a package that are not tests, whatever system
// they are for.
func sources(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*ast.File{}
	for _, n := range names {
		path := filepath.Join(dir, n.Name())
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = f
	}
	return files
}

func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		if p.onlyTests() {
			continue
		}
		var with []string
		for path, f := range sources(t, p.Dir) {
			if f.Doc == nil {
				continue
			}
			with = append(with, path)
			want := "Package " + p.Name + " "
			if p.Name == "main" {
				want = "Command " + filepath.Base(p.Dir) + " "
			}
			if !strings.HasPrefix(f.Doc.Text(), want) {
				t.Errorf("%s: the package comment does not begin with %q", path, want)
			}
		}
		if len(with) != 1 {
			t.Errorf("package %s has %d package comments, want one: %v", p.rel(), len(with), with)
		}
	}
}

// TestNoInit keeps the start short, and the order of things visible.
func TestNoInit(t *testing.T) {
	for _, p := range packages(t) {
		for path, f := range sources(t, p.Dir) {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s has a function init: lists are explicit here", path)
				}
			}
		}
	}
}
