package runtime

import (
	"fmt"
	"slices"
	"strings"

	"mydocker/plan"
	"mydocker/runtime/process"
)

// rlimits numbers the resources of setrlimit(2).
var rlimits = []string{"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile",
	"memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"}

func (k *compiler) rlimits() (out []process.Rlimit) {
	for _, r := range k.Spec.Process.Rlimits {
		name := strings.ToLower(strings.TrimPrefix(r.Type, "RLIMIT_"))
		n := slices.Index(rlimits, name)
		if n < 0 {
			k.fail(fmt.Errorf("unknown resource limit %q", r.Type))
			continue
		}
		out = append(out, process.Rlimit{Name: name, Resource: n, Soft: r.Soft, Hard: r.Hard})
	}
	return out
}

func (k *compiler) limits() (steps []plan.InitStep) {
	for _, l := range k.rlimits() {
		steps = append(steps, l)
	}
	return steps
}

// raised is the host's part of them, for a process in a user namespace.
func (k *compiler) raised() []plan.HostStep {
	if limits := k.rlimits(); len(limits) > 0 && k.userNamespace() {
		return []plan.HostStep{process.RaiseLimits{Limits: limits}}
	}
	return nil
}
