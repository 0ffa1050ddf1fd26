package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// patience is how long systemd may take for a job.
const patience = 30 * time.Second

// A conn is a connection to a systemd.
type conn struct {
	*systemd.Conn
	ctx  context.Context
	done context.CancelFunc
}

// connect connects to the system's systemd, or to the user's. Under load its
// socket may be full (EAGAIN); then it is tried again for some seconds.
func connect(user bool) (*conn, error) {
	ctx, done := context.WithTimeout(context.Background(), patience)
	dial := func() (*systemd.Conn, error) { return systemd.NewWithContext(ctx) }
	if user {
		dial = func() (*systemd.Conn, error) {
			return systemd.NewConnection(func() (*dbus.Conn, error) { return userBus(ctx) })
		}
	}
	wait := 50 * time.Millisecond
	for {
		c, err := dial()
		if err == nil {
			return &conn{c, ctx, done}, nil
		}
		if !errors.Is(err, syscall.EAGAIN) || ctx.Err() != nil || wait > 5*time.Second {
			done()
			return nil, fmt.Errorf("connect to systemd: %w", err)
		}
		time.Sleep(wait)
		wait *= 2
	}
}

// userBus connects to the bus of the user's session, as it is named by the
// environment. It starts none.
func userBus(ctx context.Context) (*dbus.Conn, error) {
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if dir := os.Getenv("XDG_RUNTIME_DIR"); address == "" && dir != "" {
		address = "unix:path=" + dbus.EscapeBusAddressValue(filepath.Join(dir, "bus"))
	}
	if address == "" {
		return nil, errors.New("no bus of the user: DBUS_SESSION_BUS_ADDRESS and XDG_RUNTIME_DIR are not set; is dbus-user-session installed?")
	}
	c, err := dbus.Dial(address, dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	err = c.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(outerUser()))})
	if err == nil {
		err = c.Hello()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// outerUser returns the user as the bus sees it: in a user namespace, root is
// somebody else outside.
func outerUser() int {
	uid := os.Geteuid()
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return uid
	}
	for line := range strings.Lines(string(b)) {
		var inside, outside, count int
		if n, _ := fmt.Sscan(line, &inside, &outside, &count); n == 3 && uid >= inside && uid-inside < count {
			return uid - inside + outside
		}
	}
	return uid
}

func (c *conn) close() {
	c.done()
	c.Close()
}

// known leaves out the properties that this systemd has not.
func (c *conn) known(p []Property) ([]Property, error) {
	if !slices.ContainsFunc(p, func(p Property) bool { return p.Since > 0 }) {
		return p, nil
	}
	text, err := c.manager("Version")
	if err != nil {
		return nil, err
	}
	version := versionOf(text)
	return slices.DeleteFunc(slices.Clone(p), func(p Property) bool { return p.Since > version }), nil
}

// versionOf reads "252.38-1~deb12u1"; 0 is none.
func versionOf(text string) (n int) {
	for _, r := range strings.TrimPrefix(text, "v") {
		if r < '0' || r > '9' {
			break
		}
		n = 10*n + int(r-'0')
	}
	return n
}

// manager returns a property of systemd itself.
func (c *conn) manager(name string) (string, error) {
	text, err := c.GetManagerProperty(name)
	if err != nil {
		return "", err
	}
	return strconv.Unquote(text)
}

// values are properties as the bus takes them.
func values(p []Property) ([]systemd.Property, error) {
	out := make([]systemd.Property, len(p))
	for i, one := range p {
		v := one.value
		if v.Value() == nil { // from a journal
			var err error
			if v, err = parse(one.Text); err != nil {
				return nil, fmt.Errorf("property %s: %w", one.Name, err)
			}
		}
		out[i] = systemd.Property{Name: one.Name, Value: v}
	}
	return out, nil
}

func (c *conn) start(name string, p []Property) error {
	v, err := values(p)
	if err != nil {
		return err
	}
	result := make(chan string, 1)
	if _, err := c.StartTransientUnitContext(c.ctx, name, "replace", v, result); err != nil {
		return err
	}
	if err := c.wait(result); err != nil {
		c.reset(name)
		return err
	}
	return nil
}

func (c *conn) stop(name string) error {
	result := make(chan string, 1)
	if _, err := c.StopUnitContext(c.ctx, name, "replace", result); err != nil {
		return err
	}
	return c.wait(result)
}

// wait waits for the end of a job.
func (c *conn) wait(result <-chan string) error {
	select {
	case r := <-result:
		if r != "done" {
			return fmt.Errorf("systemd says %s", r)
		}
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

func (c *conn) set(name string, p []Property) error {
	v, err := values(p)
	if err != nil {
		return err
	}
	return c.SetUnitPropertiesContext(c.ctx, name, true, v...)
}

// reset forgets that a unit has failed, if it has.
func (c *conn) reset(name string) { c.ResetFailedUnitContext(c.ctx, name) }

// isError tells an error of systemd by the end of its name.
func isError(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && strings.HasSuffix(e.Name, "."+name)
}
