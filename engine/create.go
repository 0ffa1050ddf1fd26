package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/container"
	"mydocker/image"
	"mydocker/internal/ocispec"
	"mydocker/network"
	"mydocker/oci"
	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/namespace"
	"mydocker/runtime/rootfs"
)

// CreateOptions are what a new container's maker says besides the request.
type CreateOptions struct {
	Name       string // empty: one is made up
	CIDFile    string // gets the ID; must not be there yet
	AutoRemove bool   // --rm
	Start      bool   // it is started right after
}

// draft is a container between request and plan.
type draft struct {
	e          *Engine
	req        *oci.Request
	id, name   string
	autoRemove bool

	image    image.Image
	joined   map[string]*container.Record // by kind of namespace: those of container:NAME
	mode     network.Mode
	hidden   func() []string
	facts    oci.Facts
	spec     *specs.Spec
	warnings []string
}

func (d *draft) dir() string { return d.e.Containers.Dir(d.id) }

// root is where the container's root appears.
func (d *draft) root() string {
	if d.req.RootfsRW {
		return d.req.Rootfs
	}
	return filepath.Join(d.dir(), "merged")
}

// lowers are the read-only directories of the root, the top one first; none
// with --rootfs DIR:rw.
func (d *draft) lowers() []string {
	switch {
	case d.req.RootfsRW:
		return nil
	case d.req.Rootfs != "":
		return []string{d.req.Rootfs}
	}
	return d.image.Lowers
}

// view reads the files of the container's root.
func (d *draft) view() view {
	v := view{layers: []string{d.req.Rootfs}, binds: map[string]string{}}
	if !d.req.RootfsRW {
		v.layers = append([]string{filepath.Join(d.dir(), "diff")}, d.lowers()...)
	}
	for _, m := range d.req.Mounts {
		if m.Type == "bind" {
			v.binds[path.Clean(m.Target)] = m.Source
		}
	}
	return v
}

// draft completes a request: image, names, other containers, specification.
// It changes nothing.
func (e *Engine) draft(id string, req *oci.Request, o CreateOptions) (*draft, error) {
	d := &draft{e: e, req: req, id: id, name: o.Name, autoRemove: o.AutoRemove, hidden: sync.OnceValue(e.hidden)}
	var err error
	if o.Name != "" {
		if err := container.CheckName(o.Name); err != nil {
			return nil, err
		}
	}
	if slices.Contains(strings.Split(req.CgroupParent, "/"), "..") {
		return nil, fmt.Errorf("invalid cgroup parent %q: it must not contain ..", req.CgroupParent)
	}
	if d.mode, err = network.ParseMode(req.Network); err != nil {
		return nil, err
	}
	if err := d.findImage(); err != nil {
		return nil, err
	}
	if err := d.findJoined(); err != nil {
		return nil, err
	}
	return d, d.specify()
}

func (d *draft) findImage() (err error) {
	if d.req.Rootfs != "" {
		st, err := os.Stat(d.req.Rootfs)
		if err == nil && !st.IsDir() {
			err = &fs.PathError{Op: "open", Path: d.req.Rootfs, Err: errors.New("not a directory")}
		}
		if err != nil {
			return fmt.Errorf("root file system: %w", err)
		}
		return nil
	}
	d.image, err = d.e.Images.Resolve(d.req.Image)
	return err
}

// config is the image's part of the container's configuration.
func (d *draft) config() ocispec.ImageConfig {
	return d.image.Config.Config
}

// specify makes the runtime specification.
func (d *draft) specify() (err error) {
	if d.facts, err = d.e.ociFacts(d); err != nil {
		return err
	}
	d.spec, d.warnings, err = oci.Spec(d.req, d.config(), d.ociContainer(), d.facts, d.view())
	for v := range d.config().Volumes {
		d.warnings = append(d.warnings, fmt.Sprintf("the image's volume %s is an ordinary directory here: volumes are not supported yet", v))
	}
	return err
}

