package runflags

import (
	"github.com/spf13/pflag"

	"mydocker/internal/units"
)

// The usage texts are Docker's where Docker has the flag.

func (f *Flags) addCommand(fs *pflag.FlagSet) {
	fs.StringVar(&f.Name, "name", "", "Assign a name to the container")
	fs.StringVar(&f.CIDFile, "cidfile", "", "Write the container ID to the file")
	fs.BoolVar(&f.Remove, "rm", false, "Automatically remove the container and its associated anonymous volumes when it exits")
	fs.BoolVarP(&f.Quiet, "quiet", "q", false, "Suppress the pull output")
	fs.BoolVar(&f.Explain, "explain", false, "Print the plan as a shell script and do nothing")
	fs.VarP(list(&f.attach, parseStream), "attach", "a", "Attach to STDIN, STDOUT or STDERR")
}

func (f *Flags) addTrace(fs *pflag.FlagSet) {
	fs.Var(traceValue(&f.Trace, &f.TraceFile), "trace", "Print what each step took, or write a Chrome trace to a file")
	fs.Lookup("trace").NoOptDefVal = traceTable
}

// traceTable is FILE of --trace for the table on standard error.
const traceTable = "-"

func traceValue(on *bool, file *string) pflag.Value {
	return &value{kind: "FILE", set: func(name string) error {
		*on, *file = true, name
		if name == traceTable {
			*file = ""
		}
		return nil
	}}
}

func (f *Flags) addProcess(fs *pflag.FlagSet) {
	r := &f.req
	fs.Var(&value{kind: "string", set: func(s string) error {
		r.EntrypointSet, r.Entrypoint = true, []string{}
		if s != "" {
			r.Entrypoint = []string{s}
		}
		return nil
	}}, "entrypoint", "Overwrite the default ENTRYPOINT of the image")
	fs.VarP(list(&f.env, checkEnv), "env", "e", "Set environment variables")
	fs.Var(list(&f.envFiles, nil), "env-file", "Read in a file of environment variables")
	fs.StringVarP(&r.WorkingDir, "workdir", "w", "", "Working directory inside the container")
	fs.BoolVarP(&r.TTY, "tty", "t", false, "Allocate a pseudo-TTY")
	fs.BoolVarP(&r.Interactive, "interactive", "i", false, "Keep STDIN open even if not attached")
	fs.BoolVar(&r.Init, "init", false, "Run an init inside the container that forwards signals and reaps processes")
	fs.Var(parsed("string", &r.StopSignal, parseStopSignal), "stop-signal", "Signal to stop the container")
	fs.Var(parsed("int", &r.StopTimeout, parseIntPointer), "stop-timeout", "Timeout (in seconds) to stop a container")
	fs.Var(&value{kind: "ulimit", set: f.setUlimit}, "ulimit", "Ulimit options")
	fs.IntVar(&r.OOMScoreAdj, "oom-score-adj", 0, "Tune host's OOM preferences (-1000 to 1000)")
	fs.Bool("no-healthcheck", false, "Disable any container-specified HEALTHCHECK") // true of every container: there are none yet
}

func (f *Flags) addIdentity(fs *pflag.FlagSet) {
	r := &f.req
	fs.StringVarP(&r.User, "user", "u", "", "Username or UID (format: <name|uid>[:<group|gid>])")
	fs.Var(list(&r.GroupAdd, nil), "group-add", "Add additional groups to join")
	fs.VarP(list(&f.labels, checkLabel), "label", "l", "Set meta data on a container")
	fs.Var(list(&f.labelFiles, nil), "label-file", "Read in a line delimited file of labels")
	fs.Var(mapped(&r.Annotations, checkAnnotation), "annotation", "Add an annotation to the container (passed through to the OCI runtime)")
	fs.StringVar(&f.Platform, "platform", "", "Set platform if server is multi-platform capable")
	fs.Var(parsed("string", &f.Pull, parsePull), "pull", `Pull image before running ("always", "missing", "never")`)
	fs.Lookup("pull").DefValue = PullMissing
	fs.StringVar(&f.runtime, "runtime", "", "Runtime to use for this container")
}

func (f *Flags) addNamespaces(fs *pflag.FlagSet) {
	r := &f.req
	fs.StringVar(&r.PidMode, "pid", "", "PID namespace to use")
	fs.StringVar(&r.IPCMode, "ipc", "", "IPC mode to use")
	fs.StringVar(&r.UTSMode, "uts", "", "UTS namespace to use")
	fs.StringVar(&r.Userns, "userns", "", `User namespace to use ("host", "private")`)
	fs.StringVar(&r.CgroupNS, "cgroupns", "", "Cgroup namespace to use (host|private)")
	fs.Var(&value{kind: "clock=duration", set: f.setTimeOffset}, "time-offset", "Move a clock of the container, monotonic or boottime, e.g. boottime=-1h30m")
}

func (f *Flags) addNetwork(fs *pflag.FlagSet) {
	r := &f.req
	network := &value{kind: "network", set: f.setNetwork}
	dnsOption := list(&r.DNSOptions, nil)
	fs.Var(network, "network", "Connect a container to a network")
	fs.Var(network, "net", "Connect a container to a network")
	fs.StringVarP(&r.Hostname, "hostname", "h", "", "Container host name")
	fs.StringVar(&r.Domainname, "domainname", "", "Container NIS domain name")
	fs.Var(list(&r.AddHosts, parseExtraHost), "add-host", "Add a custom host-to-IP mapping (host:ip)")
	fs.Var(list(&r.DNS, parseIP), "dns", "Set custom DNS servers")
	fs.Var(list(&r.DNSSearch, parseDNSSearch), "dns-search", "Set custom DNS search domains")
	fs.Var(dnsOption, "dns-option", "Set DNS options")
	fs.Var(dnsOption, "dns-opt", "Set DNS options")
	hide(fs, "net", "dns-opt")
}

