package runflags

import (
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"mydocker/oci"
)

func TestMounts(t *testing.T) {
	bind := func(source, target string, change func(*oci.Mount)) oci.Mount {
		m := oci.Mount{Type: "bind", Source: source, Target: target}
		if change != nil {
			change(&m)
		}
		return m
	}
	created := func(m *oci.Mount) { m.CreateSource = true }
	tmpfs := func(target string, options ...string) oci.Mount {
		return oci.Mount{Type: "tmpfs", Target: target, TmpfsOptions: options}
	}
	for _, c := range []struct {
		args string
		want []oci.Mount
	}{
		{"-v /srv/data:/data", []oci.Mount{bind("/srv/data", "/data", created)}},
		{"-v /none/../x/:/data/", []oci.Mount{bind("/x", "/data", created)}},
		{"-v ./src:/s -v .:/w -v ../you:/y", []oci.Mount{bind("/home/me/src", "/s", created), bind("/home/me", "/w", created), bind("/home/you", "/y", created)}},
		{"-v /srv:/s:ro,z,rslave,cached", []oci.Mount{bind("/srv", "/s", func(m *oci.Mount) { m.CreateSource, m.ReadOnly, m.Propagation = true, true, "rslave" })}},
		{"--mount type=bind,src=/srv,dst=/s", []oci.Mount{bind("/srv", "/s", nil)}},
		{"--mount Type=bind,Source=./src,destination=/s,readonly", []oci.Mount{bind("/home/me/src", "/s", func(m *oci.Mount) { m.ReadOnly = true })}},
		{"--mount type=bind,src=/srv,dst=/s,ro=false,consistency=cached", []oci.Mount{bind("/srv", "/s", nil)}},
		{"--mount type=bind,src=/srv,dst=/s,bind-propagation=shared", []oci.Mount{bind("/srv", "/s", func(m *oci.Mount) { m.Propagation = "shared" })}},
		{"--mount type=bind,src=/srv,dst=/s,bind-nonrecursive", []oci.Mount{bind("/srv", "/s", func(m *oci.Mount) { m.NonRecursive = true })}},
		{"--mount type=bind,src=/srv,dst=/s,bind-recursive=disabled", []oci.Mount{bind("/srv", "/s", func(m *oci.Mount) { m.NonRecursive = true })}},
		{"--mount type=bind,src=/srv,dst=/s,bind-recursive=writable,ro", []oci.Mount{bind("/srv", "/s", func(m *oci.Mount) { m.ReadOnly, m.ReadOnlyNonRecursive = true, true })}},
		{"--mount type=bind,src=/srv,dst=/s,bind-recursive=readonly,ro,bind-propagation=rprivate", []oci.Mount{bind("/srv", "/s", func(m *oci.Mount) { m.ReadOnly, m.Propagation = true, "rprivate" })}},
		{"--mount type=bind,src=/none,dst=/s,bind-create-src", []oci.Mount{bind("/none", "/s", created)}},
		{`--mount type=bind,"src=/srv/data","dst=/a,b"`, []oci.Mount{bind("/srv/data", "/a,b", nil)}},
		{"--mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700,ro", []oci.Mount{{Type: "tmpfs", Target: "/t", TmpfsSize: 1 << 20, TmpfsMode: 0o700, ReadOnly: true}}},
		{"--tmpfs /t", []oci.Mount{tmpfs("/t")}},
		{"--tmpfs /t:rw,defaults,noexec,suid,uid=1,gid=2,nr_inodes=1k,mpol=local,size=50%", []oci.Mount{tmpfs("/t", "noexec", "suid", "uid=1", "gid=2", "nr_inodes=1k", "mpol=local", "size=50%")}},
		{"--tmpfs /t:ro,size=64m,mode=1770", []oci.Mount{{Type: "tmpfs", Target: "/t", ReadOnly: true, TmpfsSize: 64 << 20, TmpfsMode: 0o1770}}},
		{"--tmpfs /1 -v /srv:/2 --mount type=tmpfs,dst=/3 -v /srv:/4", []oci.Mount{tmpfs("/1"), bind("/srv", "/2", created), tmpfs("/3"), bind("/srv", "/4", created)}},
	} {
		if diff := cmp.Diff(c.want, requestOf(t, c.args).Mounts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
}

func TestBadMounts(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"type=bind,target=/foo,bogus=foo", "unknown option 'bogus' in 'bogus=foo'"},
		{"type=bind, src=/foo,target=/foo", "invalid option 'src' in ' src=/foo': option should not have whitespace"},
		{"type=bind,src=,target=/foo", "invalid value for 'src': value is empty"},
		{"type=bind,src= /foo,target=/foo", "invalid value for 'src' in 'src= /foo': value should not have whitespace"},
		{"type=bind,target=/foo,bogus", "invalid field 'bogus' must be a key=value pair"},
		{"type=bind,src=/srv", "target is required"},
		{"type=bind,dst=/s,ro=no", `invalid value for 'ro': invalid boolean value ("no"): must be one of "true", "1", "false", or "0" (default "true")`},
		{"type=tmpfs,dst=/s,tmpfs-size=foo", "invalid value for tmpfs-size: foo"},
		{"type=tmpfs,dst=/s,tmpfs-mode=foo", "invalid value for tmpfs-mode: foo"},
		{"type=tmpfs,dst=/s,tmpfs-mode=17777", "invalid value for tmpfs-mode: 17777"},
		{"type=tmpfs,dst=/s,bind-propagation=shared", "cannot mix 'bind-*' options with mount type 'tmpfs'"},
		{"type=bind,dst=/s,tmpfs-size=1m", "cannot mix 'tmpfs-*' options with mount type 'bind'"},
		{"type=bind,dst=/s,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"},
		{"type=bind,dst=/s,bind-recursive=x", `invalid value for bind-recursive: x (must be "enabled", "disabled", "writable", or "readonly")`},
		{"type=bind,dst=/s,bind-recursive=writable", "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction"},
		{"type=bind,dst=/s,bind-recursive=readonly", "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction"},
		{"type=bind,dst=/s,ro,bind-recursive=readonly", "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction"},
		{"type=tmpfs,dst=/a\ntype=tmpfs,dst=/b", "value has more than one line"},
		{`type=tmpfs,"dst=/a`, `parse error on line 1, column 19: extraneous or missing " in quoted-field`},
	} {
		_, _, err := parse("--mount", c.value, "img")
		if err == nil || !strings.HasPrefix(err.Error(), "invalid argument ") || !strings.HasSuffix(err.Error(), `for "--mount" flag: `+c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.value, err, c.want)
		}
	}
}

