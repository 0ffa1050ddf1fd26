package importer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mydocker/internal/ocispec"
)

// healthcheck reads "NONE", or "[--interval=30s ...] CMD command".
func healthcheck(c *ocispec.ImageConfig, rest string) error {
	var h ocispec.Healthcheck
	for strings.HasPrefix(rest, "--") {
		flag, after, _ := strings.Cut(rest, " ")
		if err := healthFlag(&h, flag); err != nil {
			return err
		}
		rest = strings.TrimLeft(after, " \t")
	}
	kind, line, _ := strings.Cut(rest, " ")
	line = strings.TrimSpace(line)
	switch kind = strings.ToUpper(kind); {
	case kind == "NONE" && line == "":
		h = ocispec.Healthcheck{Test: []string{"NONE"}}
	case kind == "CMD" && line != "":
		h.Test = healthTest(line)
	default:
		return errors.New("write NONE, or CMD and a command")
	}
	if len(h.Test) < 2 && kind == "CMD" {
		return errors.New("the command is empty")
	}
	c.Healthcheck = &h
	return nil
}

func healthTest(line string) []string {
	if list, ok := jsonWords(line); ok {
		return append([]string{"CMD"}, list...)
	}
	return []string{"CMD-SHELL", line}
}

// healthFlag reads "--name=value"; times are at least a millisecond, as Docker has it.
func healthFlag(h *ocispec.Healthcheck, flag string) error {
	name, value, _ := strings.Cut(flag, "=")
	times := map[string]*time.Duration{
		"--interval": &h.Interval, "--timeout": &h.Timeout, "--start-period": &h.StartPeriod, "--start-interval": &h.StartInterval,
	}
	if to := times[name]; to != nil {
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 || d > 0 && d < time.Millisecond {
			return fmt.Errorf("%s: %q is no time of a millisecond or more", name, value)
		}
		*to = d
		return nil
	}
	if name != "--retries" {
		return fmt.Errorf("%s is not supported, use --interval, --timeout, --start-period, --start-interval or --retries", name)
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 0 {
		return fmt.Errorf("--retries: %q is no number of 0 or more", value)
	}
	h.Retries = int(n)
	return nil
}
