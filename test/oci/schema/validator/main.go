// Command validator compares a JSON document with a schema of the runtime
// specification: validator FILE-OF-THE-SCHEMA <DOCUMENT. Where the document is
// not valid it says why and ends with 1.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	_ "github.com/opencontainers/runtime-spec/specs-go" // its module has the schema
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func main() {
	if err := validate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func validate(file string) error {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4) // only the outermost files name it
	compiler.UseLoader(files{})
	schema, err := compiler.Compile(file)
	if err != nil {
		return fmt.Errorf("compiling the schema: %w", err)
	}
	document, err := jsonschema.UnmarshalJSON(os.Stdin)
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	return schema.Validate(document)
}

// files loads the schema's files. Some of their pointers lack the slash that
// RFC 6901 begins them with.
type files struct{}

func (files) Load(url string) (any, error) {
	data, err := os.ReadFile(strings.TrimPrefix(url, "file://"))
	if err != nil {
		return nil, err
	}
	data = bytes.ReplaceAll(data, []byte("#definitions/"), []byte("#/definitions/"))
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}
