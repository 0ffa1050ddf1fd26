package runflags

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mydocker/oci"
)

// words splits a command line at blanks; ~ stands for a blank in a word.
func words(s string) []string {
	args := strings.Fields(s)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "~", " ")
	}
	return args
}

func TestRequest(t *testing.T) {
	type request = oci.Request
	device := func(host, inside, mode string) oci.Device {
		return oci.Device{Host: host, Container: inside, Permissions: mode}
	}
	ulimit := func(name string, soft, hard int64) oci.Ulimit {
		return oci.Ulimit{Name: name, Soft: soft, Hard: hard}
	}
	for _, c := range []struct {
		args string
		want request
	}{
		{"--add-host a:10.0.0.1 --add-host b=[::1] --add-host c:host-gateway --add-host d:0:0::1", request{AddHosts: []string{"a:10.0.0.1", "b:::1", "c:host-gateway", "d:0:0::1"}}},
		{"--annotation a=1 --annotation a=2 --annotation b", request{Annotations: map[string]string{"a": "2", "b": ""}}},
		{"--cap-add NET_ADMIN --cap-add all --cap-drop mknod", request{CapAdd: []string{"NET_ADMIN", "all"}, CapDrop: []string{"mknod"}}},
		{"--cgroup-parent /p", request{CgroupParent: "/p"}},
		{"--cgroupns host --pid host --ipc shareable --uts host --userns private", request{CgroupNS: "host", PidMode: "host", IPCMode: "shareable", UTSMode: "host", Userns: "private"}},
		{"--pid container:x --ipc container:y --network container:z", request{PidMode: "container:x", IPCMode: "container:y", Network: "container:z"}},
		{"--net none", request{Network: "none"}},
		{"--network name=host", request{Network: "host"}},
		{"--dns ~1.1.1.1 --dns 0:0::1 --dns-option ndots:1 --dns-opt rotate --dns-search example.com. --dns-search .", request{DNS: []string{"1.1.1.1", "::1"}, DNSOptions: []string{"ndots:1", "rotate"}, DNSSearch: []string{"example.com", "."}}},
		{"-h box --domainname example.com", request{Hostname: "box", Domainname: "example.com"}},
		{"--device /dev/fuse --device /dev/a:rw --device /dev/b:/dev/../c --device /dev/d:/e:m", request{Devices: []oci.Device{device("/dev/fuse", "/dev/fuse", "rwm"), device("/dev/a", "/dev/a", "rw"), device("/dev/b", "/c", "rwm"), device("/dev/d", "/e", "m")}}},
		{"--device-cgroup-rule c~1:*~rwm", request{DeviceRules: []string{"c 1:* rwm"}}},
		{"--entrypoint /bin/sh", request{EntrypointSet: true, Entrypoint: []string{"/bin/sh"}}},
		{"--entrypoint=", request{EntrypointSet: true, Entrypoint: []string{}}},
		{"-e A=1 -e HOME -e NONE -e EMPTY -e B=", request{Env: []string{"A=1", "HOME=/home/me", "NONE", "EMPTY=", "B="}}},
		{"-e A=2 --env-file env", request{Env: []string{"A=1", "B=two words  ", "HOME=/home/me", `Q="q"`, "A=2"}}},
		{"-l own=1 -l both=flag -l bare --label-file labels", request{Labels: map[string]string{"file.label": "from file", "both": "flag", "bare": "", "own": "1"}}},
		{"--group-add 5 --group-add audio -u 1000:tty", request{GroupAdd: []string{"5", "audio"}, User: "1000:tty"}},
		{"-it --init --read-only --privileged", request{Interactive: true, TTY: true, Init: true, ReadOnly: true, Privileged: true}},
		{"--oom-score-adj=-1000", request{OOMScoreAdj: -1000}},
		{"--platform linux --runtime mydocker --pull missing", request{}},
		{"--security-opt no-new-privileges", request{NoNewPrivileges: true}},
		{"--security-opt no-new-privileges:true", request{NoNewPrivileges: true}},
		{"--security-opt no-new-privileges --security-opt no-new-privileges=false", request{}},
		{"--security-opt seccomp=unconfined", request{Seccomp: "unconfined"}},
		{"--security-opt seccomp=seccomp.json", request{Seccomp: `{"defaultAction":"SCMP_ACT_ALLOW"}`}},
		{"--security-opt seccomp:builtin --security-opt apparmor=unconfined --security-opt label=disable --security-opt label:disable", request{}},
		{"--security-opt systempaths=unconfined", request{SystemPathsUnconfined: true}},
		{"--shm-size 64m", request{ShmSize: 64 << 20}},
		{"--stop-signal 15 --stop-timeout 0", request{StopSignal: "SIGTERM", StopTimeout: new(0)}},
		{"--stop-signal sigchld", request{StopSignal: "SIGCHLD"}},
		{"--stop-signal RTMIN+3", request{StopSignal: "SIGRTMIN+3"}},
		{"--stop-signal 64", request{StopSignal: "SIGRTMAX"}},
		{"--sysctl net.core.somaxconn=9 --sysctl kernel.msgmax=1", request{Sysctls: map[string]string{"net.core.somaxconn": "9", "kernel.msgmax": "1"}}},
		{"--time-offset monotonic=+24h --time-offset boottime=-1h30m --time-offset monotonic=1s", request{TimeOffsets: map[string]int64{"monotonic": 1e9, "boottime": -5400e9}}},
		{"--ulimit nofile=1024:2048 --ulimit core=0 --ulimit nproc=infinity --ulimit core=-1", request{Ulimits: []oci.Ulimit{ulimit("core", -1, -1), ulimit("nofile", 1024, 2048), ulimit("nproc", -1, -1)}}},
		{"-w /a/../b/", request{WorkingDir: "/b"}},
	} {
		got := requestOf(t, c.args)
		c.want.Image = "img"
		if diff := cmp.Diff(&c.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
		if c.args == "--entrypoint=" && got.Entrypoint == nil {
			t.Errorf("%s: entrypoint is nil, want empty", c.args)
		}
	}
}

func requestOf(t *testing.T, line string) *oci.Request {
	t.Helper()
	return request(t, words(line)...)
}

func TestResources(t *testing.T) {
	type resources = oci.Resources
	limits := func(rate uint64) []oci.Limit { return []oci.Limit{{Path: "/dev/sda", Rate: rate}} }
	for _, c := range []struct {
		args string
		want resources
	}{
		{"--cpus 1.5", resources{NanoCPUs: 1500000000}},
		{"--cpus 1/2", resources{NanoCPUs: 500000000}},
		{"--cpus .010000001", resources{NanoCPUs: 10000001}},
		{"--cpus 0", resources{}},
		{"--cpu-period 100000 --cpu-quota 50000 -c 512", resources{CPUPeriod: 100000, CPUQuota: 50000, CPUShares: 512}},
		{"--cpu-quota=-1", resources{CPUQuota: -1}},
		{"--cpu-rt-period 1000000 --cpu-rt-runtime 950000", resources{CPURTPeriod: 1000000, CPURTRuntime: 950000}},
		{"--cpuset-cpus 0-1,3 --cpuset-mems 0", resources{CpusetCpus: "0-1,3", CpusetMems: "0"}},
		{"-m 100MiB --memory-reservation 50m --memory-swap=-1", resources{Memory: 100 << 20, MemoryReservation: 50 << 20, MemorySwap: -1}},
		{"-m 1g --memory-swap 1g --memory-swappiness 0", resources{Memory: 1 << 30, MemorySwap: 1 << 30, MemorySwappiness: new(int64(0))}},
		{"--memory-swappiness=-1 --oom-kill-disable", resources{OOMKillDisable: true}},
		{"--pids-limit 50", resources{PidsLimit: 50}},
		{"--pids-limit=-7", resources{PidsLimit: -1}},
		{"--blkio-weight 300 --blkio-weight-device /dev/sda:10", resources{BlkioWeight: 300, BlkioWeightDevice: limits(10)}},
		{"--device-read-bps /dev/sda:1mb --device-write-bps /dev/sda:0", resources{DeviceReadBps: limits(1 << 20), DeviceWriteBps: limits(0)}},
		{"--device-read-iops /dev/sda:100 --device-write-iops /dev/sda:200", resources{DeviceReadIOps: limits(100), DeviceWriteIOps: limits(200)}},
	} {
		if diff := cmp.Diff(c.want, requestOf(t, c.args).Resources); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
}

// What a flag refuses by itself reads as Docker's "invalid argument".
func TestBadValues(t *testing.T) {
	const rate = "The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
	for _, c := range []struct{ arg, flag, want string }{
		{"--add-host=x", "--add-host", `bad format for add-host: "x"`},
		{"--add-host=x:y", "--add-host", `invalid IP address in add-host: "y"`},
		{"--add-host=a b:1.1.1.1", "--add-host", `bad format for add-host: "a b:1.1.1.1"`},
		{"--annotation==x", "--annotation", "invalid annotation '=x': empty name"},
		{"--attach=x", "-a, --attach", "valid streams are STDIN, STDOUT and STDERR"},
		{"--blkio-weight=70000", "--blkio-weight", `strconv.ParseUint: parsing "70000": value out of range`},
		{"--blkio-weight-device=/dev/sda:5", "--blkio-weight-device", "invalid weight for device: /dev/sda:5"},
		{"--blkio-weight-device=sda:50", "--blkio-weight-device", "bad format for device path: sda:50"},
		{"--cpus=two", "--cpus", "failed to parse two as a rational number"},
		{"--cpus=1e999999999", "--cpus", "failed to parse 1e999999999 as a rational number"},
		{"--cpus=0.0000000001", "--cpus", "value is too precise"},
		{"--cpus=99999999999", "--cpus", "value is out of range"},
		{"--cpu-shares=x", "-c, --cpu-shares", `strconv.ParseInt: parsing "x": invalid syntax`},
		{"--detach=maybe", "-d, --detach", `strconv.ParseBool: parsing "maybe": invalid syntax`},
		{"--device-cgroup-rule=c 1:2 x", "--device-cgroup-rule", "invalid device cgroup format 'c 1:2 x'"},
		{"--device-read-bps=/dev/sda:x", "--device-read-bps", "invalid rate for device: /dev/sda:x. " + rate},
		{"--device-write-bps=/dev/sda", "--device-write-bps", "bad format: /dev/sda"},
		{"--device-write-iops=/dev/sda:1k", "--device-write-iops", "invalid rate for device: /dev/sda:1k. The correct format is <device-path>:<number>. Number must be a positive integer"},
		{"--dns=1.2.3", "--dns", "IP address is not correctly formatted: 1.2.3"},
		{"--dns=fe80::1%eth0", "--dns", "IP address is not correctly formatted: fe80::1%eth0"},
		{"--dns-search=1.2", "--dns-search", "1.2 is not a valid domain"},
		{"--dns-search=-a.b", "--dns-search", "-a.b is not a valid domain"},
		{"--env==x", "-e, --env", "invalid environment variable: =x"},
		{"--label==x", "-l, --label", "invalid label '=x': empty name"},
		{"--label=a b=x", "-l, --label", "label 'a b' contains whitespaces"},
		{"--memory=1x", "-m, --memory", "invalid suffix: 'x'"},
		{"--memory=-1", "-m, --memory", "invalid size: '-1'"},
		{"--memory-swap=-2", "--memory-swap", "invalid size: '-2'"},
		{"--mount=", "--mount", "value is empty"},
		{"--network=name=", "--network", "network name/id is not specified"},
		{"--network=name=a,x=y", "--network", "invalid field key x"},
		{"--network=name=a,x", "--network", "invalid field x"},
		{"--pull=x", "--pull", `invalid pull option: 'x': must be one of "always", "missing" or "never"`},
		{"--shm-size=a", "--shm-size", "invalid size: 'a'"},
		{"--stop-signal=SIGFOO", "--stop-signal", "invalid signal: SIGFOO"},
		{"--stop-signal=0", "--stop-signal", "invalid signal: 0"},
		{"--stop-signal=33", "--stop-signal", "invalid signal: 33"},
		{"--stop-timeout=x", "--stop-timeout", `strconv.ParseInt: parsing "x": invalid syntax`},
		{"--sysctl=vm.swappiness=1", "--sysctl", "sysctl 'vm.swappiness=1' is not allowed"},
		{"--sysctl=kernel.msgmax", "--sysctl", "sysctl 'kernel.msgmax' is not allowed"},
		{"--time-offset=realtime=1s", "--time-offset", "must be monotonic=DURATION or boottime=DURATION, e.g. boottime=-1h30m"},
		{"--time-offset=boottime=1", "--time-offset", `time: missing unit in duration "1"`},
		{"--ulimit=nofile", "--ulimit", "invalid ulimit argument: nofile"},
		{"--ulimit=as=1", "--ulimit", "invalid ulimit type: as"},
		{"--ulimit=core=2:1", "--ulimit", "ulimit soft limit must be less than or equal to hard limit: 2 > 1"},
		{"--ulimit=core=-1:1", "--ulimit", "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 1"},
		{"--ulimit=core=-2", "--ulimit", "invalid ulimit value: -2"},
		{"--ulimit=core=1:2:3", "--ulimit", "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`"},
	} {
		name, value, _ := strings.Cut(c.arg, "=")
		want := `invalid argument ` + quote(value) + ` for "` + c.flag + `" flag: ` + c.want
		_, _, err := parse(name+"="+value, "img")
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", c.arg, err, want)
		}
	}
}

func quote(s string) string { return `"` + s + `"` }

// What needs more than one value is refused when all are known.
func TestBadRequests(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--pid x", "--pid: invalid PID mode"},
		{"--pid container:", "--pid: invalid PID mode"},
		{"--ipc x", "--ipc: invalid IPC mode: x"},
		{"--uts container:x", "--uts: invalid UTS mode"},
		{"--userns x", "--userns: invalid USER mode"},
		{"--cgroupns x", "--cgroupns: invalid CGROUP mode"},
		{"--network container:", "invalid container format container:<name|id>"},
		{"--network none --network none", `network "none" is specified multiple times`},
		{"--runtime runc", "unknown or invalid runtime name: runc"},
		{"--hostname a~b", "invalid hostname format: a b"},
		{"--hostname " + strings.Repeat("a", 65), "invalid hostname format: " + strings.Repeat("a", 65)},
		{"--hostname a --uts host", "conflicting options: hostname and the UTS mode"},
		{"--hostname a --network container:x", "conflicting options: hostname and the network mode"},
		{"--dns 1.1.1.1 --network container:x", "conflicting options: dns and the network mode"},
		{"--add-host a:1.1.1.1 --network container:x", "conflicting options: custom host-to-IP mapping and the network mode"},
		{"-w x", "the working directory 'x' is invalid, it needs to be an absolute path"},
		{"--oom-score-adj 1001", "Invalid value 1001, range for oom score adj is [-1000, 1000]"},
		{"--memory-swappiness 101", "invalid value: 101. Valid memory swappiness range is 0-100"},
		{"-m 1m", "Minimum memory limit allowed is 6MB"},
		{"-m 10m --memory-swap 9m", "Minimum memoryswap limit should be larger than memory limit, see usage"},
		{"--memory-swap 9m", "You should always set the Memory limit when using Memoryswap limit, see usage"},
		{"--memory-reservation 1m", "Minimum memory reservation allowed is 6MB"},
		{"-m 10m --memory-reservation 11m", "Minimum memory limit can not be less than memory reservation limit, see usage"},
		{"--cpus 3", "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"},
		{"--cpus=-1", "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"},
		{"--cpus 1 --cpu-period 1000", "Conflicting options: Nano CPUs and CPU Period cannot both be set"},
		{"--cpus 1 --cpu-quota 1000", "Conflicting options: Nano CPUs and CPU Quota cannot both be set"},
		{"--cpu-period 999", "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"},
		{"--cpu-quota 999", "CPU cfs quota can not be less than 1ms (i.e. 1000)"},
		{"--cpu-rt-period 10 --cpu-rt-runtime 11", "cpu real-time runtime cannot be higher than cpu real-time period"},
		{"--cpu-shares=-1", "invalid CPU shares (-1): value must be a positive integer"},
		{"--cpuset-cpus 1-0", "Invalid value 1-0 for cpuset cpus"},
		{"--cpuset-cpus 1-", "Invalid value 1- for cpuset cpus"},
		{"--cpuset-mems a", "Invalid value a for cpuset mems"},
		{"--blkio-weight 9", "Range of blkio weight is from 10 to 1000"},
		{"--device a", "a is not an absolute path"},
		{"--device dev/a:/dev/a", "dev/a is not an absolute path"},
		{"--device :/a", "bad format for path: :/a"},
		{"--device /a:/b:/c:rw", "bad format for path: /a:/b:/c:rw"},
		{"--device /a:/b:rr", "bad mode specified: rr"},
		{"--security-opt x", `invalid --security-opt: "x"`},
		{"--security-opt x=y", `invalid --security-opt: "x=y"`},
		{"--security-opt seccomp=", `invalid --security-opt: "seccomp="`},
		{"--security-opt no-new-privileges=maybe", `invalid --security-opt: "no-new-privileges=maybe"`},
		{"--security-opt seccomp=none.json", "opening seccomp profile (none.json) failed: open home/me/none.json: file does not exist"},
		{"--security-opt seccomp=bad.json", "compacting json for seccomp profile (bad.json) failed: unexpected end of JSON input"},
		{"--env-file none", "open home/me/none: file does not exist"},
		{"--env-file bad-env", "invalid env file (bad-env): variable 'A B' contains whitespaces"},
		{"--label-file bad-env", "invalid env file (bad-env): variable 'A B' contains whitespaces"},
		{"--rootfs /none", "--rootfs: open none: file does not exist"},
		{"--rootfs /srv/data/file", "--rootfs: /srv/data/file is not a directory"},
	} {
		if _, _, err := parse(append(words(c.args), "img")...); err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.args, err, c.want)
		}
	}
	for image, want := range map[string]string{"": "invalid reference format"} {
		if _, _, err := parse(image); err == nil || err.Error() != want {
			t.Errorf("image %q: %v, want %s", image, err, want)
		}
	}
	if _, _, err := parse(); err == nil || err.Error() != "no image given" {
		t.Errorf("no arguments: %v", err)
	}
}

