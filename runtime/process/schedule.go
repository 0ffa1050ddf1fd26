package process

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/initprog"
	"mydocker/plan"
)

// Scheduler sets the policy by which the kernel schedules the process; see
// sched_setattr(2) and sched(7). Children inherit it.
type Scheduler struct {
	Policy                    uint32 // SCHED_OTHER is 0
	Flags                     uint64
	Nice                      int32
	Priority                  uint32
	Runtime, Deadline, Period uint64 // nanoseconds, of SCHED_DEADLINE
}

// policies numbers the kernel's policies; see <linux/sched.h>.
var policies = []specs.LinuxSchedulerPolicy{specs.SchedOther, specs.SchedFIFO, specs.SchedRR, specs.SchedBatch,
	specs.SchedISO, specs.SchedIdle, specs.SchedDeadline}

// schedulerFlags has flag 1<<i at i. The two clamps are known, but the
// specification has no field for what they clamp to.
var schedulerFlags = []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork, specs.SchedFlagReclaim, specs.SchedFlagDLOverrun,
	specs.SchedFlagKeepPolicy, specs.SchedFlagKeepParams, specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax}

// NewScheduler returns the step for a scheduler of the specification. What the
// policy has no use for is refused, as by runc.
func NewScheduler(s *specs.Scheduler) (Scheduler, error) {
	out := Scheduler{Nice: s.Nice, Priority: uint32(s.Priority), Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period}
	policy := slices.Index(policies, s.Policy)
	if policy < 0 {
		return out, fmt.Errorf("unknown scheduler.policy %q", s.Policy)
	}
	out.Policy = uint32(policy)
	for _, f := range s.Flags {
		i := slices.Index(schedulerFlags, f)
		if i < 0 {
			return out, fmt.Errorf("unknown scheduler flag %q", f)
		}
		out.Flags |= 1 << i
	}
	return out, checkScheduler(s)
}

func checkScheduler(s *specs.Scheduler) error {
	switch {
	case (s.Policy == specs.SchedOther || s.Policy == specs.SchedBatch) && (s.Nice < -20 || s.Nice > 19):
		return fmt.Errorf("scheduler.nice %d is not between -20 and 19", s.Nice)
	case s.Priority != 0 && s.Policy != specs.SchedFIFO && s.Policy != specs.SchedRR:
		return fmt.Errorf("scheduler.priority goes with SCHED_FIFO and SCHED_RR, not with %s", s.Policy)
	case s.Policy != specs.SchedDeadline && (s.Runtime != 0 || s.Deadline != 0 || s.Period != 0):
		return fmt.Errorf("scheduler.runtime, deadline and period go with SCHED_DEADLINE, not with %s", s.Policy)
	}
	return nil
}

// Emit passes a struct sched_attr in its first version.
func (s Scheduler) Emit(b *initprog.Builder) {
	const size = 48
	attr := binary.NativeEndian.AppendUint32(nil, size)
	attr = binary.NativeEndian.AppendUint32(attr, s.Policy)
	attr = binary.NativeEndian.AppendUint64(attr, s.Flags)
	attr = binary.NativeEndian.AppendUint32(attr, uint32(s.Nice))
	attr = binary.NativeEndian.AppendUint32(attr, s.Priority)
	for _, v := range []uint64{s.Runtime, s.Deadline, s.Period} {
		attr = binary.NativeEndian.AppendUint64(attr, v)
	}
	b.Sys("sched_setattr", 0, b.Bytes(attr), 0).Says("sched_setattr " + string(policies[s.Policy]))
}

// Shell returns the chrt(1) or renice(1) command; flags have none.
func (s Scheduler) Shell() string {
	option := []string{"--other", "--fifo", "--rr", "--batch", "--other", "--idle", "--deadline"}[s.Policy]
	w := []string{"chrt", option}
	if policies[s.Policy] == specs.SchedDeadline {
		w = append(w, "--sched-runtime", fmt.Sprint(s.Runtime), "--sched-deadline", fmt.Sprint(s.Deadline), "--sched-period", fmt.Sprint(s.Period))
	}
	cmd := plan.Cmd(append(w, "--pid", fmt.Sprint(s.Priority))...) + " $$"
	if s.Nice != 0 {
		cmd += fmt.Sprintf("; renice -n %d $$ > /dev/null", s.Nice)
	}
	return cmd
}

// IOPriority sets the priority with which the process reads and writes; see
// ioprio_set(2).
type IOPriority struct{ Class, Level int } // classes: 1 real-time, 2 best-effort, 3 idle

// NewIOPriority returns the step for a priority of the specification.
func NewIOPriority(p *specs.LinuxIOPriority) (IOPriority, error) {
	classes := []specs.IOPriorityClass{specs.IOPRIO_CLASS_RT, specs.IOPRIO_CLASS_BE, specs.IOPRIO_CLASS_IDLE}
	i := slices.Index(classes, p.Class)
	if i < 0 {
		return IOPriority{}, fmt.Errorf("unknown ioPriority.class %q", p.Class)
	}
	if p.Priority < 0 || p.Priority > 7 {
		return IOPriority{}, fmt.Errorf("ioPriority.priority %d is not between 0 and 7", p.Priority)
	}
	return IOPriority{Class: i + 1, Level: p.Priority}, nil
}

// Emit sets it for the process alone, which has no others by now.
func (p IOPriority) Emit(b *initprog.Builder) {
	const whoProcess, classShift = 1, 13
	b.Sys("ioprio_set", whoProcess, 0, p.Class<<classShift|p.Level)
}

// Shell returns the ionice(1) command.
func (p IOPriority) Shell() string { return fmt.Sprintf("ionice -c %d -n %d -p $$", p.Class, p.Level) }

// Affinity is on which CPUs the process may run; see sched_setaffinity(2). The
// cpuset of its control group narrows that.
type Affinity struct {
	CPUs []byte // bit n: CPU n
	List string // as taskset(1) takes it
}

// everyCPU is a mask of all CPUs that a kernel can have (NR_CPUS).
const everyCPU = 8192

// AllCPUs lets the process run everywhere, whatever its caller was bound to,
// also when the control group's cpuset grows later.
func AllCPUs() Affinity { return Affinity{List: "all"} }

// NewAffinity returns the step for a list such as "0-3,7".
func NewAffinity(list string) (Affinity, error) {
	mask, err := ParseList(list)
	if err == nil && len(mask) == 0 {
		err = fmt.Errorf("no members in %q", list)
	}
	return Affinity{CPUs: mask, List: list}, err
}

// Emit calls sched_setaffinity(2). That all CPUs cannot be had is no failure.
func (a Affinity) Emit(b *initprog.Builder) {
	if a.CPUs == nil {
		all := slices.Repeat([]byte{0xff}, everyCPU/8)
		b.Sys("sched_setaffinity", 0, len(all), b.Bytes(all)).AllowAny().Says("run on all CPUs")
		return
	}
	mask := append(slices.Clone(a.CPUs), make([]byte, -len(a.CPUs)&7)...)
	b.Sys("sched_setaffinity", 0, len(mask), b.Bytes(mask)).Says("run on CPUs " + a.List)
}

// Shell returns the taskset(1) command.
func (a Affinity) Shell() string {
	if a.CPUs == nil {
		return "taskset --all-tasks --cpu-list --pid 0-$(($(nproc --all) - 1)) $$ > /dev/null"
	}
	return plan.Cmd("taskset", "--cpu-list", "--pid", strings.ReplaceAll(a.List, " ", "")) + " $$ > /dev/null"
}
