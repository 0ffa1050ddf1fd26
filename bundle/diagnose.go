package bundle

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
	"mydocker/runtime"
	"mydocker/runtime/mount"
	"mydocker/runtime/namespace"
	"mydocker/runtime/process"
)

// diagnose turns a failed step into an error in the words that engines look
// for.
func diagnose(err error, spec *specs.Spec) error { return diagnoseProcess(err, spec.Process) }

func diagnoseProcess(err error, p *specs.Process) error {
	var step *plan.Error
	if !errors.As(err, &step) {
		return err
	}
	switch step.Step.(type) {
	case process.Exec, process.Hold:
		if strings.HasPrefix(step.Call, "execve ") {
			return unable(execError(step.Err, p.Args[0]))
		}
	}
	if why := reason(step); why != "" {
		err = fmt.Errorf("%w: %s", err, why)
	}
	if step.Part == plan.PartInit && step.Call != "" {
		err = fmt.Errorf("error during container init: %w", err)
	}
	return unable(err)
}

// unable begins with what other runtimes say.
func unable(err error) error {
	return fmt.Errorf("unable to start container process: %w", err)
}

// reason knows why the kernel usually says so, where that is not plain.
func reason(e *plan.Error) string {
	denied := errors.Is(e.Err, syscall.EPERM) || errors.Is(e.Err, syscall.EACCES)
	switch e.Step.(type) {
	case process.Rlimit:
		if denied {
			return "the caller's own hard limit is lower, and it has no CAP_SYS_RESOURCE"
		}
	case process.OOMScoreAdj:
		if denied {
			return "the caller's own is higher, and it has no CAP_SYS_RESOURCE"
		}
	case namespace.Sysctl:
		if errors.Is(e.Err, syscall.ENOENT) {
			return "the kernel has no such key, or not in a namespace of the container"
		}
	case mount.Filesystem:
		if errors.Is(e.Err, syscall.ENODEV) {
			return "the kernel does not know this type of file system"
		}
	}
	if errors.Is(e.Err, syscall.ENOSYS) && e.Call != "" {
		return "the kernel does not have this system call"
	}
	return ""
}

// diagnoseExec is for what execve(2) itself said, after the start.
func diagnoseExec(err error, spec *specs.Spec) error {
	var e syscall.Errno
	switch {
	case errors.As(err, &e) && err == error(e):
		return unable(execError(e, spec.Process.Args[0]))
	case errors.Is(err, runtime.ErrSilent):
		return unable(err)
	}
	return err
}

// execError says why a program cannot be executed, as os/exec does: engines make
// exit codes of these words.
func execError(err error, name string) error {
	switch {
	case !errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("exec: %q: %w", name, err)
	case strings.Contains(name, "/"):
		return fmt.Errorf("exec: %q: stat %s: %w", name, name, err)
	}
	return fmt.Errorf("exec: %q: executable file not found in $PATH", name)
}
