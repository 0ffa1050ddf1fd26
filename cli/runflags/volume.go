package runflags

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mydocker/internal/units"
	"mydocker/oci"
)

// completeBind makes the paths of m absolute and clean, and asks the host for
// the source, unless that is to be created.
func completeBind(env Environment, m oci.Mount) (oci.Mount, error) {
	if m.Source == "" {
		return m, mountError(m, errors.New("field Source must not be empty"))
	}
	if err := cleanTarget(&m); err != nil {
		return m, err
	}
	if m.Propagation != "" && !isPropagation(m.Propagation) {
		return m, mountError(m, fmt.Errorf("invalid propagation mode: %s", m.Propagation))
	}
	if !path.IsAbs(m.Source) && m.Source[0] != '.' {
		return m, mountError(m, notAbsolute(m.Source))
	}
	source, err := absolute(env, m.Source)
	if err != nil {
		return m, err
	}
	if m.Source = source; m.CreateSource {
		return m, nil
	}
	if _, err := env.Stat(source); errors.Is(err, fs.ErrNotExist) {
		return m, mountError(m, fmt.Errorf("bind source path does not exist: %s", source))
	}
	return m, nil
}

func cleanTarget(m *oci.Mount) error {
	if path.Clean(m.Target) == "/" {
		return mountError(*m, errors.New("invalid specification: destination can't be '/'"))
	}
	if !path.IsAbs(m.Target) {
		return mountError(*m, notAbsolute(m.Target))
	}
	m.Target = path.Clean(m.Target)
	return nil
}

func notAbsolute(p string) error {
	return fmt.Errorf("invalid mount path: '%s' mount path must be absolute", p)
}

func isPropagation(s string) bool {
	return slices.Contains([]string{"private", "rprivate", "shared", "rshared", "slave", "rslave"}, s)
}

// addVolume keeps a -v. Docker reads it only when all flags are known, and
// its errors do not name the flag.
func (f *Flags) addVolume(s string) error {
	f.mounts = append(f.mounts, func(env Environment) (oci.Mount, error) { return parseVolume(env, s) })
	return nil
}

// parseVolume reads SRC:DST[:OPTIONS]. SRC is absolute or starts with a dot.
func parseVolume(env Environment, s string) (oci.Mount, error) {
	m := oci.Mount{Type: "bind", CreateSource: true}
	if s == "" {
		return m, errors.New("invalid empty volume spec")
	}
	parts := strings.Split(s, ":")
	if slices.Contains(parts, "") {
		return m, fmt.Errorf("invalid spec: %s: empty section between colons", s)
	}
	switch len(parts) {
	case 1:
		return m, &UnsupportedError{"volume", "anonymous volumes are not supported yet: give a host path, SRC:" + s}
	case 2:
		// A mode where the target should be: there is no target.
		if setVolumeModes(&m, parts[1]) == nil {
			return m, fmt.Errorf("invalid volume specification: '%s'", s)
		}
	case 3:
		if err := setVolumeModes(&m, parts[2]); err != nil {
			return m, err
		}
	default:
		return m, fmt.Errorf("invalid spec: %s: too many colons", s)
	}
	m.Source, m.Target = parts[0], parts[1]
	if err := checkVolumeSource(m.Source); err != nil {
		return m, err
	}
	m, err := completeBind(env, m)
	if err != nil {
		err = fmt.Errorf("invalid volume specification: '%s': %w", s, err)
	}
	return m, err
}

// checkVolumeSource refuses what is no path of the host: a volume's name.
func checkVolumeSource(s string) error {
	if s[0] == '/' || s[0] == '.' {
		return nil
	}
	const chars = "[a-zA-Z0-9][a-zA-Z0-9_.-]"
	if ok, _ := regexp.MatchString("^"+chars+"*$", s); ok {
		return &UnsupportedError{"volume", fmt.Sprintf("named volumes are not supported yet: give a host path instead of %s, or ./%[1]s", s)}
	}
	return fmt.Errorf("create %s: %[1]q includes invalid characters for a local volume name, only %q are allowed. If you intended to pass a host directory, use absolute path", s, chars)
}

// setVolumeModes reads the options of -v: at most one of each kind. Those of
// SELinux and of Docker Desktop ask for nothing here.
func setVolumeModes(m *oci.Mount, modes string) error {
	seen := map[string]bool{}
	for _, o := range strings.Split(modes, ",") {
		kind := ""
		switch {
		case o == "ro" || o == "rw":
			kind, m.ReadOnly = "rw", o == "ro"
		case o == "z" || o == "Z":
			kind = "label"
		case isPropagation(o):
			kind, m.Propagation = "propagation", o
		case o == "consistent" || o == "cached" || o == "delegated":
			kind = "consistency"
		}
		// Also nocopy, which is of volumes, not of binds.
		if kind == "" || seen[kind] {
			return fmt.Errorf("invalid mode: %s", modes)
		}
		seen[kind] = true
	}
	return nil
}

// addTmpfs keeps a --tmpfs; see addVolume.
func (f *Flags) addTmpfs(s string) error {
	f.mounts = append(f.mounts, func(Environment) (oci.Mount, error) { return parseTmpfs(s) })
	return nil
}

// parseTmpfs reads DST[:OPTIONS]; see tmpfs(5) and mount(8).
func parseTmpfs(s string) (oci.Mount, error) {
	target, options, _ := strings.Cut(s, ":")
	m := oci.Mount{Type: "tmpfs", Target: target}
	if err := cleanTarget(&m); err != nil {
		return m, err
	}
	if options == "" {
		return m, nil
	}
	for _, o := range strings.Split(options, ",") {
		if !setTmpfsOption(&m, o) {
			return m, fmt.Errorf("invalid tmpfs option %q", o)
		}
	}
	return m, nil
}

// setTmpfsOption takes one option, and tells if there is such a one.
func setTmpfsOption(m *oci.Mount, o string) bool {
	key, val, has := strings.Cut(o, "=")
	if !has {
		return setTmpfsWord(m, o)
	}
	number := func(base, bits int) (uint64, bool) {
		n, err := strconv.ParseUint(val, base, bits)
		return n, err == nil
	}
	ok := val != ""
	switch key {
	case "size":
		if strings.HasSuffix(val, "%") { // of the machine's memory; the kernel reads it
			break
		}
		size, err := units.RAMInBytes(val)
		m.TmpfsSize = size
		return err == nil
	case "mode":
		mode, ok := number(8, 12)
		m.TmpfsMode = uint32(mode)
		return ok && mode != 0 // 0 stands for the default
	case "uid", "gid":
		_, ok = number(10, 32)
	case "nr_inodes", "nr_blocks":
		_, err := units.RAMInBytes(val) // the kernel has the same suffixes
		ok = err == nil
	case "mpol":
	default:
		return false
	}
	m.TmpfsOptions = append(m.TmpfsOptions, o)
	return ok
}

// setTmpfsWord takes an option without a value.
func setTmpfsWord(m *oci.Mount, o string) bool {
	switch o {
	case "defaults":
	case "ro", "rw":
		m.ReadOnly = o == "ro"
	case "exec", "noexec", "suid", "nosuid", "dev", "nodev",
		"sync", "async", "dirsync", "atime", "noatime", "diratime", "nodiratime",
		"relatime", "norelatime", "strictatime", "nostrictatime":
		m.TmpfsOptions = append(m.TmpfsOptions, o)
	default:
		return false
	}
	return true
}