func TestImpossibleMounts(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--mount type=bind,dst=/s", `invalid mount config for type "bind": field Source must not be empty`},
		{"--mount type=bind,src=srv,dst=/s", `invalid mount config for type "bind": invalid mount path: 'srv' mount path must be absolute`},
		{"--mount type=bind,src=/srv,dst=s", `invalid mount config for type "bind": invalid mount path: 's' mount path must be absolute`},
		{"--mount type=bind,src=/srv,dst=/x/..", `invalid mount config for type "bind": invalid specification: destination can't be '/'`},
		{"--mount type=bind,src=/none,dst=/s", `invalid mount config for type "bind": bind source path does not exist: /none`},
		{"--mount type=bind,src=/srv,dst=/s,bind-propagation=x", `invalid mount config for type "bind": invalid propagation mode: x`},
		{"--mount type=tmpfs,src=/srv,dst=/s", `invalid mount config for type "tmpfs": field Source must not be specified`},
		{"--mount type=x,dst=/s", `invalid mount config for type "x": mount type unknown`},
		{"--volume=", "invalid empty volume spec"},
		{"-v :/a", "invalid spec: :/a: empty section between colons"},
		{"-v /a:/b:ro:x", "invalid spec: /a:/b:ro:x: too many colons"},
		{"-v /a:ro", "invalid volume specification: '/a:ro'"},
		{"-v /a:/b:x", "invalid mode: x"},
		{"-v /a:/b:ro,rw", "invalid mode: ro,rw"},
		{"-v /a:/b:nocopy", "invalid mode: nocopy"},
		{"-v /a:b", `invalid volume specification: '/a:b': invalid mount config for type "bind": invalid mount path: 'b' mount path must be absolute`},
		{"-v /a:/", `invalid volume specification: '/a:/': invalid mount config for type "bind": invalid specification: destination can't be '/'`},
		{"-v a/b:/c", `create a/b: "a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`},
		{"--tmpfs a", `invalid mount config for type "tmpfs": invalid mount path: 'a' mount path must be absolute`},
		{"--tmpfs /:rw", `invalid mount config for type "tmpfs": invalid specification: destination can't be '/'`},
		{"--tmpfs /t:x", `invalid tmpfs option "x"`},
		{"--tmpfs /t:x=1", `invalid tmpfs option "x=1"`},
		{"--tmpfs /t:size=x", `invalid tmpfs option "size=x"`},
		{"--tmpfs /t:mode=9", `invalid tmpfs option "mode=9"`},
		{"--tmpfs /t:uid=root", `invalid tmpfs option "uid=root"`},
		{"--tmpfs /t:bind", `invalid tmpfs option "bind"`},
		{"-v /srv:/a --tmpfs /b/../a", "Duplicate mount point: /a"},
	} {
		if _, _, err := parse(append(words(c.args), "img")...); err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.args, err, c.want)
		}
	}
}

