package runtime

import (
	"mydocker/plan"
	"mydocker/runtime/process"
)

// nature is how the kernel treats the process: when and where it runs, from
// where its memory comes, what machine it sees.
func (k *compiler) nature() (steps []plan.InitStep) {
	p, l := k.Spec.Process, k.linux()
	if p.Scheduler != nil {
		s, err := process.NewScheduler(p.Scheduler)
		steps = k.with(steps, s, err)
	}
	if p.IOPriority != nil {
		s, err := process.NewIOPriority(p.IOPriority)
		steps = k.with(steps, s, err)
	}
	if l.Personality != nil {
		s, err := process.NewPersonality(l.Personality)
		steps = k.with(steps, s, err)
	}
	if l.MemoryPolicy != nil {
		s, err := process.NewMemoryPolicy(l.MemoryPolicy)
		steps = k.with(steps, s, err)
	}
	return steps
}

// with appends a step, unless it could not be made.
func (k *compiler) with(steps []plan.InitStep, s plan.InitStep, err error) []plan.InitStep {
	if err != nil {
		k.fail(err)
		return steps
	}
	return append(steps, s)
}

// affinity frees the process from the CPUs that its caller was bound to, when
// its control group's are known.
func (k *compiler) affinity() []plan.InitStep {
	if k.Caller == nil {
		return nil
	}
	return []plan.InitStep{process.AllCPUs()}
}

// cpus returns on which CPUs a joining process runs before and after it is in
// the container's control groups. What is not given is as it was; nothing given
// is everywhere.
func (k *compiler) cpus() (before, after []plan.InitStep) {
	a := k.Spec.Process.ExecCPUAffinity
	if a == nil || a.Initial == "" && a.Final == "" {
		return nil, k.affinity()
	}
	if a.Initial != "" {
		s, err := process.NewAffinity(a.Initial)
		before = k.with(nil, s, err)
	}
	if a.Final != "" {
		s, err := process.NewAffinity(a.Final)
		after = k.with(nil, s, err)
	}
	return before, after
}
