package engine

import (
	"debug/elf"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"mydocker/plan"
	starter "mydocker/runtime"
	"mydocker/runtime/process"
	"mydocker/runtime/rootfs"
)

// A StartError tells why a container did not start. Its exit code is Docker's:
// 125 for the engine, 126 for a command that cannot be executed, 127 for one
// that is not there.
type StartError struct {
	What string // what was tried, in a few words
	Step string // the step as a command, where What does not tell it, or empty
	Why  string // a likely reason, or empty
	Hint string // what to do, or empty
	Code int
	Err  error
}

func (e *StartError) Error() string {
	s := e.What
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Why != "" {
		s += ": " + e.Why
	}
	return s
}

func (e *StartError) Unwrap() error { return e.Err }

// diagnose turns a failed step into an error that teaches.
func diagnose(err error, v reader) error {
	var p *plan.Error
	if !errors.As(err, &p) {
		return err
	}
	if x, ok := p.Step.(process.Exec); ok {
		return diagnoseExec(x, p, v)
	}
	e := &StartError{What: initially(p) + what(p), Step: untold(p), Code: 125, Err: p.Err}
	e.Why, e.Hint = likely(p)
	return e
}

// initially says whose step it was.
func initially(p *plan.Error) string {
	if p.Part == plan.PartInit {
		return "container init: "
	}
	return ""
}

// untold is the step as a command, where the error does not tell it in words.
func untold(p *plan.Error) string {
	if _, tells := p.Step.(plan.Telling); tells || errors.Is(p.Err, starter.ErrSilent) {
		return ""
	}
	return p.Step.Shell()
}

// what names the step for people, and the call of the first process.
func what(p *plan.Error) string {
	var words []string
	if t, ok := p.Step.(plan.Telling); ok {
		words = append(words, t.Tells())
	}
	if p.Call != "" {
		words = append(words, p.Call)
	}
	switch {
	case len(words) > 0:
	case p.Part == plan.PartSpawn:
		return "starting the process"
	default:
		return fmt.Sprintf("step %T", p.Step)
	}
	return strings.Join(words, ": ")
}

// likely knows the usual reasons for what the kernel says.
func likely(p *plan.Error) (why, hint string) {
	_, overlay := p.Step.(rootfs.Overlay)
	_, mapped := p.Step.(rootfs.Mapped)
	switch {
	case mapped && errors.Is(p.Err, syscall.EINVAL):
		return "the file system of a layer cannot show the owners of a user namespace (idmapped mounts)",
			"ext4, XFS, Btrfs and tmpfs can, overlayfs and network file systems cannot: leave out --userns, or import the image"
	case errors.Is(p.Err, syscall.ENOSPC) && p.Part == plan.PartSpawn:
		return "a limit of namespaces is reached", "see /proc/sys/user/max_*_namespaces"
	case errors.Is(p.Err, syscall.ENOSPC):
		return "the disk is full", "free space under the engine's root directory, or move it with --root"
	case errors.Is(p.Err, syscall.ENODEV):
		return "the kernel lacks this file system or feature", "load its module, or use a newer kernel"
	case errors.Is(p.Err, syscall.ENOSYS):
		return "the kernel lacks this system call", since(p.Call)
	case overlay && errors.Is(p.Err, syscall.EINVAL):
		return "overlayfs refuses these directories", "the file system under the engine's root must support overlay upper directories (not overlayfs itself, nor NFS): move it with --root"
	case errors.Is(p.Err, syscall.EPERM):
		return "the kernel, or a security module, forbids it", "is this root with all capabilities, outside of another container?"
	case errors.Is(p.Err, syscall.EROFS):
		return "the file system is read-only", ""
	}
	return "", ""
}

// since tells when the kernel learned a call.
func since(call string) string {
	name, _, _ := strings.Cut(call, " ")
	versions := map[string]string{
		"fsopen": "5.2", "fsmount": "5.2", "fsconfig": "5.2", "move_mount": "5.2", "open_tree": "5.2",
		"clone3": "5.3", "openat2": "5.6", "close_range": "5.9", "mount_setattr": "5.12",
	}
	if v, ok := versions[name]; ok {
		return name + " exists since Linux " + v
	}
	return ""
}

