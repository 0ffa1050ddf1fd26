package format

import (
	"strings"
	"testing"
	"time"

	"mydocker/container"
	"mydocker/oci"
)

func TestPruneFilters(t *testing.T) {
	r := container.Record{Status: container.Exited, Created: noon.Add(-time.Hour), Request: oci.Request{Labels: map[string]string{"a": "1", "b": ""}}}
	for words, want := range map[string]bool{
		"": true, "label=a": true, "label=a=1": true, "label=a=2": false, "label=a label=c": false,
		"label!=a": false, "label!=a=2": true, "label!=c": true, "label!=a label!=c": true, "label!=a label!=b": false,
		"until=10m": true, "until=2h": false, "until=2026-03-04T11:30:00Z": true, "until=2026-03-04T10:30:00Z": false,
		"until=1772623000": true, "until=1772600000.5": false, "until=10m label=c": false,
	} {
		f, err := ParseFilters(strings.Fields(words), PruneFilters())
		if err != nil {
			t.Error(words, err)
			continue
		}
		match, err := f.Prune(noon)
		if err != nil || match(&r) != want {
			t.Errorf("%q: %v, want %v", words, err, want)
		}
	}
	dead := container.Record{Status: container.Dead}
	for words, want := range map[string]bool{"": true, "label!=a": false, "until=1m": false} {
		f, _ := ParseFilters(strings.Fields(words), PruneFilters())
		if match, err := f.Prune(noon); err != nil || match(&dead) != want {
			t.Errorf("dead, %q: %v", words, err)
		}
	}
}

func TestPruneFilterErrors(t *testing.T) {
	for words, want := range map[string]string{
		"until=soon": "until", "until=1h until=2h": "more than one", "status=exited": "invalid filter 'status'", "until=1.0000000001": "until", "until=": "until",
	} {
		f, err := ParseFilters(strings.Fields(words), PruneFilters())
		if err == nil {
			_, err = f.Prune(noon)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", words, err)
		}
	}
}
