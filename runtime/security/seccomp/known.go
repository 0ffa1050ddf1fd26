package seccomp

import "github.com/opencontainers/runtime-spec/specs-go"

// Known returns the names of all actions and operators, and of the architectures
// whose programs this machine can run.
func Known() (actions, operators, archs []string) {
	for _, a := range []specs.LinuxSeccompAction{specs.ActAllow, specs.ActErrno, specs.ActKill, specs.ActKillProcess,
		specs.ActKillThread, specs.ActLog, specs.ActNotify, specs.ActTrace, specs.ActTrap} {
		actions = append(actions, string(a))
	}
	for _, o := range []specs.LinuxSeccompOperator{specs.OpEqualTo, specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpLessEqual,
		specs.OpLessThan, specs.OpMaskedEqual, specs.OpNotEqual} {
		operators = append(operators, string(o))
	}
	for _, m := range known {
		archs = append(archs, string(m.arch))
	}
	return actions, operators, archs
}

// Flags returns the names of the flags that a filter may be loaded with.
func Flags() []string {
	return []string{string(specs.LinuxSeccompFlagLog), string(specs.LinuxSeccompFlagSpecAllow), "SECCOMP_FILTER_FLAG_TSYNC", string(specs.LinuxSeccompFlagWaitKillableRecv)}
}
