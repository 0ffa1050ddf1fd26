package bundle

import "github.com/opencontainers/runtime-spec/specs-go"

// allowDefaults adds what every container may do with devices, whatever its
// specification forbids.
func allowDefaults(s *specs.Spec) {
	if s.Linux.Resources == nil {
		s.Linux.Resources = &specs.LinuxResources{}
	}
	r := s.Linux.Resources
	n := func(v int64) *int64 { return &v }
	for _, d := range []specs.LinuxDeviceCgroup{
		{Allow: true, Type: "c", Access: "m"}, {Allow: true, Type: "b", Access: "m"},
		{Allow: true, Type: "c", Major: n(1), Minor: n(3), Access: "rwm"}, {Allow: true, Type: "c", Major: n(1), Minor: n(8), Access: "rwm"},
		{Allow: true, Type: "c", Major: n(1), Minor: n(7), Access: "rwm"}, {Allow: true, Type: "c", Major: n(5), Minor: n(0), Access: "rwm"},
		{Allow: true, Type: "c", Major: n(1), Minor: n(5), Access: "rwm"}, {Allow: true, Type: "c", Major: n(1), Minor: n(9), Access: "rwm"},
		{Allow: true, Type: "c", Major: n(136), Access: "rwm"}, {Allow: true, Type: "c", Major: n(5), Minor: n(2), Access: "rwm"},
	} {
		r.Devices = append(r.Devices, d)
	}
}
