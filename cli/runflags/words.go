package runflags

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/signal"
)

// Checks of single words. Each returns the word as it is kept.

const blanks = " \t"

func parseStream(s string) (string, error) {
	s = strings.ToLower(s)
	if slices.Contains([]string{"stdin", "stdout", "stderr"}, s) {
		return s, nil
	}
	return "", errors.New("valid streams are STDIN, STDOUT and STDERR")
}

func checkLabel(s string) (string, error) {
	key, _, _ := strings.Cut(s, "=")
	switch key = strings.TrimLeft(key, blanks); {
	case key == "":
		return "", fmt.Errorf("invalid label '%s': empty name", s)
	case strings.ContainsAny(key, blanks):
		return "", fmt.Errorf("label '%s' contains whitespaces", key)
	}
	return s, nil
}

func checkAnnotation(s string) (string, error) {
	if key, _, _ := strings.Cut(s, "="); key == "" {
		return "", fmt.Errorf("invalid annotation '%s': empty name", s)
	}
	return s, nil
}

// checkSysctl accepts those that belong to a namespace: IPC and network.
func checkSysctl(s string) (string, error) {
	key, _, ok := strings.Cut(s, "=")
	switch key {
	case "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
		"kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced":
	default:
		ok = ok && (strings.HasPrefix(key, "net.") || strings.HasPrefix(key, "fs.mqueue."))
	}
	if !ok {
		return "", fmt.Errorf("sysctl '%s' is not allowed", s)
	}
	return s, nil
}

// checkDeviceRule accepts "TYPE MAJOR:MINOR MODE".
func checkDeviceRule(s string) (string, error) {
	// Compiled here, not when the program starts: few command lines have one.
	if ok, _ := regexp.MatchString(`^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$`, s); !ok {
		return "", fmt.Errorf("invalid device cgroup format '%s'", s)
	}
	return s, nil
}

func parseIP(s string) (string, error) {
	addr, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil || addr.Zone() != "" {
		return "", fmt.Errorf("IP address is not correctly formatted: %s", s)
	}
	return addr.Unmap().String(), nil
}

// parseExtraHost reads NAME:IP or NAME=IP, the address also in brackets or
// "host-gateway", and returns NAME:IP.
func parseExtraHost(s string) (string, error) {
	name, addr, ok := strings.Cut(s, "=")
	if !ok {
		name, addr, ok = strings.Cut(s, ":")
	}
	// A blank in the name would be another name in /etc/hosts.
	if !ok || name == "" || strings.ContainsAny(name, ": \t\r\n") {
		return "", fmt.Errorf("bad format for add-host: %q", s)
	}
	if addr == "host-gateway" {
		return name + ":" + addr, nil
	}
	if n := len(addr); n > 2 && addr[0] == '[' && addr[n-1] == ']' {
		addr = addr[1 : n-1]
	}
	if _, err := parseIP(addr); err != nil {
		return "", fmt.Errorf("invalid IP address in add-host: %q", addr)
	}
	return name + ":" + strings.TrimSpace(addr), nil // as written, for /etc/hosts
}

// parseDNSSearch reads a domain name, with at least one letter, or "." for
// none.
func parseDNSSearch(s string) (string, error) {
	domain := strings.TrimSpace(s)
	if domain == "." {
		return domain, nil
	}
	domain = strings.TrimSuffix(domain, ".")
	letter := strings.ContainsFunc(domain, func(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' })
	if !letter || len(domain) > 254 || slices.ContainsFunc(strings.Split(domain, "."), badDomainLabel) {
		return "", fmt.Errorf("%s is not a valid domain", s)
	}
	return domain, nil
}

// badDomainLabel refuses all but letters, digits, and hyphens in between; see
// RFC 1123, section 2.1.
func badDomainLabel(label string) bool {
	bad := func(r rune) bool {
		return !(r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9' || r == '-')
	}
	return label == "" || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, bad)
}

// parseStopSignal reads a signal's name, with or without SIG, or number, and
// returns its usual name: "SIGTERM".
func parseStopSignal(s string) (string, error) {
	number, err := signal.ParseSignal(s)
	if err != nil {
		return "", err
	}
	for name, n := range signal.SignalMap {
		// What is left has one name for each number.
		if n == number && name != "CLD" && name != "IOT" && name != "POLL" {
			return "SIG" + name, nil
		}
	}
	return "", fmt.Errorf("invalid signal: %s", s)
}

func parseIntPointer(s string) (*int, error) {
	n, err := strconv.ParseInt(s, 0, 32)
	if err != nil {
		return nil, err
	}
	return new(int(n)), nil
}
