package bundle

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// checkTerminal refuses what would have a terminal that nobody gets, and the
// other way round.
func (m *making) checkTerminal() error {
	return m.IO.check(m.spec.Process != nil && m.spec.Process.Terminal)
}

func (o IO) check(terminal bool) error {
	switch {
	case terminal && o.ConsoleSocket == "" && o.TakeConsole == nil:
		return errors.New("cannot allocate tty if the caller will detach without setting console socket")
	case !terminal && o.ConsoleSocket != "":
		return errors.New("cannot use console socket if the process has no terminal")
	}
	return nil
}

// console gives the terminal's master away.
func (o IO) console(master *os.File) error {
	switch {
	case master == nil:
		return nil
	case o.ConsoleSocket == "":
		o.TakeConsole(master)
		return nil
	}
	defer master.Close()
	if err := sendConsole(o.ConsoleSocket, master); err != nil {
		return fmt.Errorf("console socket: %w", err)
	}
	return nil
}

// sendConsole sends a terminal's master to a Unix socket, with a name, as the
// runtimes have agreed on: SCM_RIGHTS of unix(7).
func sendConsole(path string, master *os.File) error {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, _, err = conn.WriteMsgUnix([]byte("/dev/ptmx"), syscall.UnixRights(int(master.Fd())), nil)
	return err
}
