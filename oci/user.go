package oci

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/sys/user"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// maxUserFile limits the image's passwd and group files, in bytes. Beyond it,
// and beyond the length of a line, a file is refused, not cut off.
const maxUserFile = 8 << 20

// A userFile is one of them: the fields that are numbers, and how long a line
// the library takes.
type userFile struct {
	name    string
	numbers []int
	maxLine int
}

// maxGroups is the kernel's NGROUPS_MAX.
const maxGroups = 65536

// user sets the user and groups of the process: --user, or the image's USER,
// looked up in the image's own files. The primary group is a supplementary one
// too, or dropping it would gain access (CVE-2022-36109).
func (m *maker) user() error {
	word := m.r.User
	if word == "" {
		word = m.cfg.User
	}
	passwd, group, err := m.userFiles()
	if err != nil {
		return err
	}
	u, err := lookup(word, passwd, group)
	if err != nil {
		return err
	}
	more, err := lookupGroups(m.r.GroupAdd, group)
	if err != nil {
		return err
	}
	umask := uint32(0o022)
	m.s.Process.User = specs.User{UID: uint32(u.Uid), GID: uint32(u.Gid), Umask: &umask}
	if m.s.Process.User.AdditionalGids, err = gids(slices.Concat([]int{u.Gid}, u.Sgids, more)); err != nil {
		return err
	}
	m.home = u.Home
	return m.mapped()
}

// mapped checks that the IDs exist in the container's user namespace.
func (m *maker) mapped() error {
	if m.r.Userns != "private" {
		return nil
	}
	u := m.s.Process.User
	for _, id := range append([]uint32{u.UID, u.GID}, u.AdditionalGids...) {
		if id >= SubIDs {
			return fmt.Errorf("user or group %d is outside of the user namespace, which has %d IDs", id, SubIDs)
		}
	}
	return nil
}

func gids(all []int) ([]uint32, error) {
	var out []uint32
	seen := map[int]bool{}
	for _, g := range all {
		if !seen[g] {
			seen[g] = true
			out = append(out, uint32(g))
		}
	}
	if len(out) > maxGroups {
		return nil, fmt.Errorf("more than %d groups", maxGroups)
	}
	return out, nil
}

// lookup finds out what user[:group] means. Numbers are never looked up as
// names, and one out of range is an error (CVE-2024-40635).
func lookup(word string, passwd, group []byte) (*user.ExecUser, error) {
	name, grp, _ := strings.Cut(word, ":")
	for _, part := range []string{name, grp} {
		if err := checkID(part); err != nil {
			return nil, err
		}
	}
	u, err := user.GetExecUser(word, nil, bytes.NewReader(passwd), bytes.NewReader(group))
	if errors.Is(err, user.ErrRange) {
		return nil, fmt.Errorf("user %s: %w", word, err)
	}
	if err != nil {
		return nil, err
	}
	if u.Home == "" {
		u.Home = "/"
	}
	return u, nil
}

// checkID refuses what is neither a name nor a plain number: signs, which
// strconv would take, and what never is a field of these files.
func checkID(s string) error {
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == ':' || r == 0x7f }) {
		return fmt.Errorf("invalid user or group %q", s)
	}
	if s != "" && (s[0] == '+' || s[0] == '-') {
		if strings.Trim(s[1:], "0123456789") == "" {
			return fmt.Errorf("user or group %s: %w", s, user.ErrRange)
		}
		return fmt.Errorf("invalid user or group %q", s)
	}
	return nil
}

// lookupGroups finds out what each of --group-add means, in the order given.
func lookupGroups(names []string, group []byte) (all []int, err error) {
	for _, n := range names {
		if err := checkID(n); err != nil {
			return nil, err
		}
		found, err := user.GetAdditionalGroups([]string{n}, bytes.NewReader(group))
		if errors.Is(err, user.ErrRange) {
			return nil, fmt.Errorf("group %s: %w", n, err)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (m *maker) userFiles() (passwd, group []byte, err error) {
	passwd, err = m.readUserFile(userFile{"/etc/passwd", []int{2, 3}, 64<<10 - 1})
	if err != nil {
		return nil, nil, err
	}
	group, err = m.readUserFile(userFile{"/etc/group", []int{2}, 1<<20 - 1})
	return passwd, group, err
}

// readUserFile reads one of the image's files as far as it is well formed. A
// missing one is empty.
func (m *maker) readUserFile(u userFile) ([]byte, error) {
	if m.files == nil {
		return nil, nil
	}
	f, err := m.files.Open(u.name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err == nil {
		defer f.Close()
		var b []byte
		if b, err = u.read(f); err == nil {
			return b, nil
		}
	}
	return nil, fmt.Errorf("read the image's %s: %w", u.name, err)
}

func (u userFile) read(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxUserFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxUserFile {
		return nil, fmt.Errorf("larger than %d bytes", maxUserFile)
	}
	return u.wellFormed(b)
}

// wellFormed keeps the lines that have a name and, where numbers belong,
// numbers in range. The library reads a field that is no number, or is
// missing, as 0: a broken line would make its user root.
func (u userFile) wellFormed(b []byte) ([]byte, error) {
	var out bytes.Buffer
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		fields := bytes.Split(line, []byte(":"))
		broken := func(i int) bool { return i >= len(fields) || !isID(string(fields[i])) }
		if len(fields[0]) == 0 || line[0] == '#' || bytes.IndexByte(line, 0) >= 0 || slices.ContainsFunc(u.numbers, broken) {
			continue
		}
		if len(line) > u.maxLine {
			return nil, fmt.Errorf("a line is longer than %d bytes", u.maxLine)
		}
		out.Write(line)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// isID tells a plain decimal number from 0 to 2^31-1.
func isID(s string) bool {
	n, err := strconv.ParseUint(s, 10, 32)
	return err == nil && n <= 1<<31-1
}