func (f *Flags) addStorage(fs *pflag.FlagSet) {
	r := &f.req
	fs.StringVar(&f.rootfs, "rootfs", "", "Use a directory instead of an image, read-only below the container's own layer; DIR:rw in place")
	fs.BoolVar(&r.ReadOnly, "read-only", false, "Mount the container's root filesystem as read only")
	fs.VarP(&value{kind: "list", set: f.addVolume}, "volume", "v", "Bind mount a volume")
	fs.Var(&value{kind: "mount", set: f.addMount}, "mount", "Attach a filesystem mount to the container")
	fs.Var(&value{kind: "list", set: f.addTmpfs}, "tmpfs", "Mount a tmpfs directory")
	fs.Var(bytesValue(&r.ShmSize), "shm-size", "Size of /dev/shm")
}

func (f *Flags) addSecurity(fs *pflag.FlagSet) {
	r := &f.req
	fs.BoolVar(&r.Privileged, "privileged", false, "Give extended privileges to this container")
	fs.Var(list(&r.CapAdd, nil), "cap-add", "Add Linux capabilities")
	fs.Var(list(&r.CapDrop, nil), "cap-drop", "Drop Linux capabilities")
	fs.Var(list(&f.security, nil), "security-opt", "Security Options")
	fs.Var(list(&f.devices, nil), "device", "Add a host device to the container")
	fs.Var(list(&r.DeviceRules, checkDeviceRule), "device-cgroup-rule", "Add a rule to the cgroup allowed devices list")
	fs.Var(mapped(&r.Sysctls, checkSysctl), "sysctl", "Sysctl options")
}

func (f *Flags) addCPU(fs *pflag.FlagSet) {
	c := &f.req.Resources
	fs.Var(parsed("decimal", &c.NanoCPUs, parseCPUs), "cpus", "Number of CPUs")
	fs.Int64Var(&c.CPUPeriod, "cpu-period", 0, "Limit CPU CFS (Completely Fair Scheduler) period")
	fs.Int64Var(&c.CPUQuota, "cpu-quota", 0, "Limit CPU CFS (Completely Fair Scheduler) quota")
	fs.Int64Var(&c.CPURTPeriod, "cpu-rt-period", 0, "Limit CPU real-time period in microseconds")
	fs.Int64Var(&c.CPURTRuntime, "cpu-rt-runtime", 0, "Limit CPU real-time runtime in microseconds")
	fs.Int64VarP(&c.CPUShares, "cpu-shares", "c", 0, "CPU shares (relative weight)")
	fs.StringVar(&c.CpusetCpus, "cpuset-cpus", "", "CPUs in which to allow execution (0-3, 0,1)")
	fs.StringVar(&c.CpusetMems, "cpuset-mems", "", "MEMs in which to allow execution (0-3, 0,1)")
	fs.Int64Var(&c.PidsLimit, "pids-limit", 0, "Tune container pids limit (set -1 for unlimited)")
	fs.StringVar(&f.req.CgroupParent, "cgroup-parent", "", "Optional parent cgroup for the container")
}

func (f *Flags) addMemory(fs *pflag.FlagSet) {
	c := &f.req.Resources
	fs.VarP(bytesValue(&c.Memory), "memory", "m", "Memory limit")
	fs.Var(bytesValue(&c.MemoryReservation), "memory-reservation", "Memory soft limit")
	fs.Var(parsed("bytes", &c.MemorySwap, parseSwap), "memory-swap", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap")
	fs.Int64Var(&f.swappiness, "memory-swappiness", -1, "Tune container memory swappiness (0 to 100)")
	fs.BoolVar(&c.OOMKillDisable, "oom-kill-disable", false, "Disable OOM Killer")
}

func (f *Flags) addBlockIO(fs *pflag.FlagSet) {
	c := &f.req.Resources
	fs.Uint16Var(&c.BlkioWeight, "blkio-weight", 0, "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)")
	fs.Var(appended(&c.BlkioWeightDevice, parseWeightDevice), "blkio-weight-device", "Block IO weight (relative device weight)")
	fs.Var(appended(&c.DeviceReadBps, parseBpsDevice), "device-read-bps", "Limit read rate (bytes per second) from a device")
	fs.Var(appended(&c.DeviceReadIOps, parseIOpsDevice), "device-read-iops", "Limit read rate (IO per second) from a device")
	fs.Var(appended(&c.DeviceWriteBps, parseBpsDevice), "device-write-bps", "Limit write rate (bytes per second) to a device")
	fs.Var(appended(&c.DeviceWriteIOps, parseIOpsDevice), "device-write-iops", "Limit write rate (IO per second) to a device")
}

func hide(fs *pflag.FlagSet, names ...string) {
	for _, name := range names {
		fs.Lookup(name).Hidden = true
	}
}

// setTimeOffset reads CLOCK=DURATION, the duration as time.ParseDuration does.
func (f *Flags) setTimeOffset(s string) error {
	clock, offset, err := parseTimeOffset(s)
	if err != nil {
		return err
	}
	if f.req.TimeOffsets == nil {
		f.req.TimeOffsets = map[string]int64{}
	}
	f.req.TimeOffsets[clock] = offset.Nanoseconds()
	return nil
}

func bytesValue(to *int64) pflag.Value { return parsed("bytes", to, units.RAMInBytes) }
