package bundle

import (
	"errors"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/runtime/cgroup"
	"mydocker/runtime/cgroup/stat"
)

// Update changes limits of a container: those that are given.
func (r *Runtime) Update(id string, change *specs.LinuxResources) error {
	c, spec, err := r.locked(id)
	if err != nil {
		return err
	}
	defer c.close()
	if c.Status == specs.StateStopped || c.Status == specs.StateCreating {
		return ErrNotRunning
	}
	if c.Cgroup == "" {
		return errors.New("the container has no control group of its own, and so no limits")
	}
	now := c.Limits.Value
	if now == nil {
		now = spec.Linux.Resources
	}
	merged, set, err := cgroup.Merge(now, change)
	if err != nil {
		return err
	}
	for _, w := range cgroup.Ignored(c.Layout, change) {
		r.warn("%s", w)
	}
	if c.Unit != "" {
		if r.Systemd == nil {
			return errors.New("the container's control group is systemd's, to which this program does not speak")
		}
		if err := cgroup.CheckMemory(c.Layout, c.Cgroup, set.Memory); err != nil {
			return err
		}
		if err := r.Systemd.Update(c.Layout, c.Unit, set); err != nil {
			return err
		}
	}
	if err := cgroup.Update(c.Layout, c.Cgroup, set); err != nil {
		return err
	}
	c.Limits.Value = merged
	return c.dir.writeRecord(&c.Record)
}

// Stats returns what a container uses.
func (r *Runtime) Stats(id string) (*stat.Stats, error) {
	c, err := r.running(id)
	if err != nil {
		return nil, err
	}
	return stat.Read(c.Layout, c.Cgroup)
}

// WatchOOM tells when the kernel kills a container's processes for want of
// memory.
func (r *Runtime) WatchOOM(id string) (*stat.OOM, error) {
	c, err := r.running(id)
	if err != nil {
		return nil, err
	}
	return stat.WatchOOM(c.Layout, c.Cgroup)
}

// running returns a container that has processes in a group of its own.
func (r *Runtime) running(id string) (*Container, error) {
	c, err := r.Find(id)
	switch {
	case err != nil:
		return nil, err
	case c.Status == specs.StateStopped || c.Status == specs.StateCreating:
		return nil, ErrNotRunning
	case c.Cgroup == "":
		return nil, errors.New("the container has no control group of its own")
	}
	return c, nil
}
