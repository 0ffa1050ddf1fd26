package units

import (
	"testing"
	"time"
)

func TestRAMInBytes(t *testing.T) {
	good := map[string]int64{
		"0": 0, "32": 32, "32b": 32, "32B": 32, "32 b": 32, "32.3": 32,
		"32k": 32 << 10, "32K": 32 << 10, "32kb": 32 << 10, "32Kb": 32 << 10, "32Kib": 32 << 10, "32KiB": 32 << 10, "32 KiB": 32 << 10,
		"32m": 32 << 20, "32Gb": 32 << 30, "32t": 32 << 40, "32PiB": 32 << 50,
		"32.5kB": 32<<10 + 512, "0.5g": 512 << 20, ".5k": 512, "1e3": 1000,
	}
	for in, want := range good {
		if got, err := RAMInBytes(in); err != nil || got != want {
			t.Errorf("RAMInBytes(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	bad := map[string]string{
		"":       "invalid size: ''",
		"hello":  "invalid size: 'hello'",
		"-32":    "invalid size: '-32'",
		" 32 ":   `strconv.ParseFloat: parsing " 32": invalid syntax`,
		"32 mm":  "invalid suffix: 'mm'",
		"32bb":   "invalid suffix: 'bb'",
		"32kib2": `strconv.ParseFloat: parsing "32kib2": invalid syntax`,
		"32kibs": "invalid suffix: 'kibs'",
		"32E":    "invalid suffix: 'e'",
		"8192p":  "invalid size: '8192p'", // 2^63
	}
	for in, want := range bad {
		if got, err := RAMInBytes(in); err == nil || err.Error() != want || got != -1 {
			t.Errorf("RAMInBytes(%q) = %d, %v, want -1, %s", in, got, err, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		size                    float64
		decimal, three, binary_ string
	}{
		{0, "0B", "0B", "0B"},
		{999, "999B", "999B", "999B"},
		{1000, "1kB", "1kB", "1000B"},
		{1024, "1.024kB", "1.02kB", "1KiB"},
		{1500000, "1.5MB", "1.5MB", "1.431MiB"},
		{72800000, "72.8MB", "72.8MB", "69.43MiB"},
		{123456789, "123.5MB", "123MB", "117.7MiB"},
		{3.42e12, "3.42TB", "3.42TB", "3.11TiB"},
		{1e27, "1000YB", "1e+03YB", "827.2YiB"},
	} {
		if got := HumanSize(c.size); got != c.decimal {
			t.Errorf("HumanSize(%g) = %q, want %q", c.size, got, c.decimal)
		}
		if got := HumanSizeWithPrecision(c.size, 3); got != c.three {
			t.Errorf("HumanSizeWithPrecision(%g, 3) = %q, want %q", c.size, got, c.three)
		}
		if got := BytesSize(c.size); got != c.binary_ {
			t.Errorf("BytesSize(%g) = %q, want %q", c.size, got, c.binary_)
		}
	}
}

func TestHumanDuration(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Hour:                      "Less than a second",
		450 * time.Millisecond:          "Less than a second",
		time.Second:                     "1 second",
		45 * time.Second:                "45 seconds",
		46 * time.Second:                "46 seconds",
		60 * time.Second:                "About a minute",
		119 * time.Second:               "About a minute",
		3 * time.Minute:                 "3 minutes",
		59*time.Minute + 59*time.Second: "59 minutes",
		time.Hour:                       "About an hour",
		89 * time.Minute:                "About an hour",
		90 * time.Minute:                "2 hours",
		24 * time.Hour:                  "24 hours",
		47 * time.Hour:                  "47 hours",
		48 * time.Hour:                  "2 days",
		13 * day:                        "13 days",
		14 * day:                        "2 weeks",
		59 * day:                        "8 weeks",
		60 * day:                        "2 months",
		729 * day:                       "24 months",
		730 * day:                       "2 years",
	} {
		if got := HumanDuration(d); got != want {
			t.Errorf("HumanDuration(%v) = %q, want %q", d, got, want)
		}
	}
}
