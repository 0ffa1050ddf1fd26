package oci

import (
	"strings"
	"testing"
)

func memoryOf(n, swap int64) Request {
	return Request{Resources: Resources{Memory: n, MemorySwap: swap}}
}

func mountAt(target string) Request {
	return Request{Mounts: []Mount{{Type: "bind", Source: "/data", Target: target}}}
}

func sysctl(k string) map[string]string { return map[string]string{k: "1"} }

// Each of these is refused, with the text that Docker's users know.
func TestErrors(t *testing.T) {
	more := int64(101)
	for _, x := range []struct {
		r    Request
		want string
	}{
		{Request{EntrypointSet: true}, "no command specified"},
		{Request{EntrypointSet: true, Entrypoint: []string{""}}, "no command specified"},
		{Request{WorkingDir: "srv"}, "the working directory 'srv' is invalid, it needs to be an absolute path"},
		{Request{Command: []string{"a\x00b"}}, "zero byte"},
		{Request{Env: []string{"=x"}}, "invalid environment variable: =x"},
		{Request{Env: []string{"A=\x00"}}, "zero byte"},
		{Request{User: "foo"}, "unable to find user foo: no matching entries in passwd file"},
		{Request{User: "alice:foo"}, "unable to find group foo: no matching entries in group file"},
		{Request{User: "2147483648"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "4294967296"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "99999999999999999999"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "-1"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "+0"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "0:4294967296"}, "uids and gids must be in range 0-2147483647"},
		{Request{User: "0:0:0"}, "invalid user or group"},
		{Request{User: " 0"}, "invalid user or group"},
		{Request{GroupAdd: []string{"foo"}}, "unable to find group foo: no matching entries in group file"},
		{Request{GroupAdd: []string{"4294967296"}}, "uids and gids must be in range 0-2147483647"},
		{Request{CapAdd: []string{"foo"}}, `invalid CapAdd: unknown capability: "`},
		{Request{CapDrop: []string{"foo"}}, `invalid CapDrop: unknown capability: "`},
		{Request{Seccomp: "bad"}, "seccomp profile: unexpected end of JSON input"},
		{Request{OOMScoreAdj: 1001}, "Invalid value 1001, range for oom score adj is [-1000, 1000]"},
		{Request{Ulimits: []Ulimit{{"files", 1, 1}}}, "invalid ulimit type: files"},
		{Request{Ulimits: []Ulimit{{"nofile", 2, 1}}}, "ulimit soft limit must be less than or equal to hard limit: 2 > 1"},
		{Request{Ulimits: []Ulimit{{"nofile", -1, 1}}}, "ulimit soft limit must be less than or equal to hard limit: -1 > 1"},
		{Request{Ulimits: []Ulimit{{"nofile", 1, -2}}}, "a limit is -1 or larger"},

		{Request{UTSMode: "host", Hostname: "x"}, "conflicting options: hostname and the UTS mode"},
		{Request{Network: "container:a", Hostname: "x"}, "conflicting options: hostname and the network mode"},
		{Request{Hostname: "a b"}, "invalid hostname format"},
		{Request{Hostname: strings.Repeat("a", 65)}, "invalid hostname format"},
		{Request{Network: "nowhere"}, "network nowhere not found"},
		{Request{PidMode: "x"}, "invalid PID mode: x"},
		{Request{IPCMode: "x"}, "invalid IPC mode: x"},
		{Request{UTSMode: "x"}, "invalid UTS mode: x"},
		{Request{CgroupNS: "x"}, "invalid cgroup namespace mode: x"},
		{Request{Userns: "x"}, "invalid USER mode: x"},
		{Request{PidMode: "container:gone"}, "container:gone: its pid namespace is not known"},
		{Request{Userns: "private", Privileged: true}, "privileged mode is incompatible with user namespaces"},
		{Request{Userns: "private", Network: "host"}, "cannot share the host's network namespace when user namespaces are enabled"},
		{Request{Userns: "private", PidMode: "host"}, "cannot share the host PID namespace when user namespaces are enabled"},
		{Request{Userns: "private", User: "70000"}, "outside of the user namespace"},
		{Request{TimeOffsets: map[string]int64{"realtime": 1}}, `invalid clock "realtime"`},

		{Request{Mounts: []Mount{{Type: "bind", Source: "/a", Target: "/x"}, {Type: "tmpfs", Target: "/x/"}}}, "Duplicate mount point: /x"},
		{mountAt("/"), `invalid mount target "/"`},
		{mountAt("/.."), `invalid mount target "/"`},
		{mountAt("x"), "mount path must be absolute"},
		{mountAt("/proc"), "nothing but the host's /proc"},
		{mountAt("/x/../proc/self/attr"), "cannot be mounted because it is inside /proc"},
		{Request{Mounts: []Mount{{Type: "bind", Source: "a", Target: "/x"}}}, "invalid mount path: 'a' mount path must be absolute"},
		{Request{Mounts: []Mount{{Type: "bind", Source: "/a", Target: "/x", Propagation: "both"}}}, "invalid propagation mode: both"},
		{Request{Mounts: []Mount{{Type: "nfs", Target: "/x"}}}, "mount type unknown"},
		{Request{Mounts: []Mount{{Type: "tmpfs", Target: "/x", TmpfsOptions: []string{"foo=1"}}}}, "invalid tmpfs option"},
		{Request{ShmSize: -1}, "SHM size can not be less than 0"},

		{Request{Devices: []Device{{Host: "/dev/x"}}}, `error gathering device information while adding custom device "/dev/x": no such file or directory`},
		{Request{Devices: []Device{{Host: "/etc"}}}, `error gathering device information while adding custom device "/etc": not a device node`},
		{Request{Devices: []Device{{Host: "/dev/null", Permissions: "rx"}}}, "bad mode specified: rx"},
		{Request{Devices: []Device{{Host: "/dev/null", Container: "null"}}}, "must be absolute"},
		{Request{DeviceRules: []string{"c 1:3"}}, "invalid device cgroup rule format: 'c 1:3'"},
		{Request{DeviceRules: []string{"x 1:3 r"}}, "invalid device cgroup rule format"},
		{Request{DeviceRules: []string{"c 1 r"}}, "invalid device cgroup rule format"},
		{Request{DeviceRules: []string{"c -1:3 r"}}, "invalid device cgroup rule format"},
		{Request{DeviceRules: []string{"c 1:3 rr"}}, "invalid device cgroup rule format"},

		{memoryOf(6<<20-1, 0), "Minimum memory limit allowed is 6MB"},
		{memoryOf(10<<20, 9<<20), "Minimum memoryswap limit should be larger than memory limit, see usage"},
		{memoryOf(0, 9<<20), "You should always set the Memory limit when using Memoryswap limit, see usage"},
		{memoryOf(0, -2), "invalid memory swap -2"},
		{Request{Resources: Resources{MemoryReservation: 1}}, "Minimum memory reservation allowed is 6MB"},
		{Request{Resources: Resources{Memory: 10 << 20, MemoryReservation: 11 << 20}}, "Minimum memory limit can not be less than memory reservation limit, see usage"},
		{Request{Resources: Resources{MemorySwappiness: &more}}, "Invalid value: 101, valid memory swappiness range is 0-100"},
		{Request{Resources: Resources{NanoCPUs: 1e9, CPUPeriod: 1000}}, "Conflicting options: Nano CPUs and CPU Period cannot both be set"},
		{Request{Resources: Resources{NanoCPUs: 1e9, CPUQuota: 1000}}, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"},
		{Request{Resources: Resources{NanoCPUs: 3e9}}, "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"},
		{Request{Resources: Resources{NanoCPUs: 1e6}}, "Range of CPUs is from 0.01 to 2.00"},
		{Request{Resources: Resources{CPUShares: -1}}, "shares: invalid argument"},
		{Request{Resources: Resources{CPUPeriod: 999}}, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"},
		{Request{Resources: Resources{CPUQuota: 999}}, "CPU cfs quota can not be less than 1ms (i.e. 1000)"},
		{Request{Resources: Resources{CPURTPeriod: 5, CPURTRuntime: 6}}, "cpu real-time runtime cannot be higher than cpu real-time period"},
		{Request{Resources: Resources{CpusetCpus: "7"}}, "Requested CPUs are not available - requested 7, available: 0-1"},
		{Request{Resources: Resources{CpusetCpus: "1-0"}}, "Invalid value 1-0 for cpuset cpus"},
		{Request{Resources: Resources{CpusetCpus: "0-99999"}}, "Invalid value 0-99999 for cpuset cpus"},
		{Request{Resources: Resources{CpusetMems: "1"}}, "Requested memory nodes are not available - requested 1, available: 0"},
		{Request{Resources: Resources{BlkioWeight: 9}}, "Range of blkio weight is from 10 to 1000"},
		{Request{Resources: Resources{BlkioWeightDevice: []Limit{{"/dev/sda", 1001}}}}, "invalid weight for device: /dev/sda:1001"},
		{Request{Resources: Resources{DeviceReadBps: []Limit{{"/dev/x", 1}}}}, "stat /dev/x: no such file or directory"},
		{Request{Resources: Resources{DeviceReadBps: []Limit{{"/dev/null", 1}}}}, "stat /dev/null: not a block device"},

		{Request{Sysctls: sysctl("vm.swappiness")}, `sysctl "vm.swappiness" is not in a separate kernel namespace`},
		{Request{Sysctls: sysctl("kernel.core_pattern")}, `sysctl "kernel.core_pattern" is not in a separate kernel namespace`},
		{Request{Sysctls: sysctl("kernel.hostname")}, `conflicts with the OCI "hostname" field`},
		{Request{Sysctls: sysctl("net.x"), Network: "host"}, "sysctl 'net.x' is not allowed in host network namespace"},
		{Request{Sysctls: sysctl("kernel.sem"), IPCMode: "host"}, "sysctl 'kernel.sem' is not allowed in host ipc namespace"},
		{Request{Sysctls: sysctl("kernel.domainname"), UTSMode: "host"}, "sysctl 'kernel.domainname' is not allowed in host uts namespace"},
		{Request{Sysctls: sysctl("net./../kernel/core_pattern")}, "is not allowed"},
		{Request{Sysctls: sysctl("net..x")}, "is not allowed"},
		{Request{Annotations: sysctl("")}, "invalid annotation"},
	} {
		_, _, err := spec(x.r)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v\n\terror %v\n\twant  %s", x.r, err, x.want)
		}
	}
}
