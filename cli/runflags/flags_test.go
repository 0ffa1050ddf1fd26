package runflags

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mydocker/oci"
)

// dockerRun are the flags of "docker container run" with their types, as its
// help prints them.
const dockerRun = `--add-host=list --annotation=map -a,--attach=list --blkio-weight=uint16 --blkio-weight-device=list --cap-add=list --cap-drop=list
--cgroup-parent=string --cgroupns=string --cidfile=string --cpu-period=int --cpu-quota=int --cpu-rt-period=int --cpu-rt-runtime=int
-c,--cpu-shares=int --cpus=decimal --cpuset-cpus=string --cpuset-mems=string -d,--detach --detach-keys=string --device=list
--device-cgroup-rule=list --device-read-bps=list --device-read-iops=list --device-write-bps=list --device-write-iops=list --dns=list
--dns-option=list --dns-search=list --domainname=string --entrypoint=string -e,--env=list --env-file=list --expose=list --gpus=gpu-request
--group-add=list --health-cmd=string --health-interval=duration --health-retries=int --health-start-interval=duration
--health-start-period=duration --health-timeout=duration --help -h,--hostname=string --init -i,--interactive --ip=ip --ip6=ip --ipc=string
--isolation=string -l,--label=list --label-file=list --link=list --link-local-ip=list --log-driver=string --log-opt=list
--mac-address=string -m,--memory=bytes --memory-reservation=bytes --memory-swap=bytes --memory-swappiness=int --mount=mount --name=string
--network=network --network-alias=list --no-healthcheck --oom-kill-disable --oom-score-adj=int --pid=string --pids-limit=int
--platform=string --privileged -p,--publish=list -P,--publish-all --pull=string -q,--quiet --read-only --restart=string --rm
--runtime=string --security-opt=list --shm-size=bytes --sig-proxy --stop-signal=string --stop-timeout=int --storage-opt=list --sysctl=map
--tmpfs=list -t,--tty --ulimit=ulimit --use-api-socket -u,--user=string --userns=string --uts=string -v,--volume=list
--volume-driver=string --volumes-from=list -w,--workdir=string`

func declared(run bool) *pflag.FlagSet {
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	Add(set, run)
	return set
}

func TestEveryFlagOfDocker(t *testing.T) {
	set := declared(true)
	for _, want := range strings.Fields(dockerRun) {
		names, kind, _ := strings.Cut(want, "=")
		short, long, ok := strings.Cut(names, ",")
		if !ok {
			short, long = "", names
		}
		f := set.Lookup(strings.TrimPrefix(long, "--"))
		if f == nil {
			t.Errorf("%s is not declared", long)
			continue
		}
		shown, _ := pflag.UnquoteUsage(f)
		if f.NoOptDefVal == "true" {
			shown = "" // takes no value
		}
		if f.Shorthand != strings.TrimPrefix(short, "-") || shown != kind {
			t.Errorf("%s is -%s of type %q, want %s", long, f.Shorthand, shown, want)
		}
	}
}

func TestFlagsOfCreate(t *testing.T) {
	run, create := declared(true), declared(false)
	var missing []string
	run.VisitAll(func(f *pflag.Flag) {
		if create.Lookup(f.Name) == nil {
			missing = append(missing, f.Name)
		}
	})
	if diff := cmp.Diff([]string{"detach", "detach-keys", "sig-proxy", "trace"}, missing); diff != "" {
		t.Errorf("flags of run that create lacks (-want +got):\n%s", diff)
	}
}

// A detached container is attached to nothing; to ask for both is an error.
func TestDetach(t *testing.T) {
	f, r, err := parse("-d", "-i", "-t", "img")
	if err != nil || f.Attachments(r) != (Attached{TTY: true}) {
		t.Errorf("%v %v", f, err)
	}
	if _, _, err := parse("-d", "-a", "stdout", "img"); err == nil || err.Error() != "conflicting options: cannot specify both --attach and --detach" {
		t.Errorf("%v", err)
	}
}

func TestHelp(t *testing.T) {
	usages := declared(true).FlagUsages()
	for _, l := range strings.Split(strings.TrimSuffix(usages, "\n"), "\n") {
		if !strings.Contains(l, "--") {
			t.Errorf("a line of help without a flag: %q", l)
		}
		if strings.Contains(l, "(default") && !strings.Contains(l, "blkio-weight") && !strings.Contains(l, "pull") && !strings.Contains(l, "memory-swappiness") && !strings.Contains(l, "sig-proxy") {
			t.Errorf("help shows a default that changes nothing: %q", l)
		}
	}
	for _, hidden := range []string{"--publish", "--net ", "--dns-opt ", "Not supported"} {
		if strings.Contains(usages, hidden) {
			t.Errorf("help shows %q", hidden)
		}
	}
	for _, shown := range []string{"-d, --detach ", "--detach-keys string", "-h, --hostname string", "--help ", "--rootfs", "--time-offset"} {
		if !strings.Contains(usages, shown) {
			t.Errorf("help lacks %q", shown)
		}
	}
}

func TestNothingGiven(t *testing.T) {
	f, r, err := parse("img")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&oci.Request{Image: "img"}, r); diff != "" {
		t.Errorf("a request without flags (-want +got):\n%s", diff)
	}
	want := Attached{Out: true, Err: true, SigProxy: true}
	if got := f.Attachments(r); got != want {
		t.Errorf("attached: %+v, want %+v", got, want)
	}
}

