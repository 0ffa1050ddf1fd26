package runflags

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"mydocker/internal/units"
	"mydocker/oci"
)

// parseCPUs reads a decimal number or a fraction, and returns billionths.
func parseCPUs(s string) (int64, error) {
	// An exponent could ask for a number of any length.
	cpus, ok := new(big.Rat), len(s) < 64 && !strings.ContainsAny(s, "eEpP")
	if ok {
		cpus, ok = cpus.SetString(s)
	}
	if !ok {
		return 0, fmt.Errorf("failed to parse %v as a rational number", s)
	}
	nano := cpus.Mul(cpus, big.NewRat(1e9, 1))
	if !nano.IsInt() {
		return 0, errors.New("value is too precise")
	}
	if !nano.Num().IsInt64() {
		return 0, errors.New("value is out of range")
	}
	return nano.Num().Int64(), nil
}

// parseSwap reads a size, or -1 for no limit.
func parseSwap(s string) (int64, error) {
	if s == "-1" {
		return -1, nil
	}
	return units.RAMInBytes(s)
}

// deviceAnd splits /dev/NAME:NUMBER.
func deviceAnd(s string) (device, number string, err error) {
	device, number, ok := strings.Cut(s, ":")
	if !ok || device == "" {
		return "", "", fmt.Errorf("bad format: %s", s)
	}
	if !strings.HasPrefix(device, "/dev/") {
		return "", "", fmt.Errorf("bad format for device path: %s", s)
	}
	return device, number, nil
}

func parseBpsDevice(s string) (oci.Limit, error) {
	device, number, err := deviceAnd(s)
	if err != nil {
		return oci.Limit{}, err
	}
	rate, err := units.RAMInBytes(number)
	if err != nil {
		return oci.Limit{}, fmt.Errorf("invalid rate for device: %s. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb", s)
	}
	return oci.Limit{Path: device, Rate: uint64(rate)}, nil
}

func parseIOpsDevice(s string) (oci.Limit, error) {
	device, number, err := deviceAnd(s)
	if err != nil {
		return oci.Limit{}, err
	}
	rate, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return oci.Limit{}, fmt.Errorf("invalid rate for device: %s. The correct format is <device-path>:<number>. Number must be a positive integer", s)
	}
	return oci.Limit{Path: device, Rate: rate}, nil
}

// parseWeightDevice reads a weight of 10 to 1000, or 0 for none.
func parseWeightDevice(s string) (oci.Limit, error) {
	device, number, err := deviceAnd(s)
	if err != nil {
		return oci.Limit{}, err
	}
	weight, err := strconv.ParseUint(number, 10, 16)
	if err != nil || weight > 0 && (weight < 10 || weight > 1000) {
		return oci.Limit{}, fmt.Errorf("invalid weight for device: %s", s)
	}
	return oci.Limit{Path: device, Rate: weight}, nil
}

