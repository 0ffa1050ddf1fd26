package cgroup

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/linux"
)

// deviceRules are rules as the program of version 2 takes them.
func deviceRules(rules []specs.LinuxDeviceCgroup) (out []linux.DeviceRule) {
	for _, r := range rules {
		d := linux.DeviceRule{Allow: r.Allow, Type: r.Type, Major: -1, Minor: -1, Access: r.Access}
		if d.Type == "" {
			d.Type = "a"
		}
		if d.Access == "" {
			d.Access = "rwm"
		}
		if r.Major != nil {
			d.Major = *r.Major
		}
		if r.Minor != nil {
			d.Minor = *r.Minor
		}
		out = append(out, d)
	}
	return out
}

// allowsAll tells rules whose last says that everything is allowed: no program
// is needed.
func allowsAll(rules []linux.DeviceRule) bool {
	r := rules[len(rules)-1]
	return r.Allow && r.Type == "a" && r.Major < 0 && r.Minor < 0 && len(r.Access) == 3
}
