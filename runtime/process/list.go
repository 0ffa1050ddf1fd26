package process

import (
	"fmt"
	"strconv"
	"strings"
)

// maxMember is the largest number that a list of CPUs or nodes may have, less one.
const maxMember = 8192

// ParseList reads numbers and ranges, "0-3,7", as a set: bit n of it is number
// n. Spaces and empty members are let pass; the empty list is the empty set.
func ParseList(list string) (set []byte, err error) {
	for _, member := range strings.Split(list, ",") {
		if member = strings.TrimSpace(member); member == "" {
			continue
		}
		first, last, isRange := strings.Cut(member, "-")
		if !isRange {
			last = first
		}
		from, to, err := bounds(first, last)
		if err != nil {
			return nil, fmt.Errorf("list %q: %w", list, err)
		}
		for n := from; n <= to; n++ {
			for len(set) <= n/8 {
				set = append(set, 0)
			}
			set[n/8] |= 1 << (n % 8)
		}
	}
	return set, nil
}

func bounds(first, last string) (from, to int, err error) {
	a, err := strconv.ParseUint(first, 10, 32)
	if err != nil {
		return 0, 0, err
	}
	b, err := strconv.ParseUint(last, 10, 32)
	if err != nil {
		return 0, 0, err
	}
	if a > b {
		return 0, 0, fmt.Errorf("%d-%d is no range", a, b)
	}
	if b >= maxMember {
		return 0, 0, fmt.Errorf("%d is above %d", b, maxMember-1)
	}
	return int(a), int(b), nil
}