// parseUlimit reads NAME=SOFT[:HARD]; without HARD it is as SOFT, and -1 or
// "infinity" is unlimited.
func parseUlimit(s string) (oci.Ulimit, error) {
	none := oci.Ulimit{}
	name, limits, ok := strings.Cut(s, "=")
	if !ok {
		return none, fmt.Errorf("invalid ulimit argument: %s", s)
	}
	// Those of setrlimit(2) without RLIMIT_AS.
	if !slices.Contains([]string{"core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}, name) {
		return none, fmt.Errorf("invalid ulimit type: %s", name)
	}
	first, second, two := strings.Cut(limits, ":")
	if strings.Contains(second, ":") {
		return none, fmt.Errorf("too many limit value arguments - %s, can only have up to two, `soft[:hard]`", limits)
	}
	soft, err := ulimitValue(first)
	if err != nil {
		return none, err
	}
	hard := soft
	if two {
		if hard, err = ulimitValue(second); err != nil {
			return none, err
		}
	}
	return oci.Ulimit{Name: name, Soft: soft, Hard: hard}, checkUlimit(soft, hard)
}

func ulimitValue(s string) (int64, error) {
	if s == "infinity" {
		return -1, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && n < -1 {
		err = fmt.Errorf("invalid ulimit value: %s", s)
	}
	return n, err
}

func checkUlimit(soft, hard int64) error {
	switch {
	case hard == -1:
		return nil
	case soft == -1:
		return fmt.Errorf("ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: %d", hard)
	case soft > hard:
		return fmt.Errorf("ulimit soft limit must be less than or equal to hard limit: %d > %d", soft, hard)
	}
	return nil
}

// checkResources refuses limits that are out of range or contradict each
// other, in the words of Docker's daemon. cpus is how many there are, 0 if
// that is not known.
func checkResources(r *oci.Resources, cpus int) error {
	if err := checkMemory(r); err != nil {
		return err
	}
	if err := checkCPU(r, cpus); err != nil {
		return err
	}
	if w := r.BlkioWeight; w > 0 && (w < 10 || w > 1000) {
		return errors.New("Range of blkio weight is from 10 to 1000")
	}
	return nil
}

func checkMemory(r *oci.Resources) error {
	const least = 6 << 20
	switch {
	case r.Memory > 0 && r.Memory < least:
		return errors.New("Minimum memory limit allowed is 6MB")
	case r.Memory > 0 && r.MemorySwap > 0 && r.MemorySwap < r.Memory:
		return errors.New("Minimum memoryswap limit should be larger than memory limit, see usage")
	case r.Memory == 0 && r.MemorySwap > 0:
		return errors.New("You should always set the Memory limit when using Memoryswap limit, see usage")
	case r.MemoryReservation > 0 && r.MemoryReservation < least:
		return errors.New("Minimum memory reservation allowed is 6MB")
	case r.Memory > 0 && r.Memory < r.MemoryReservation:
		return errors.New("Minimum memory limit can not be less than memory reservation limit, see usage")
	}
	return nil
}

func checkCPU(r *oci.Resources, cpus int) error {
	switch {
	case r.NanoCPUs != 0 && r.CPUPeriod != 0:
		return errors.New("Conflicting options: Nano CPUs and CPU Period cannot both be set")
	case r.NanoCPUs != 0 && r.CPUQuota != 0:
		return errors.New("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
	case r.NanoCPUs != 0 && r.NanoCPUs < 1e7, cpus > 0 && r.NanoCPUs > int64(cpus)*1e9:
		return cpuRange(cpus)
	case r.CPUShares < 0:
		return fmt.Errorf("invalid CPU shares (%d): value must be a positive integer", r.CPUShares)
	case r.CPUPeriod != 0 && (r.CPUPeriod < 1000 || r.CPUPeriod > 1000000):
		return errors.New("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
	case r.CPUQuota > 0 && r.CPUQuota < 1000:
		return errors.New("CPU cfs quota can not be less than 1ms (i.e. 1000)")
	case r.CPURTPeriod != 0 && r.CPURTRuntime > r.CPURTPeriod:
		return errors.New("cpu real-time runtime cannot be higher than cpu real-time period")
	case !validSet(r.CpusetCpus):
		return fmt.Errorf("Invalid value %s for cpuset cpus", r.CpusetCpus)
	case !validSet(r.CpusetMems):
		return fmt.Errorf("Invalid value %s for cpuset mems", r.CpusetMems)
	}
	return nil
}

func cpuRange(cpus int) error {
	if cpus == 0 {
		return errors.New("range of CPUs starts at 0.01")
	}
	return fmt.Errorf("range of CPUs is from 0.01 to %[1]d.00, as there are only %[1]d CPUs available", cpus)
}

// validSet tells if s is a list of numbers and ranges, as in "0-2,7"; see
// cpuset(7), "List format".
func validSet(s string) bool {
	if s == "" {
		return true
	}
	for _, part := range strings.Split(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.ParseUint(first, 10, 13)
		if err != nil {
			return false
		}
		if to, err := strconv.ParseUint(last, 10, 13); isRange && (err != nil || to < from) {
			return false
		}
	}
	return true
}
