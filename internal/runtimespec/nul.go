package runtimespec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Unmarshal is json.Unmarshal, but refuses strings with a NUL character: for the
// kernel a string ends there, so that another file, say, would be meant.
func Unmarshal(text []byte, v any) error {
	if err := json.Unmarshal(text, v); err != nil {
		return err
	}
	if !bytes.Contains(text, []byte(`\u0000`)) { // JSON has no other way to write it
		return nil
	}
	var all any
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	if at, found := nul(all, ""); found {
		return fmt.Errorf("%s has a NUL character, with which strings end for the kernel", strings.TrimPrefix(at, "."))
	}
	return nil
}

// nul returns where in a document there is one: "process.args[1]".
func nul(v any, at string) (string, bool) {
	switch v := v.(type) {
	case string:
		return at, strings.Contains(v, "\x00")
	case []any:
		for i, e := range v {
			if at, found := nul(e, fmt.Sprintf("%s[%d]", at, i)); found {
				return at, true
			}
		}
	case map[string]any:
		for k, e := range v {
			if strings.Contains(k, "\x00") {
				return fmt.Sprintf("%s: the name %q", at, k), true
			}
			if at, found := nul(e, at+"."+k); found {
				return at, true
			}
		}
	}
	return "", false
}
