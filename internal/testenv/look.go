package testenv

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// mounts lists the mounts of the process's namespace: where, what, options.
func mounts() ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var list []string
	for line := range strings.Lines(string(data)) {
		// The first two numbers, mount and parent, tell nothing to a reader,
		// but a mount replaced by an equal one has others.
		list = append(list, strings.TrimSuffix(line, "\n"))
	}
	return list, nil
}

// interfaces lists those of the calling thread's network namespace with their
// addresses.
func interfaces() ([]string, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var list []string
	for _, l := range links {
		addrs, err := l.Addrs()
		if err != nil {
			continue // it went away meanwhile
		}
		list = append(list, fmt.Sprintf("%s (index %d) %v", l.Name, l.Index, addrs))
	}
	return list, nil
}

// nftables lists the rules, each with its table and chain. Without root, or
// without the command nft, there is nothing that a test could change or see.
func nftables() ([]string, error) {
	nft, err := exec.LookPath("nft")
	if err != nil || os.Geteuid() != 0 {
		return nil, nil
	}
	out, err := exec.Command(nft, "--stateless", "list", "ruleset").Output()
	if err != nil {
		return nil, fmt.Errorf("nft list ruleset: %w", err)
	}
	var list, path []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "}":
			path = path[:max(len(path)-1, 0)]
		case strings.HasSuffix(line, " {"):
			path = append(path, strings.TrimSuffix(line, " {"))
			list = append(list, strings.Join(path, " / "))
		case line != "":
			list = append(list, strings.Join(path, " / ")+": "+line)
		}
	}
	return list, nil
}

// cgroups lists the control groups whose path has one of the parts.
func cgroups(parts []string) ([]string, error) {
	var list []string
	for _, top := range cgroupMounts() {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				return nil // removed meanwhile, or not ours
			}
			if err != nil {
				return err
			}
			below := strings.TrimPrefix(path, top)
			if below == "/mydocker-monitors" {
				return nil // made by the first container of all, and stays
			}
			if d.IsDir() && slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(below, p) }) {
				list = append(list, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// descriptors lists the open files of the test process. The Go runtime's own
// poller is left out: it is opened at first use.
func descriptors() ([]string, error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, n := range names {
		target, err := os.Readlink("/proc/self/fd/" + n)
		if err != nil || n == fmt.Sprint(dir.Fd()) {
			continue // closed meanwhile, or the list itself
		}
		if target != "anon_inode:[eventpoll]" && target != "anon_inode:[eventfd]" {
			list = append(list, n+" -> "+target)
		}
	}
	return list, nil
}

// files lists what is below the directories on the same filesystem as they;
// one that is not there has nothing.
func files(dirs []string) ([]string, error) {
	var list []string
	for _, top := range dirs {
		var dev uint64
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return nil // removed meanwhile
			}
			list = append(list, info.Mode().String()+" "+path)
			here := info.Sys().(*syscall.Stat_t).Dev
			if path == top {
				dev = here
			}
			if d.IsDir() && here != dev {
				return filepath.SkipDir
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}
