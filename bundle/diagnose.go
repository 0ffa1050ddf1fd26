package bundle

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/plan"
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
			return execError(step.Err, p.Args[0])
		}
	}
	return fmt.Errorf("%w (step: %s)", err, firstLine(step.Step.Shell()))
}

// diagnoseExec is for what execve(2) itself said, after the start.
func diagnoseExec(err error, spec *specs.Spec) error {
	var e syscall.Errno
	if errors.As(err, &e) && err == error(e) {
		return execError(e, spec.Process.Args[0])
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

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
