package cgroup

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
)

// Merge returns the limits of a container after a change, to be kept, and those
// that are to be set now: the change, with what the kernel takes together with
// it. Devices do not change.
func Merge(now, change *specs.LinuxResources) (merged, set *specs.LinuxResources, err error) {
	merged, set = &specs.LinuxResources{}, &specs.LinuxResources{}
	if err := overlay(set, change); err != nil {
		return nil, nil, err
	}
	set.Devices = nil
	if err := overlay(merged, now); err != nil {
		return nil, nil, err
	}
	old := *merged
	io := old.BlockIO
	merged.BlockIO, merged.HugepageLimits = nil, nil
	if err := overlay(merged, set); err != nil {
		return nil, nil, err
	}
	merged.BlockIO = mergeIO(io, set.BlockIO)
	merged.HugepageLimits = upsert(old.HugepageLimits, set.HugepageLimits, func(h specs.LinuxHugepageLimit) string { return h.Pagesize })
	completeMemory(merged, set)
	completeCPU(merged, set)
	return merged, set, nil
}

// overlay copies what is given; nothing is shared.
func overlay(to, from *specs.LinuxResources) error {
	if from == nil {
		return nil
	}
	b, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(b, to)
	}
	if err != nil {
		return fmt.Errorf("merge limits: %w", err)
	}
	return nil
}

// completeMemory gives a new limit of memory the swap that goes with it, or the
// other way round. Memory without a limit takes that of swap, too.
func completeMemory(merged, set *specs.LinuxResources) {
	m, s := merged.Memory, set.Memory
	switch {
	case s == nil:
		return
	case given(s.Limit) && *s.Limit == -1 && !given(s.Swap):
		m.Swap = nil
	case given(s.Limit) && !given(s.Swap):
		s.Swap = m.Swap
	case given(s.Swap) && !given(s.Limit):
		s.Limit = m.Limit
	}
	if s.CheckBeforeUpdate == nil {
		s.CheckBeforeUpdate = m.CheckBeforeUpdate
	}
}

// completeCPU gives a new quota the period that is there, or the other way round.
func completeCPU(merged, set *specs.LinuxResources) {
	if c, s := merged.CPU, set.CPU; s != nil && given(s.Period) != given(s.Quota) {
		s.Period, s.Quota = c.Period, c.Quota
	}
}

func mergeIO(old, b *specs.LinuxBlockIO) *specs.LinuxBlockIO {
	if old == nil || b == nil {
		if b == nil {
			return old
		}
		return b
	}
	out := *old
	if b.Weight != nil {
		out.Weight = b.Weight
	}
	out.WeightDevice = upsert(old.WeightDevice, b.WeightDevice, func(d specs.LinuxWeightDevice) string { return fmt.Sprint(d.Major, ":", d.Minor) })
	device := func(d specs.LinuxThrottleDevice) string { return fmt.Sprint(d.Major, ":", d.Minor) }
	out.ThrottleReadBpsDevice = upsert(old.ThrottleReadBpsDevice, b.ThrottleReadBpsDevice, device)
	out.ThrottleWriteBpsDevice = upsert(old.ThrottleWriteBpsDevice, b.ThrottleWriteBpsDevice, device)
	out.ThrottleReadIOPSDevice = upsert(old.ThrottleReadIOPSDevice, b.ThrottleReadIOPSDevice, device)
	out.ThrottleWriteIOPSDevice = upsert(old.ThrottleWriteIOPSDevice, b.ThrottleWriteIOPSDevice, device)
	return &out
}

// upsert replaces those with the same key, and adds the others.
func upsert[T any](old, change []T, key func(T) string) []T {
	out := slices.Clone(old)
	for _, c := range change {
		if i := slices.IndexFunc(out, func(o T) bool { return key(o) == key(c) }); i >= 0 {
			out[i] = c
		} else {
			out = append(out, c)
		}
	}
	return out
}

// Update sets limits of a container that runs, as [Merge] returns them: all of
// them, or none.
func Update(l Layout, path string, set *specs.LinuxResources) error {
	c := &compiler{Layout: l, path: path}
	steps := c.writes(c.settings(set))
	if c.err != nil {
		return c.err
	}
	if err := CheckMemory(l, path, set.Memory); err != nil {
		return err
	}
	var done []Together
	for _, s := range steps {
		was, err := before(s)
		if err == nil {
			done = append(done, was)
			err = s.Do(nil)
		}
		if err != nil {
			for _, was := range slices.Backward(done) {
				err = errors.Join(err, was.Do(nil))
			}
			return fmt.Errorf("update limits: %w", err)
		}
	}
	return nil
}

// CheckMemory refuses a limit that the processes exceed already, if that was
// asked for: version 2 would kill them. Version 1 refuses by itself.
func CheckMemory(l Layout, path string, m *specs.LinuxMemory) error {
	if l.Mode != V2 || m == nil || m.CheckBeforeUpdate == nil || !*m.CheckBeforeUpdate {
		return nil
	}
	usage, err := readNumber(l.dir(path), "memory.current")
	if err != nil {
		return nil // it cannot be known, as before there is a group
	}
	if m.Swap != nil && *m.Swap > 0 && uint64(*m.Swap) <= usage {
		return fmt.Errorf("rejecting memory+swap limit %d <= usage %d", *m.Swap, usage)
	}
	if m.Limit != nil && *m.Limit > 0 && uint64(*m.Limit) <= usage {
		return fmt.Errorf("rejecting memory limit %d <= usage %d", *m.Limit, usage)
	}
	return nil
}

// before returns the step that sets the limits of a step to what they are now.
func before(s plan.HostStep) (Together, error) {
	t, ok := s.(Together)
	if w, one := s.(Write); one {
		t, ok = Together{w.Dir, [][2]string{{w.File, w.Value}}}, true
	}
	if !ok {
		return t, fmt.Errorf("%T is no limit", s)
	}
	was := Together{Dir: t.Dir}
	for _, v := range t.Values {
		b, err := os.ReadFile(filepath.Join(t.Dir, v[0]))
		if err != nil {
			continue // the step itself tells
		}
		if value := valueNow(string(b), v[1]); value != "" {
			was.Values = append(was.Values, [2]string{v[0], value})
		}
	}
	return was, nil
}

// valueNow returns what to write to get a file's content back after a value was
// written: the content, or its line about the same device. A device without a
// line had no limit. Nothing: it cannot be had back.
func valueNow(content, value string) string {
	key, rest, keyed := strings.Cut(value, " ")
	for line := range strings.Lines(content) {
		if k, _, _ := strings.Cut(strings.TrimSpace(line), " "); keyed && k == key && strings.Contains(key, ":") {
			return strings.TrimSpace(line)
		}
	}
	if keyed && strings.Contains(key, ":") {
		if name, _, ok := strings.Cut(rest, "="); ok {
			return key + " " + name + "=max"
		}
		return key + " 0"
	}
	if d, ok := strings.CutPrefix(content, "default "); ok {
		content, _, _ = strings.Cut(d, "\n")
		return content
	}
	if strings.Count(content, "\n") > 1 {
		return ""
	}
	return strings.TrimSpace(content) + "\n" // nothing: a line, which empties it
}
