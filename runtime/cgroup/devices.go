package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/linux"
	"mydocker/plan"
)

// defaultDevices are allowed in every container, as the specification and other
// runtimes have it: nodes may be made, and these be used. A path is that of a
// device of its own.
var defaultDevices = []struct {
	path, kind   string
	major, minor int64 // -1: any
	access       string
}{
	{"", "c", -1, -1, "m"}, {"", "b", -1, -1, "m"},
	{"/dev/null", "c", 1, 3, "rwm"}, {"/dev/random", "c", 1, 8, "rwm"}, {"/dev/full", "c", 1, 7, "rwm"},
	{"/dev/tty", "c", 5, 0, "rwm"}, {"/dev/zero", "c", 1, 5, "rwm"}, {"/dev/urandom", "c", 1, 9, "rwm"},
	{"", "c", 136, -1, "rwm"}, {"", "c", 5, 2, "rwm"}, // pseudoterminals and ptmx
	{"", "c", 10, 200, "rwm"}, // tun: callers have come to count on it
}

// WithDefaults returns a container's rules for devices as other runtimes have
// them: everything is denied, then come the specification's rules, then what is
// always allowed. A device of the specification takes the place of a default
// one with its path.
func WithDefaults(l *specs.Linux) []specs.LinuxDeviceCgroup {
	rules := []specs.LinuxDeviceCgroup{{Type: "a", Access: "rwm"}}
	if l != nil && l.Resources != nil {
		rules = append(rules, l.Resources.Devices...)
	}
	for _, d := range defaultDevices {
		replaced := l != nil && d.path != "" && slices.ContainsFunc(l.Devices, func(o specs.LinuxDevice) bool { return o.Path == d.path })
		if replaced {
			continue
		}
		rule := specs.LinuxDeviceCgroup{Allow: true, Type: d.kind, Access: d.access}
		if d.major >= 0 {
			rule.Major = &d.major
		}
		if d.minor >= 0 {
			rule.Minor = &d.minor
		}
		rules = append(rules, rule)
	}
	return rules
}

// devices refuses rules that are none.
func (c *compiler) devices(rules []specs.LinuxDeviceCgroup) {
	for i, r := range rules {
		if !slices.Contains([]string{"", "a", "b", "c"}, r.Type) {
			c.fail("devices: rule %d: invalid device type %q", i, r.Type)
		}
		if r.Access == "" {
			c.fail("devices: rule %d: device access at %d field cannot be empty", i, i)
		}
		if strings.Trim(r.Access, "rwm") != "" {
			c.fail("devices: rule %d: access %q is not of r, w and m", i, r.Access)
		}
	}
}

// Devices sets which devices a group of version 1 may use, see
// cgroup-v1/devices.rst. Each rule is "allow" or "deny" and a line for the
// kernel.
type Devices struct {
	Dir   string
	Rules [][2]string
	// Optional: without permission the rules of the parents stay.
	Optional bool `json:",omitempty"`
}