func TestParsingStopsAtImage(t *testing.T) {
	_, r, err := parse("-i", "img", "sh", "-t", "--memory", "x")
	if err != nil {
		t.Fatal(err)
	}
	want := &oci.Request{Image: "img", Command: []string{"sh", "-t", "--memory", "x"}, Interactive: true}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCommandFlags(t *testing.T) {
	f, r, err := parse("--name", "n", "--cidfile=c", "--rm", "-q", "--explain", "--trace=f.json", "--sig-proxy=false", "-it", "-a", "STDOUT", "img")
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "n" || f.CIDFile != "c" || !f.Remove || !f.Quiet || !f.Explain || !f.Trace || f.TraceFile != "f.json" {
		t.Errorf("%+v", f)
	}
	want := Attached{In: true, Out: true, TTY: true}
	if got := f.Attachments(r); got != want {
		t.Errorf("attached: %+v, want %+v", got, want)
	}
	f, r, err = parse("--trace", "img")
	if err != nil || !f.Trace || f.TraceFile != "" || r.Image != "img" {
		t.Errorf("--trace img: %v, file %q, %+v, %v", f.Trace, f.TraceFile, r, err)
	}
}

func TestArgs(t *testing.T) {
	for _, c := range []struct {
		args []string
		bad  string
	}{
		{[]string{"img"}, ""},
		{[]string{"--rootfs", "/srv/root"}, ""},
		{[]string{"-it"}, "'run' requires at least 1 argument"},
	} {
		command := &cobra.Command{Use: "run [OPTIONS] IMAGE"}
		f := Add(command.Flags(), true)
		if err := command.ParseFlags(c.args); err != nil {
			t.Fatal(err)
		}
		err := f.Args(command, command.Flags().Args())
		if (err == nil) != (c.bad == "") || err != nil && !strings.HasPrefix(err.Error(), c.bad) {
			t.Errorf("%q: %v, want %q", c.args, err, c.bad)
		}
	}
}

// A cobra command adds -h for help unless it finds help declared.
func TestHelpLeavesHostname(t *testing.T) {
	command := &cobra.Command{Use: "run", Run: func(*cobra.Command, []string) {}}
	f := Add(command.Flags(), true)
	command.SetArgs([]string{"-h", "box", "img"})
	if err := command.Execute(); err != nil {
		t.Fatal(err)
	}
	if f.req.Hostname != "box" {
		t.Errorf("hostname %q", f.req.Hostname)
	}
}

func TestUnsupported(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // the error; empty: accepted
	}{
		{[]string{"-p", "80:80"}, "--publish is not supported yet"},
		{[]string{"-P"}, "--publish-all is not supported yet"},
		{[]string{"--restart", "no"}, ""},
		{[]string{"--restart", "always"}, "--restart is not supported yet"},
		{[]string{"--health-interval", "0s", "--health-cmd", "", "--health-retries=0"}, ""},
		{[]string{"--health-cmd", "true"}, "--health-cmd is not supported yet"},
		{[]string{"--no-healthcheck"}, ""},
		{[]string{"--storage-opt", "size=1g"}, "--storage-opt is not supported yet"},
		{[]string{"--disable-content-trust"}, ""},
		{[]string{"--disable-content-trust=false"}, "--disable-content-trust is not supported yet"},
		{[]string{"--gpus", "all"}, "--gpus is not supported yet"},
		{[]string{"--pull", "never"}, ""},
		{[]string{"--pull", "always"}, ""},
		{[]string{"--platform", "linux/s390x"}, "--platform: linux/s390x is not this machine's platform"},
		{[]string{"--network", "mine"}, "--network: network mine not found"},
		{[]string{"--network", "name=bridge,alias=x"}, "--network: alias= is not supported yet"},
		{[]string{"--network", "bridge", "--network", "none"}, "--network: more than one network is not supported yet"},
		{[]string{"-v", "data:/data"}, "--volume: named volumes are not supported yet: give a host path"},
		{[]string{"-v", "/data"}, "--volume: anonymous volumes are not supported yet: give a host path"},
		{[]string{"--mount", "type=volume,src=v,dst=/v"}, "--mount: mounts of type volume are not supported yet"},
		{[]string{"--mount", "dst=/v"}, "--mount: mounts of type volume are not supported yet"},
		{[]string{"--security-opt", "apparmor=mine"}, "--security-opt: apparmor=mine is not supported yet"},
		{[]string{"--security-opt", "label=type:svirt_t"}, "--security-opt: label=type:svirt_t is not supported yet"},
		{[]string{"--device", "vendor.com/gpu=all"}, "--device: vendor.com/gpu=all: CDI devices are not supported yet"},
	} {
		_, _, err := parse(append(c.args, "img")...)
		var unsupported *UnsupportedError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: %v", c.args, err)
		case c.want != "" && (!errors.As(err, &unsupported) || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%q: %v, want %s", c.args, err, c.want)
		}
	}
}

// Every refused flag is refused, and its harmless values are not.
func TestRefusals(t *testing.T) {
	for _, r := range refusals() {
		arg := "--" + r.name + "=8"
		if r.kind == "bool" {
			arg = "--" + r.name + "=true"
			if r.harmless[0] == "true" {
				arg = "--" + r.name + "=false"
			}
		}
		_, _, err := parse(arg, "img")
		var unsupported *UnsupportedError
		if !errors.As(err, &unsupported) || unsupported.Flag != r.name {
			t.Errorf("%s: %v", arg, err)
		}
		for _, v := range r.harmless {
			if _, _, err := parse("--"+r.name+"="+v, "img"); err != nil {
				t.Errorf("--%s=%s: %v", r.name, v, err)
			}
		}
	}
}