func TestRootfs(t *testing.T) {
	for line, want := range map[string]oci.Request{
		"--rootfs /srv/root":              {Rootfs: "/srv/root"},
		"--rootfs /srv/root:rw sh -c x":   {Rootfs: "/srv/root", RootfsRW: true, Command: []string{"sh", "-c", "x"}},
		"--rootfs /srv/../srv/root:ro sh": {Rootfs: "/srv/root", Command: []string{"sh"}},
		"--rootfs src sh":                 {Rootfs: "/home/me/src", Command: []string{"sh"}},
	} {
		_, r, err := parse(words(line)...)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if diff := cmp.Diff(&want, r); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

func TestHostSecrets(t *testing.T) {
	f, _, err := parse("--security-opt", "hostsecrets=visible", "host")
	if err != nil || !f.HostSecretsVisible {
		t.Errorf("visible: %v, %v", f.HostSecretsVisible, err)
	}
	if _, _, err := parse("--security-opt", "hostsecrets=all", "host"); err == nil {
		t.Error("hostsecrets=all is accepted")
	}
}

// A request may be asked for twice, and is the same.
func TestRequestTwice(t *testing.T) {
	f, first, err := parse("-v", "/srv:/srv", "-e", "A=1", "--device", "/dev/fuse", "--ulimit", "core=1", "img")
	if err != nil {
		t.Fatal(err)
	}
	second, err := f.Request(environment(), []string{"img"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}
