package runflags

import (
	"github.com/spf13/pflag"

	"mydocker/oci"
)

// ExecFlags are the flags of exec. Exported fields are those that say how the
// command behaves.
type ExecFlags struct {
	Detach      bool
	DetachKeys  string
	Interactive bool
	Explain     bool

	// Trace is set by --trace; TraceFile is empty when the trace goes to
	// standard error.
	Trace     bool
	TraceFile string

	req      oci.ExecRequest
	env      []string
	envFiles []string
}

// AddExec declares the flags of exec in fs, and makes parsing stop at the first
// argument: CONTAINER.
func AddExec(fs *pflag.FlagSet) *ExecFlags {
	f := &ExecFlags{}
	fs.SetInterspersed(false)
	fs.BoolVarP(&f.Detach, "detach", "d", false, "Detached mode: run command in the background")
	fs.StringVar(&f.DetachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	fs.VarP(list(&f.env, checkEnv), "env", "e", "Set environment variables")
	fs.Var(list(&f.envFiles, nil), "env-file", "Read in a file of environment variables")
	fs.BoolVarP(&f.Interactive, "interactive", "i", false, "Keep STDIN open even if not attached")
	fs.BoolVar(&f.req.Privileged, "privileged", false, "Give extended privileges to the command")
	fs.BoolVarP(&f.req.TTY, "tty", "t", false, "Allocate a pseudo-TTY")
	fs.StringVarP(&f.req.User, "user", "u", "", "Username or UID (format: <name|uid>[:<group|gid>])")
	fs.StringVarP(&f.req.WorkingDir, "workdir", "w", "", "Working directory inside the container")
	fs.BoolVar(&f.Explain, "explain", false, "Print the plan as a shell script and do nothing")
	fs.Var(traceValue(&f.Trace, &f.TraceFile), "trace", "Print what each step took, or write a Chrome trace to a file")
	fs.Lookup("trace").NoOptDefVal = traceTable
	return f
}

// Request returns the process that the flags and the command ask for.
func (f *ExecFlags) Request(env Environment, command []string) (oci.ExecRequest, error) {
	r := f.req
	r.Args = command
	for _, name := range f.envFiles {
		lines, err := readKeyValues(env, name, env.LookupEnv)
		if err != nil {
			return r, err
		}
		r.Env = append(r.Env, lines...)
	}
	for _, e := range f.env {
		r.Env = append(r.Env, resolveEnv(e, env.LookupEnv))
	}
	return r, nil
}