// Do writes the rules in order.
func (d Devices) Do(*plan.Env) error {
	err := d.write()
	if d.Optional && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

func (d Devices) write() (err error) {
	files := map[string]*os.File{}
	for _, r := range d.Rules {
		f := files[r[0]]
		if f == nil {
			if f, err = os.OpenFile(filepath.Join(d.Dir, "devices."+r[0]), os.O_WRONLY, 0); err != nil {
				return err
			}
			defer f.Close()
			files[r[0]] = f
		}
		if _, err := f.WriteString(r[1]); err != nil {
			return err
		}
	}
	return nil
}

// Shell returns an echo command for each rule.
func (d Devices) Shell() string {
	var lines []string
	for _, r := range d.Rules {
		lines = append(lines, plan.Cmd("echo", r[1])+" > "+plan.Quote(d.Dir+"/devices."+r[0]))
	}
	return strings.Join(lines, "\n")
}

// Undo returns nil.
func (Devices) Undo() plan.HostStep { return nil }

// DeviceFilter sets which devices a group of version 2 may use: a program of
// type BPF_PROG_TYPE_CGROUP_DEVICE. Of each use that is asked for, the last rule
// about it decides; without one, no.
type DeviceFilter struct {
	Dir   string
	Rules []linux.DeviceRule
	// Optional: without permission the filters of the parents stay.
	Optional bool `json:",omitempty"`
}

// Do loads the program and attaches it to the group.
func (d DeviceFilter) Do(*plan.Env) error {
	err := linux.AttachDeviceFilter(d.Dir, d.Rules)
	if d.Optional && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// Shell says what the program allows.
func (d DeviceFilter) Shell() string {
	var rules []string
	for _, r := range d.Rules {
		rules = append(rules, r.String())
	}
	return "# bpf(2), no command: a device filter for " + d.Dir + ": " + strings.Join(rules, ", ")
}

// Undo returns nil: the program goes with the group.
func (DeviceFilter) Undo() plan.HostStep { return nil }

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

func deviceNumber(n *int64) string {
	if n == nil || *n < 0 {
		return "*"
	}
	return strconv.FormatInt(*n, 10)
}

// deviceLines are rules as the devices controller of version 1 takes them.
func deviceLines(rules []specs.LinuxDeviceCgroup) (out [][2]string) {
	for _, r := range bothKinds(rules) {
		verb := "deny"
		if r.Allow {
			verb = "allow"
		}
		kind, access := r.Type, r.Access
		if kind == "a" {
			out = append(out, [2]string{verb, "a"})
			continue
		}
		if access == "" {
			access = "rwm"
		}
		out = append(out, [2]string{verb, strings.Join([]string{kind, deviceNumber(r.Major) + ":" + deviceNumber(r.Minor), access}, " ")})
	}
	return out
}

// checkHoles refuses rules of which the devices controller of version 1 would make
// nothing, without a word: an exception from an exception. It keeps what is told
// apart from everything, "c 10:*" say, and of that it takes back no part, "c 10:229".
func checkHoles(rules []specs.LinuxDeviceCgroup) error {
	type devices struct{ kind, major, minor string }
	allowed, apart := false, map[devices]string{}
	for _, r := range bothKinds(rules) {
		if r.Type == "a" {
			allowed = r.Allow
			clear(apart)
			continue
		}
		d := devices{r.Type, deviceNumber(r.Major), deviceNumber(r.Minor)}
		if r.Allow != allowed {
			apart[d] += r.Access
			continue
		}
		for _, wider := range []devices{{d.kind, "*", d.minor}, {d.kind, d.major, "*"}, {d.kind, "*", "*"}} {
			if wider != d && strings.ContainsAny(apart[wider], r.Access) {
				return fmt.Errorf("requested rule [%s %s:%s %s] not supported by devices cgroupv1 (cannot punch hole in existing wildcard rule [%s %s:%s])",
					d.kind, d.major, d.minor, r.Access, wider.kind, wider.major, wider.minor)
			}
		}
		apart[d] = strings.Map(func(access rune) rune {
			if strings.ContainsRune(r.Access, access) {
				return -1
			}
			return access
		}, apart[d])
	}
	return nil
}

// bothKinds writes a rule for both kinds of device as two, unless it is for all
// devices and uses: that is all the kernel's "a" can say.
func bothKinds(rules []specs.LinuxDeviceCgroup) (out []specs.LinuxDeviceCgroup) {
	for _, r := range rules {
		if r.Type != "" && r.Type != "a" {
			out = append(out, r)
			continue
		}
		if deviceNumber(r.Major) == "*" && deviceNumber(r.Minor) == "*" && (r.Access == "" || len(r.Access) == 3) {
			r.Type = "a"
			out = append(out, r)
			continue
		}
		for _, kind := range []string{"b", "c"} {
			r.Type = kind
			out = append(out, r)
		}
	}
	return out
}
