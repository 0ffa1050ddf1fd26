package registry

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"mydocker/internal/ocispec"
)

// HostPlatform is what runs here.
func HostPlatform() ocispec.Platform {
	return normal(ocispec.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH})
}

// ParsePlatform reads os/architecture[/variant], or one of the first two alone,
// by the names in use for them. What is left out is the host's.
func ParsePlatform(s string) (ocispec.Platform, error) {
	parts := strings.Split(strings.ToLower(s), "/")
	host := HostPlatform()
	for _, part := range parts {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" || len(parts) > 3 {
			return ocispec.Platform{}, fmt.Errorf("platform %q: not os/architecture[/variant]", s)
		}
	}
	if len(parts) > 1 {
		p := ocispec.Platform{OS: parts[0], Architecture: parts[1]}
		if len(parts) == 3 {
			p.Variant = parts[2]
		}
		return normal(p), nil
	}
	if knownOS(parts[0]) {
		return normal(ocispec.Platform{OS: parts[0], Architecture: host.Architecture, Variant: host.Variant}), nil
	}
	if p := normal(ocispec.Platform{OS: host.OS, Architecture: parts[0]}); knownArchitecture(p.Architecture) {
		return p, nil
	}
	return ocispec.Platform{}, fmt.Errorf("platform %q: neither an operating system nor an architecture", s)
}

func knownOS(s string) bool {
	return strings.Contains(" linux windows darwin freebsd netbsd openbsd solaris plan9 ", " "+s+" ")
}

func knownArchitecture(s string) bool {
	return strings.Contains(" 386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm ", " "+s+" ")
}

// PlatformString is os/architecture[/variant].
func PlatformString(p ocispec.Platform) string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// normal gives a platform one name, as containerd's platforms do: the variant
// that goes without saying is left out, but arm always has one.
func normal(p ocispec.Platform) ocispec.Platform {
	p.OS, p.Architecture, p.Variant = strings.ToLower(p.OS), strings.ToLower(p.Architecture), strings.ToLower(p.Variant)
	switch p.Architecture {
	case "i386", "i486", "i586", "i686":
		p.Architecture, p.Variant = "386", ""
	case "x86_64", "x86-64", "amd64":
		p.Architecture = "amd64"
		if p.Variant == "v1" {
			p.Variant = ""
		}
	case "aarch64", "arm64":
		p.Architecture = "arm64"
		if p.Variant == "8" || p.Variant == "v8" {
			p.Variant = ""
		}
	case "armhf":
		p.Architecture, p.Variant = "arm", "v7"
	case "armel":
		p.Architecture, p.Variant = "arm", "v6"
	case "arm":
		p.Variant = "v" + strings.TrimPrefix(p.Variant, "v")
		if p.Variant == "v" {
			p.Variant = "v7"
		}
	}
	return p
}

// Choose returns the manifest of an index that suits a platform best, the first
// of several. What has no platform serves where it is the only one.
func Choose(index ocispec.Index, want ocispec.Platform) (ocispec.Descriptor, error) {
	var bare []ocispec.Descriptor
	order := preferred(normal(want))
	best, at := len(order), -1
	for i, d := range index.Manifests {
		if d.Platform == nil || platformKey(*d.Platform) == (platformID{}) {
			if !attestation(d) {
				bare = append(bare, d)
			}
			continue
		}
		for rank, p := range order[:best] {
			if platformKey(normal(*d.Platform)) == p && !attestation(d) {
				best, at = rank, i
				break
			}
		}
	}
	if at >= 0 {
		return index.Manifests[at], nil
	}
	if len(bare) == 1 && len(index.Manifests) == 1 {
		return bare[0], nil
	}
	return ocispec.Descriptor{}, errNoMatch(want)
}

// platformID is what is compared of a platform.
type platformID struct{ os, arch, variant string }

func platformKey(p ocispec.Platform) platformID {
	return platformID{p.OS, p.Architecture, p.Variant}
}

// attestation: what BuildKit adds about an image (provenance, contents), with
// the platform unknown/unknown.
func attestation(d ocispec.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] != "" ||
		d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
}

// preferred lists what runs on a platform, the best first: older variants, and
// what 64-bit processors run of 32 bits.
func preferred(p ocispec.Platform) []platformID {
	list := []platformID{{p.OS, p.Architecture, p.Variant}}
	level, err := strconv.Atoi(strings.TrimPrefix(p.Variant, "v"))
	if p.Variant != "" && err != nil {
		return list // v9.2 and others that nobody orders
	}
	switch p.Architecture {
	case "amd64":
		for v := level - 1; v >= 2; v-- {
			list = append(list, platformID{p.OS, "amd64", "v" + strconv.Itoa(v)})
		}
		return append(list, platformID{p.OS, "amd64", ""}, platformID{p.OS, "386", ""})
	case "arm64":
		list = append(list, platformID{p.OS, "arm64", ""})
		level = 9
	case "arm":
	default:
		return list
	}
	for v := level - 1; v >= 5; v-- {
		list = append(list, platformID{p.OS, "arm", "v" + strconv.Itoa(v)})
	}
	return list
}