// sources returns the steps that make missing source directories of -v, as
// Docker does, and the set of them.
func (d *draft) sources() (steps []plan.HostStep, made map[string]bool) {
	made = map[string]bool{}
	for _, m := range d.req.Mounts {
		if _, err := os.Stat(m.Source); m.CreateSource && errors.Is(err, fs.ErrNotExist) && !made[m.Source] {
			made[m.Source] = true
			steps = append(steps, rootfs.Source{Path: m.Source})
		}
	}
	return steps, made
}

// A Container is one that this process is responsible for: it holds its lock.
type Container struct {
	*container.Handle
	d      *draft
	keeper *keeper // its monitor, where it is about to be started
}

// Close gives the responsibility up, unless the container was started.
func (c *Container) Close() {
	if c.keeper != nil {
		c.keeper.dismiss()
		c.keeper = nil
	}
	if c.Handle != nil {
		c.Handle.Close()
	}
}

// Create makes a container: its directory, record and specification. It does
// not run yet. The caller closes it.
func (e *Engine) Create(req *oci.Request, o CreateOptions) (*Container, error) {
	if o.CIDFile != "" {
		if _, err := os.Lstat(o.CIDFile); err == nil {
			return nil, fmt.Errorf("container ID file found, make sure the other container isn't running or delete %s", o.CIDFile)
		}
	}
	id := container.NewID()
	c := &Container{}
	if o.Start {
		c.keeper = e.hire(id)
	}
	if err := c.create(e, id, req, o); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Container) create(e *Engine, id string, req *oci.Request, o CreateOptions) (err error) {
	if c.d, err = e.draft(id, req, o); err != nil {
		return err
	}
	if c.Handle, err = e.Containers.Create(c.d.record(), c.d.spec); err != nil {
		return err
	}
	if err := c.d.make(c.Handle, o); err != nil {
		return errors.Join(err, c.Remove())
	}
	e.note("create", c.Record)
	return nil
}

// Open takes hold of a container that does not run, by name or ID, to start
// it. Its specification is made anew: what it shares with other containers may
// have moved.
func (e *Engine) Open(nameOrID string) (*Container, error) {
	rec, err := e.Containers.Find(nameOrID)
	if err != nil {
		return nil, err
	}
	c := &Container{keeper: e.hire(rec.ID)}
	if err := c.open(e, rec); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Container) open(e *Engine, rec *container.Record) (err error) {
	if c.Handle, err = e.take(rec.ID); err != nil {
		return err
	}
	if err = e.resettle(c.Handle); err != nil {
		return err
	}
	if c.Record == nil {
		return &container.NotFoundError{Ref: rec.Name}
	}
	req := c.Record.Request
	if c.d, err = e.draft(rec.ID, &req, CreateOptions{Name: c.Record.Name, AutoRemove: c.Record.AutoRemove}); err != nil {
		return err
	}
	c.Spec = c.d.spec
	return nil
}

// take becomes responsible for a container that does not run. Somebody may
// still be busy with taking its last start back, or is about to start it.
func (e *Engine) take(id string) (*container.Handle, error) {
	for start := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		h, free, err := e.Containers.TryOpen(id)
		if err != nil || free {
			return h, err
		}
		r, err := e.Containers.Load(id)
		if err == nil && (r.Status == container.Running || r.Status == container.Paused) {
			return nil, &RunningError{id, r.Status}
		}
		if time.Since(start) > busy {
			return nil, fmt.Errorf("container %.12s: another command is at work on it", id)
		}
	}
}

// busy is how long somebody may be at work on a container that does not run.
const busy = 15 * time.Second

// A RunningError says that a container runs.
type RunningError struct {
	ID     string
	Status container.Status // Running or Paused
}

func (e *RunningError) Error() string { return fmt.Sprintf("container %.12s is %s", e.ID, e.Status) }

// make does the create steps, and writes the ID where it was asked for.
func (d *draft) make(h *container.Handle, o CreateOptions) error {
	journal, err := plan.OpenJournal(filepath.Join(h.Dir(), "journal"), true)
	if err != nil {
		return err
	}
	defer journal.Close()
	r := &plan.Runner{Journal: journal, Around: d.e.Around}
	if err := r.Do(&plan.Env{}, plan.PartCreate, d.createSteps()); err != nil {
		return diagnose(err, d.view())
	}
	if o.CIDFile == "" {
		return nil
	}
	f, err := os.OpenFile(o.CIDFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("failed to create the container ID file: %w", err)
	}
	_, err = f.WriteString(d.id)
	return errors.Join(err, f.Close())
}

