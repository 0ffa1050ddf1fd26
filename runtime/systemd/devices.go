package systemd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// allow is an entry of DeviceAllow.
type allow struct{ Path, Access string }

// Devices returns the properties for rules that deny everything first and then
// only allow, as nearly all do; without them systemd may allow everything when it
// looks at the unit again. Other rules have none: they are the group's alone.
func Devices(rules []specs.LinuxDeviceCgroup) []Property {
	if len(rules) == 0 || rules[0].Allow || !everything(rules[0]) {
		return nil
	}
	list := []allow{}
	for _, r := range rules[1:] {
		if !r.Allow {
			return nil
		}
		if everything(r) {
			return []Property{property("DeviceAllow", []allow{}), property("DevicePolicy", "auto")}
		}
		list = add(list, r)
	}
	return []Property{property("DevicePolicy", "strict"), property("DeviceAllow", list)}
}

func everything(r specs.LinuxDeviceCgroup) bool {
	return (r.Type == "" || r.Type == "a") && number(r.Major) < 0 && number(r.Minor) < 0 && (r.Access == "" || len(r.Access) == 3)
}

func number(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

// add adds a rule to the list, for both kinds of device if it names none. Two
// rules for the same device are one with the uses of both. Systemd has no entry
// for one minor number of all major ones.
func add(list []allow, r specs.LinuxDeviceCgroup) []allow {
	access := r.Access
	if access == "" {
		access = "rwm"
	}
	kinds := map[string][]string{"b": {"block"}, "c": {"char"}}[r.Type]
	if kinds == nil {
		kinds = []string{"block", "char"}
	}
	major, minor := number(r.Major), number(r.Minor)
	for _, kind := range kinds {
		var path string
		switch {
		case major < 0 && minor >= 0:
			continue
		case major < 0:
			path = kind + "-*"
		case minor < 0:
			path = fmt.Sprintf("%s-%d", kind, major)
		default:
			path = fmt.Sprintf("/dev/%s/%d:%d", kind, major, minor)
		}
		i := slices.IndexFunc(list, func(a allow) bool { return a.Path == path })
		if i < 0 {
			list = append(list, allow{path, access})
			continue
		}
		for _, use := range access {
			if !strings.ContainsRune(list[i].Access, use) {
				list[i].Access += string(use)
			}
		}
	}
	return list
}
