package cli

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	goruntime "runtime"
	"syscall"

	"mydocker/cli/runflags"
	"mydocker/engine"
	"mydocker/image"
	"mydocker/oci"
	"mydocker/reference"
)

// completed is a name with what it leaves out: "alpine:latest".
func completed(name string) string {
	ref, err := reference.Parse(name)
	if err != nil {
		return name
	}
	return ref.Familiar()
}

// isMissing tells an image that is not here, and that a registry may have.
func isMissing(err error) bool {
	var missing *image.NotFoundError
	if !errors.As(err, &missing) {
		return false
	}
	_, perr := reference.Parse(missing.Ref)
	return perr == nil
}

// pullFirst pulls an image that is here, perhaps: always, or where it is another
// platform's than what was asked for.
func (a *app) pullFirst(e *engine.Engine, f *runflags.Flags, r *oci.Request) error {
	if r.Rootfs != "" || f.Pull != runflags.PullAlways && f.Platform == "" {
		return nil
	}
	img, err := e.Images.Resolve(r.Image)
	switch {
	case img.Host || err != nil && !isMissing(err):
		return nil // Create says what there is to say
	case f.Pull == runflags.PullAlways:
		return a.pull(f, r.Image)
	case err != nil || img.Config.Architecture == "" || img.Config.OS == goruntime.GOOS && img.Config.Architecture == goruntime.GOARCH:
		return nil
	case f.Pull == runflags.PullNever:
		return fmt.Errorf("image with reference %s was found but does not match the specified platform: wanted %s/%s, actual: %s/%s",
			completed(r.Image), goruntime.GOOS, goruntime.GOARCH, img.Config.OS, img.Config.Architecture)
	}
	fmt.Fprintf(a.Err, "Unable to find image '%s' locally\n", completed(r.Image))
	return a.pull(f, r.Image)
}

// pull has the other program pull an image. What it prints goes to standard
// error, so that the container's output is alone on the other. It said why it
// failed, if it did.
func (a *app) pull(f *runflags.Flags, name string) error {
	path, err := imageProgram()
	if err != nil {
		return err
	}
	args := []string{path, "--root", a.root, "--state", a.state, "pull"}
	if f.Quiet {
		args = append(args, "--quiet")
	}
	if f.Platform != "" {
		args = append(args, "--platform", f.Platform)
	}
	state, err := a.program(path, append(args, "--", completed(name)))
	if err != nil {
		return fmt.Errorf("execute %s: %w", path, beside(err))
	}
	if !state.Success() {
		return &exitError{code: 125}
	}
	return nil
}

// program executes another one of ours, and waits for it, also when it is told to
// end: it is the other that has to clear up.
func (a *app) program(path string, args []string) (*os.ProcessState, error) {
	stderr, ok := a.Err.(*os.File)
	if !ok {
		stderr = os.Stderr
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	// It ends with this process: with its thread, says prctl(2).
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	p, err := os.StartProcess(path, args, &os.ProcAttr{Env: os.Environ(), Files: []*os.File{null, stderr, stderr},
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}})
	if err != nil {
		return nil, err
	}
	done := make(chan bool)
	defer close(done)
	go func() {
		for {
			select {
			case s := <-signals:
				p.Signal(s) // a terminal's it has already, and a second does no harm
			case <-done:
				return
			}
		}
	}()
	return p.Wait()
}

// imageProgram is the path of the other program.
func imageProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(self), ImageProgram), nil
}

// beside says where the other program has to be, if it is not there.
func beside(err error) error {
	if errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("%w: the program %s has to be in the same directory as mydocker", err, ImageProgram)
	}
	return err
}
