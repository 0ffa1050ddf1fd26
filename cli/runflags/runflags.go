// Package runflags reads the flags of run and create into an [oci.Request]:
// Docker's names, shorthands, value syntax and error texts, and our own
// --explain, --trace, --rootfs and --time-offset.
//
// What a value alone can tell is checked while flags are parsed, and reads as
// pflag's `invalid argument "x" for "--cpus" flag: ...`. What needs a file,
// the environment or a second flag is checked by [Flags.Request].
package runflags

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mydocker/oci"
)

// Flags are the flags of one command line. Exported fields are those that say
// how the command behaves; what describes the container is in the request.
type Flags struct {
	Name    string // --name, empty: to be generated
	CIDFile string // --cidfile
	Remove  bool   // --rm
	Quiet   bool   // -q
	Pull    string // --pull: PullAlways, PullMissing or PullNever
	Explain bool   // --explain

	Detach     bool   // -d
	DetachKeys string // --detach-keys, empty: the default

	// Trace is set by --trace, with or without a file; TraceFile is empty
	// when the trace goes to standard error.
	Trace     bool
	TraceFile string

	// Platform is --platform: that of this machine, or empty.
	Platform string

	// HostSecretsVisible is set by Request from --security-opt
	// hostsecrets=visible.
	HostSecretsVisible bool

	req oci.Request // filled in as flags are parsed, completed by Request

	attach     []string // "stdin", "stdout", "stderr"
	sigProxy   bool
	env        []string
	envFiles   []string
	labels     []string
	labelFiles []string
	devices    []string
	security   []string
	networks   []string
	ulimits    []oci.Ulimit
	mounts     []mountFlag
	rootfs     string
	swappiness int64 // -1: not given
	runtime    string

	refused []*UnsupportedError
}

// Environment is what a request takes from outside the command line.
type Environment struct {
	LookupEnv func(name string) (value string, ok bool)
	ReadFile  func(path string) ([]byte, error)
	Getwd     func() (string, error)
	Stat      func(path string) (fs.FileInfo, error)
	NumCPU    int // the most that --cpus may ask for; 0: not known
}

// OS is the environment of this process.
func OS() Environment {
	return Environment{LookupEnv: os.LookupEnv, ReadFile: os.ReadFile, Getwd: os.Getwd, Stat: os.Stat, NumCPU: runtime.NumCPU()}
}

// Add declares the flags of run, or of create, in fs, and makes parsing stop
// at the first argument: IMAGE. It declares --help too, because its usual
// shorthand -h is --hostname here.
func Add(fs *pflag.FlagSet, run bool) *Flags {
	f := &Flags{swappiness: -1, Pull: PullMissing, sigProxy: run}
	fs.SetInterspersed(false)
	fs.Bool("help", false, "Print usage")
	f.addCommand(fs)
	f.addProcess(fs)
	f.addIdentity(fs)
	f.addNamespaces(fs)
	f.addNetwork(fs)
	f.addStorage(fs)
	f.addSecurity(fs)
	f.addCPU(fs)
	f.addMemory(fs)
	f.addBlockIO(fs)
	if run {
		fs.BoolVar(&f.sigProxy, "sig-proxy", true, "Proxy received signals to the process")
		fs.BoolVarP(&f.Detach, "detach", "d", false, "Run container in background and print container ID")
		fs.StringVar(&f.DetachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
		f.addTrace(fs)
	}
	f.addRefused(fs)
	return f
}

// Args checks the number of arguments: at least IMAGE, or none with --rootfs.
func (f *Flags) Args(c *cobra.Command, args []string) error {
	if len(args) > 0 || f.rootfs != "" {
		return nil
	}
	return fmt.Errorf("'%s' requires at least 1 argument\n\nUsage:  %s\n\nRun '%s --help' for more information", c.CommandPath(), c.UseLine(), c.CommandPath())
}

// Attached says which of the user's streams a container started in the
// foreground gets.
type Attached struct {
	In, Out, Err bool
	TTY          bool // one terminal instead of three streams
	SigProxy     bool // signals of the command go to the container
}

// Attachments returns the streams for r: none with -d, else those named with
// -a, or output and errors when none is, and input with -i.
func (f *Flags) Attachments(r *oci.Request) Attached {
	if f.Detach {
		return Attached{TTY: r.TTY}
	}
	named := func(s string) bool { return slices.Contains(f.attach, s) }
	all := len(f.attach) == 0
	return Attached{
		In:       r.Interactive || named("stdin"),
		Out:      all || named("stdout"),
		Err:      all || named("stderr"),
		TTY:      r.TTY,
		SigProxy: f.sigProxy,
	}
}