// sound checks what the rooms below rely on.
func sound(t *testing.T, m oci.Mount) {
	clean := func(p string) bool { return path.IsAbs(p) && path.Clean(p) == p }
	switch {
	case !clean(m.Target) || m.Target == "/":
		t.Errorf("target %q", m.Target)
	case m.Type == "bind" && !clean(m.Source):
		t.Errorf("source %q", m.Source)
	case m.Type == "tmpfs" && m.Source != "", m.Type != "bind" && m.Type != "tmpfs":
		t.Errorf("%+v", m)
	case m.Propagation != "" && !isPropagation(m.Propagation):
		t.Errorf("propagation %q", m.Propagation)
	case m.TmpfsSize < 0 || m.TmpfsMode > 0o7777:
		t.Errorf("size %d, mode %o", m.TmpfsSize, m.TmpfsMode)
	case slices.ContainsFunc(m.TmpfsOptions, func(o string) bool { return o == "" || strings.Contains(o, ",") }):
		t.Errorf("options %q", m.TmpfsOptions)
	}
}

func FuzzMount(f *testing.F) {
	f.Add("type=bind,src=/srv,dst=/data,ro,bind-propagation=rslave")
	f.Add(`type=tmpfs,"dst=/a,b",tmpfs-size=1m,tmpfs-mode=700`)
	f.Fuzz(func(t *testing.T, s string) {
		spec, err := parseMount(s)
		if err != nil {
			return
		}
		if m, err := spec.complete(environment()); err == nil {
			sound(t, m)
		}
	})
}

func FuzzVolume(f *testing.F) {
	f.Add("/srv:/data:ro,z")
	f.Add("./a:/b")
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := parseVolume(environment(), s); err == nil {
			sound(t, m)
		}
	})
}

func FuzzTmpfs(f *testing.F) {
	f.Add("/t:size=64m,mode=1770,noexec,uid=0")
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := parseTmpfs(s); err == nil {
			sound(t, m)
		}
	})
}

// What comes out are strings that execve(2) takes as they are.
func FuzzEnvFile(f *testing.F) {
	f.Add([]byte("\ufeffA=1\r\n# no\n\tB = x\nHOME\nNONE\n"))
	f.Add([]byte("A=\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lookup := func(k string) (string, bool) { return "looked up", k != "NONE" }
		lines, err := parseKeyValues(text, lookup)
		if err != nil {
			return
		}
		for _, l := range lines {
			key, _, ok := strings.Cut(l, "=")
			if !ok || key == "" || strings.ContainsAny(key, " \t") || strings.ContainsAny(l, "\x00\n") || !utf8.ValidString(l) {
				t.Errorf("%q", l)
			}
		}
	})
}

func FuzzCPUs(f *testing.F) {
	f.Add("1.5")
	f.Add("1/3")
	f.Fuzz(func(t *testing.T, s string) {
		parseCPUs(s) // must end, whatever the number
	})
}
