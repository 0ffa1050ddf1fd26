package runtime

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"mydocker/plan"
	"mydocker/runtime/process"
	"mydocker/runtime/security"
)

// A Caller is who made us, where that is another's engine: what a container's
// process would have from it by inheritance is set back, and its standard input
// and output become the user's, as runc does it.
type Caller struct {
	Ignored      uint64 // signals, bit n-1 is signal n: SigIgn of proc_pid_status(5)
	Capabilities uint64 // permitted to us, bit n is capability n
	Rootless     bool   // we are not root
}

// ProbeCaller reads what we inherited ourselves.
func ProbeCaller() (*Caller, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	c := &Caller{Rootless: os.Geteuid() != 0}
	for field, value := range map[string]*uint64{"SigIgn:": &c.Ignored, "CapPrm:": &c.Capabilities} {
		_, rest, ok := strings.Cut(string(status), field)
		if !ok {
			return nil, fmt.Errorf("/proc/self/status has no %s", field)
		}
		hex, _, _ := strings.Cut(rest, "\n")
		if *value, err = strconv.ParseUint(strings.TrimSpace(hex), 16, 64); err != nil {
			return nil, fmt.Errorf("/proc/self/status: %w", err)
		}
	}
	return c, nil
}

// inherited sets back what came from the caller.
func (k *compiler) inherited() (steps []plan.InitStep) {
	if k.Caller == nil {
		return nil
	}
	if k.Caller.Ignored != 0 {
		steps = append(steps, process.DefaultSignals{Ignored: k.Caller.Ignored})
	}
	return append(steps, process.OwnStdio{UID: k.Spec.Process.User.UID})
}

// permitted refuses capabilities that cannot be given because the caller has
// not got them. The bounding set may name them, as with runc. In a user
// namespace of its own a process has all.
func (k *compiler) permitted(sets ...[]string) {
	if k.Caller == nil || k.userNamespace() {
		return
	}
	for _, set := range sets {
		for _, name := range set {
			if !k.Caller.has(name) {
				k.fail(fmt.Errorf("unable to apply caps: %s is not permitted to the caller", name))
			}
		}
	}
}

func (c *Caller) has(capability string) bool {
	mask, err := security.CapMask([]string{capability})
	return err == nil && c.Capabilities&mask == mask
}
