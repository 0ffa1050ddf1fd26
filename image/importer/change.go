package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/signal"

	"mydocker/internal/ocispec"
)

// Apply changes a configuration as one line of a Dockerfile does: CMD,
// ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER,
// VOLUME or WORKDIR. Words may be quoted, and $NAME stands for what an earlier ENV
// set, as in Dockerfiles.
func Apply(c *ocispec.ImageConfig, line string) error {
	line = strings.TrimSpace(line)
	name, rest := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		name, rest = line[:i], strings.TrimSpace(line[i:])
	}
	name = strings.ToUpper(name)
	do, ok := instructions()[name]
	if !ok {
		return fmt.Errorf("change %q: %s is not supported, use CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME or WORKDIR", line, name)
	}
	if rest == "" {
		return fmt.Errorf("change %q: %s requires at least one argument", line, name)
	}
	if err := do(c, rest); err != nil {
		return fmt.Errorf("change %q: %w", line, err)
	}
	return nil
}

func instructions() map[string]func(c *ocispec.ImageConfig, rest string) error {
	return map[string]func(c *ocispec.ImageConfig, rest string) error{
		"CMD": func(c *ocispec.ImageConfig, rest string) error {
			c.Cmd = command(c, rest)
			return nil
		},
		"ENTRYPOINT": func(c *ocispec.ImageConfig, rest string) error {
			c.Entrypoint = command(c, rest)
			return nil
		},
		"ENV":         env,
		"EXPOSE":      expose,
		"HEALTHCHECK": healthcheck,
		"LABEL":       label,
		"ONBUILD":     onBuild,
		"SHELL":       shell,
		"STOPSIGNAL":  stopSignal,
		"USER": func(c *ocispec.ImageConfig, rest string) (err error) {
			c.User, err = oneWord(c, rest)
			return err
		},
		"VOLUME":  volume,
		"WORKDIR": workdir,
	}
}

// command is a JSON list of words, or a line for the shell.
func command(c *ocispec.ImageConfig, rest string) []string {
	if list, ok := jsonWords(rest); ok {
		return list
	}
	if len(c.Shell) > 0 {
		return append(slices.Clone(c.Shell), rest)
	}
	return []string{"/bin/sh", "-c", rest}
}

// shell is for the lines that come after it.
func shell(c *ocispec.ImageConfig, rest string) error {
	list, ok := jsonWords(rest)
	if !ok || len(list) == 0 {
		return errors.New(`a shell is a list: ["/bin/bash", "-c"]`)
	}
	c.Shell = list
	return nil
}

// onBuild keeps a line for later. The three that have no sense there are refused
// as by Docker.
func onBuild(c *ocispec.ImageConfig, rest string) error {
	name, _, _ := strings.Cut(rest, " ")
	switch name = strings.ToUpper(name); name {
	case "ONBUILD", "FROM", "MAINTAINER":
		return fmt.Errorf("%s is not allowed as an ONBUILD trigger", name)
	}
	c.OnBuild = append(c.OnBuild, rest)
	return nil
}

func jsonWords(rest string) ([]string, bool) {
	if !strings.HasPrefix(rest, "[") {
		return nil, false
	}
	list := []string{} // "CMD []" is an empty command, not none
	err := json.Unmarshal([]byte(rest), &list)
	return list, err == nil
}

func env(c *ocispec.ImageConfig, rest string) error {
	return pairs(c, rest, func(key, value string) { setEnv(c, key, value) })
}

func label(c *ocispec.ImageConfig, rest string) error {
	if c.Labels == nil {
		c.Labels = map[string]string{}
	}
	return pairs(c, rest, func(key, value string) { c.Labels[key] = value })
}

// setEnv replaces a variable at its place.
func setEnv(c *ocispec.ImageConfig, key, value string) {
	for i, kv := range c.Env {
		if strings.HasPrefix(kv, key+"=") {
			c.Env[i] = key + "=" + value
			return
		}
	}
	c.Env = append(c.Env, key+"="+value)
}

// pairs reads "k=v k2=v2", or the old form "k the rest of the line".
func pairs(c *ocispec.ImageConfig, rest string, set func(key, value string)) error {
	list, err := words(rest, lookup(c))
	if err != nil {
		return err
	}
	if !strings.Contains(list[0], "=") {
		key, value, ok := strings.Cut(rest, " ")
		if !ok {
			return fmt.Errorf("%s has no value, write %s=value", key, key)
		}
		list = []string{key + "=" + expand(strings.TrimSpace(value), lookup(c))}
	}
	for _, w := range list {
		key, value, ok := strings.Cut(w, "=")
		if !ok || key == "" {
			return fmt.Errorf("%q is not name=value", w)
		}
		set(key, value)
	}
	return nil
}

func expose(c *ocispec.ImageConfig, rest string) error {
	list, err := words(rest, lookup(c))
	if err != nil {
		return err
	}
	if c.ExposedPorts == nil {
		c.ExposedPorts = map[string]struct{}{}
	}
	for _, w := range list {
		ports, protocol, ok := strings.Cut(strings.ToLower(w), "/")
		if !ok {
			protocol = "tcp"
		}
		first, last, ok := strings.Cut(ports, "-")
		if !ok {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 16)
		to, err2 := strconv.ParseUint(last, 10, 16)
		if err != nil || err2 != nil || from > to || from == 0 || protocol != "tcp" && protocol != "udp" && protocol != "sctp" {
			return fmt.Errorf("%q is not port[-port][/tcp|udp|sctp]", w)
		}
		for p := from; p <= to; p++ {
			c.ExposedPorts[strconv.FormatUint(p, 10)+"/"+protocol] = struct{}{}
		}
	}
	return nil
}

func stopSignal(c *ocispec.ImageConfig, rest string) error {
	word, err := oneWord(c, rest)
	if err != nil {
		return err
	}
	if _, err := signal.ParseSignal(word); err != nil {
		return err
	}
	c.StopSignal = word
	return nil
}

func volume(c *ocispec.ImageConfig, rest string) error {
	list, ok := jsonWords(rest)
	if !ok {
		var err error
		if list, err = words(rest, lookup(c)); err != nil {
			return err
		}
	}
	if c.Volumes == nil {
		c.Volumes = map[string]struct{}{}
	}
	for _, w := range list {
		if strings.TrimSpace(w) == "" {
			return errors.New("a volume is a path, not empty")
		}
		c.Volumes[w] = struct{}{}
	}
	return nil
}

// workdir of a relative path goes on from the one before.
func workdir(c *ocispec.ImageConfig, rest string) error {
	list, err := words(rest, lookup(c))
	if err != nil {
		return err
	}
	word := strings.Join(list, " ") // the rest of the line is one path
	if word == "" {
		return errors.New("a path is needed")
	}
	if !path.IsAbs(word) {
		word = path.Join("/", c.WorkingDir, word)
	}
	c.WorkingDir = path.Clean(word)
	return nil
}

func oneWord(c *ocispec.ImageConfig, rest string) (string, error) {
	list, err := words(rest, lookup(c))
	if err != nil {
		return "", err
	}
	if len(list) != 1 {
		return "", fmt.Errorf("one argument is needed, not %d", len(list))
	}
	return list[0], nil
}