// createSteps make the directories that the container keeps.
func (d *draft) createSteps() []plan.HostStep {
	dir := d.dir()
	steps := []plan.HostStep{rootfs.Mkdir{Path: dir, Mode: 0o700}}
	if d.req.RootfsRW {
		return steps
	}
	l := d.spec.Linux
	return append(steps,
		rootfs.Mkdir{Path: filepath.Join(dir, "diff"), Mode: 0o755, UID: hostID(l.UIDMappings, 0), GID: hostID(l.GIDMappings, 0)},
		rootfs.Mkdir{Path: filepath.Join(dir, "work"), Mode: 0o700},
		rootfs.Mkdir{Path: filepath.Join(dir, "merged"), Mode: 0o755},
	)
}

func (d *draft) record() *container.Record {
	r := &container.Record{
		ID: d.id, Name: d.name, Created: time.Now().UTC(), Image: d.req.Image, ImageID: d.image.ID,
		Path: d.spec.Process.Args[0], Args: d.spec.Process.Args[1:], Request: *d.req,
		Status: container.Created, AutoRemove: d.autoRemove, Lowers: d.lowers(),
		CgroupPath: d.spec.Linux.CgroupsPath, Warnings: d.warnings,
	}
	if r.Image == "" {
		r.Image = d.req.Rootfs
	}
	r.Network.Mode = d.mode.String()
	return r
}

// Plan returns the plan of a container that is not made, where its root would
// appear, and warnings. It changes nothing and needs no privileges.
func (e *Engine) Plan(req *oci.Request, o CreateOptions) (*plan.Plan, string, []string, error) {
	d, err := e.draft(container.NewID(), req, o)
	if err != nil {
		return nil, "", nil, err
	}
	end, err := d.endpoint(true)
	if err != nil {
		return nil, "", nil, err
	}
	p, err := d.compile(end, true)
	return p, d.root(), d.warnings, err
}

// compile makes the plan, to run it or only to look at it.
func (d *draft) compile(end *network.Endpoint, look bool) (*plan.Plan, error) {
	sources, made := d.sources()
	facts, err := d.e.runtimeFacts(d.spec, d.view(), made, look)
	if err != nil {
		return nil, err
	}
	c := runtime.Container{Spec: d.spec, Create: d.createSteps(), Reaper: d.req.Init, Tied: true}
	if !d.req.RootfsRW {
		c.Overlay = &rootfs.Overlay{
			Lower: d.lowers(), Upper: filepath.Join(d.dir(), "diff"), Work: filepath.Join(d.dir(), "work"),
			Target: d.root(), Volatile: d.autoRemove,
		}
	}
	if end != nil {
		c.Host, c.Attach, c.Interface = end.HostSteps(), end.AttachSteps(), end.InitSteps()
	}
	if ownNet(d.spec) {
		c.Early = []plan.InitStep{namespace.LoUp{}}
	}
	files, err := d.files(end)
	if err != nil {
		return nil, err
	}
	c.Host = slices.Concat(sources, d.shmSteps(), c.Host, files)
	return runtime.Compile(c, facts)
}

// hostID returns what the host calls an ID of the container.
func hostID(maps []specs.LinuxIDMapping, id int) int {
	for _, m := range maps {
		if n := id - int(m.ContainerID); n >= 0 && n < int(m.Size) {
			return int(m.HostID) + n
		}
	}
	return id
}

func ownNet(s *specs.Spec) bool { return owns(s, specs.NetworkNamespace) }
func ownPID(s *specs.Spec) bool { return owns(s, specs.PIDNamespace) }

// owns tells whether the container has a new namespace of that kind.
func owns(s *specs.Spec, kind specs.LinuxNamespaceType) bool {
	return s.Linux != nil && slices.ContainsFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool {
		return n.Type == kind && n.Path == ""
	})
}

// terminalSize tells the terminal's size before the program starts.
func (d *draft) terminalSize(width, height uint16) {
	d.spec.Process.ConsoleSize = &specs.Box{Width: uint(width), Height: uint(height)}
}
