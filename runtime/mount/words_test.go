package mount

import "testing"

// TestWords: a word that is listed is not left to the file system.
func TestWords(t *testing.T) {
	for _, w := range Words() {
		o, err := Parse([]string{w})
		if err != nil || len(o.Data) > 0 && w != "acl" && w != "noacl" {
			t.Errorf("%s: %v, data %q", w, err, o.Data)
		}
	}
	if len(Words()) < 50 {
		t.Errorf("%d words", len(Words()))
	}
}