// diagnoseExec tells why the command could not be started, with Docker's words
// and exit codes.
func diagnoseExec(x process.Exec, p *plan.Error, v reader) error {
	name := x.Args[0]
	e := &StartError{What: fmt.Sprintf("exec: %q", name), Code: 126, Err: p.Err}
	found := x.Candidates()
	if strings.Contains(name, "/") {
		found = []string{absolute(name, x.Dir)}
	}
	file := firstFile(v, found)
	switch {
	case file == "" && !strings.Contains(name, "/"):
		e.Code, e.Err, e.Why = 127, nil, "executable file not found in $PATH"
		e.Hint = nearNames(v, x, name)
	case file == "" && isDir(v, found[0]):
		e.Why = "is a directory"
	case file == "":
		e.Code, e.Err, e.Why = 127, nil, "no such file or directory"
	case errors.Is(p.Err, syscall.ENOENT):
		missingInterpreter(e, v, file)
	case errors.Is(p.Err, syscall.EACCES):
		e.Hint = "the file is not executable for this user, or its file system is mounted noexec: chmod +x " + file + " in the image, or name its interpreter as the command"
	case errors.Is(p.Err, syscall.ENOEXEC):
		wrongFormat(e, v, file)
	}
	return e
}

func isDir(v reader, name string) bool {
	st, err := v.stat(name)
	return err == nil && st.IsDir()
}

func absolute(name, dir string) string {
	if path.IsAbs(name) {
		return name
	}
	return path.Join(dir, name)
}

// firstFile returns the first path that leads to something other than a
// directory, or nothing.
func firstFile(v reader, paths []string) string {
	for _, p := range paths {
		if st, err := v.stat(p); err == nil && !st.IsDir() {
			return p
		}
	}
	return ""
}

// missingInterpreter explains a program that is there and still "not found":
// its interpreter is not.
func missingInterpreter(e *StartError, v reader, file string) {
	e.Code = 127
	interp, _, err := interpreter(v, file)
	if err != nil || interp == "" {
		return
	}
	e.Why = fmt.Sprintf("the file is there, but its interpreter %s is not in the image", interp)
	e.Hint = "install the interpreter in the image, or use a statically linked program"
	if strings.HasSuffix(interp, "\r") {
		e.Why = fmt.Sprintf("the first line of %s ends in a carriage return, so the kernel looks for %q", file, interp)
		e.Hint = "save the script with Unix line ends"
	}
}

// wrongFormat explains a file that the kernel cannot execute.
func wrongFormat(e *StartError, v reader, file string) {
	_, machine, err := interpreter(v, file)
	if err != nil {
		e.Hint = file + " is no ELF program and has no #! line: name its interpreter as the command"
		return
	}
	if machine != 0 {
		e.Why = fmt.Sprintf("%s is for %s, this machine is %s", file, machineName(machine), runtime.GOARCH)
		e.Hint = "use an image for this architecture"
	}
}

func machineName(m elf.Machine) string {
	switch m {
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_AARCH64:
		return "arm64"
	}
	return strings.ToLower(strings.TrimPrefix(m.String(), "EM_"))
}

// nearNames hints at commands with similar names.
func nearNames(v reader, x process.Exec, name string) string {
	var near []string
	for _, c := range x.Candidates() {
		for _, n := range v.names(path.Dir(c)) {
			if n != name && close(n, name) && !slices.Contains(near, n) {
				near = append(near, n)
			}
		}
	}
	slices.Sort(near)
	if len(near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(near[:min(len(near), 3)], ", ") + "?"
}

// close tells whether one edit, or the swap of two neighbours, makes a of b.
func close(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 0:
		return a[min(i+1, len(a)):] == b[min(i+1, len(b)):] ||
			i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	case 1:
		return a[i:] == b[i+1:]
	}
	return false
}
