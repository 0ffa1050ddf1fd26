package process

import (
	"slices"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	home := func() string { return "/h" }
	for _, c := range []struct{ env, want []string }{
		{nil, []string{"HOME=/h"}},
		{[]string{"HOME="}, []string{"HOME=/h"}},
		{[]string{"HOME=/x", "A=1", "B=", "A=2=3"}, []string{"HOME=/x", "B=", "A=2=3"}},
		{[]string{"HOME=/x", "HOME="}, []string{"HOME=/x"}},
	} {
		if got, err := Environment(c.env, home); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %v", c.env, got, err)
		}
	}
	for _, wrong := range []string{"A", "", "=1", "A=\x00"} {
		_, err := Environment([]string{wrong}, home)
		if err == nil || strings.Contains(err.Error(), "\x00") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestParseList(t *testing.T) {
	for list, want := range map[string][]byte{
		"": nil, " , ": nil, "0": {1}, "0-3,7": {0x8f}, " 1 , 3,": {0x0a}, "8-9": {0, 3}, "3,1-2": {0x0e},
	} {
		if got, err := ParseList(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %x, %v", list, got, err)
		}
	}
	for _, wrong := range []string{"a", "-", "1-", "-1", "2-1", "8192", "0-99999999999", "0x1", "1--2", "+1"} {
		if got, err := ParseList(wrong); err == nil {
			t.Errorf("%q was taken for %x", wrong, got)
		}
	}
}

func FuzzParseList(f *testing.F) {
	for _, s := range []string{"", "0-3,7", "8191", "1-", ",,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if set, err := ParseList(s); err == nil && len(set) > maxMember/8 {
			t.Errorf("%q has %d bytes", s, len(set))
		}
	})
}
