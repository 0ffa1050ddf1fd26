// Package units reads and prints quantities as Docker's command line does:
// sizes of memory and files, and how long ago something was.
package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Letters of the powers of 1000 or 1024, the smallest first.
const powers = "kmgtp"

// RAMInBytes reads a size with an optional unit: b, k, m, g, t or p in either
// case, alone or as in "kb" and "KiB", after at most one space. All units are
// powers of 1024. Sizes are not negative; fractions of a byte are cut off.
func RAMInBytes(s string) (int64, error) {
	end := strings.LastIndexAny(s, "0123456789. ")
	if end < 0 {
		return -1, fmt.Errorf("invalid size: '%s'", s)
	}
	size, err := strconv.ParseFloat(strings.TrimSuffix(s[:end+1], " "), 64)
	if err != nil {
		return -1, err
	}
	scale, err := multiplier(s[end+1:])
	if err != nil {
		return -1, err
	}
	size *= scale
	// float64(MaxInt64) is 2^63, one more than an int64 holds.
	if size < 0 || size >= math.MaxInt64 {
		return -1, fmt.Errorf("invalid size: '%s'", s)
	}
	return int64(size), nil
}

// multiplier is what a unit stands for: 1 for "" and "b", 1024 for "k", "kb"
// and "kib", and so on.
func multiplier(unit string) (float64, error) {
	unit = strings.ToLower(unit)
	if unit == "" || unit == "b" {
		return 1, nil
	}
	power := strings.IndexByte(powers, unit[0])
	if rest := unit[1:]; power < 0 || rest != "" && rest != "b" && rest != "ib" {
		return 0, fmt.Errorf("invalid suffix: '%s'", unit)
	}
	return math.Pow(1024, float64(power+1)), nil
}

// HumanSize prints bytes in powers of 1000 with four digits: "1.5MB".
func HumanSize(size float64) string { return HumanSizeWithPrecision(size, 4) }

// HumanSizeWithPrecision is HumanSize with that many digits; the columns of
// sizes in lists have three.
func HumanSizeWithPrecision(size float64, digits int) string {
	number, power := reduce(size, 1000)
	unit := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}[power]
	return fmt.Sprintf("%.*g%s", digits, number, unit)
}

// BytesSize prints bytes in powers of 1024 with four digits: "1.5MiB".
func BytesSize(size float64) string {
	number, power := reduce(size, 1024)
	unit := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}[power]
	return fmt.Sprintf("%.4g%s", number, unit)
}

// reduce divides by base until less than base is left, eight times at most.
func reduce(size, base float64) (number float64, power int) {
	for size >= base && power < 8 {
		size /= base
		power++
	}
	return size, power
}

// HumanDuration prints roughly how long d is: "About a minute", "3 weeks".
func HumanDuration(d time.Duration) string {
	seconds, minutes := int(d.Seconds()), int(d.Minutes())
	switch {
	case seconds < 1:
		return "Less than a second"
	case seconds == 1:
		return "1 second"
	case seconds < 60:
		return fmt.Sprintf("%d seconds", seconds)
	case minutes == 1:
		return "About a minute"
	case minutes < 60:
		return fmt.Sprintf("%d minutes", minutes)
	}
	// From here on to the nearest hour.
	return humanHours(int(d.Hours()+0.5), int(d.Hours()))
}

// humanHours is HumanDuration of an hour and more; exact is rounded down.
func humanHours(hours, exact int) string {
	const day, week, month, year = 24, 7 * 24, 30 * 24, 365 * 24
	switch {
	case hours == 1:
		return "About an hour"
	case hours < 2*day:
		return fmt.Sprintf("%d hours", hours)
	case hours < 2*week:
		return fmt.Sprintf("%d days", hours/day)
	case hours < 2*month:
		return fmt.Sprintf("%d weeks", hours/week)
	case hours < 2*year:
		return fmt.Sprintf("%d months", hours/month)
	}
	return fmt.Sprintf("%d years", exact/year)
}
