package format

import (
	"strings"
	"testing"
	"time"

	"mydocker/container"
	"mydocker/internal/ocispec"
	"mydocker/oci"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// two containers: one runs, one has ended.
func two() []container.Record {
	return []container.Record{
		{ID: strings.Repeat("a1", 32), Name: "web_app", Image: "host", Path: "/bin/sh", Args: []string{"-c", "sleep 1000000"}, Created: noon.Add(-5 * time.Minute),
			StartedAt: noon.Add(-5 * time.Minute), Status: container.Running, Network: container.Network{Mode: "bridge"},
			Request: oci.Request{Labels: map[string]string{"com.example.some-key": "v", "b": "2"}, Mounts: []oci.Mount{{Type: "bind", Source: "/a/very/long/path/indeed", Target: "/x"}}}},
		{ID: strings.Repeat("b2", 32), Name: "db", Image: "host", Path: "true", Created: noon.Add(-time.Hour),
			FinishedAt: noon.Add(-3 * time.Second), Status: container.Exited, Network: container.Network{Mode: "none"}},
	}
}

// ps prints both containers.
func ps(t *testing.T, o Options) (string, error) {
	t.Helper()
	var rows []ContainerRow
	for _, r := range two() {
		rows = append(rows, Container(r, noon, o.NoTrunc))
	}
	var b strings.Builder
	err := List(&b, o, rows, ContainerHeader(), ContainerTable, func(r ContainerRow) string { return r.ID })
	return b.String(), err
}

func TestContainers(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"default", Options{}, "" +
			"CONTAINER ID   IMAGE     COMMAND                  CREATED             STATUS                     PORTS     NAMES\n" +
			"a1a1a1a1a1a1   host      \"/bin/sh -c 'sleep 1…\"   5 minutes ago       Up 5 minutes                         web_app\n" +
			"b2b2b2b2b2b2   host      \"true\"                   About an hour ago   Exited (0) 3 seconds ago             db\n"},
		{"table", Options{Format: `table {{.ID}}\t{{.Names}}`}, "CONTAINER ID   NAMES\na1a1a1a1a1a1   web_app\nb2b2b2b2b2b2   db\n"},
		{"quiet", Options{Quiet: true}, "a1a1a1a1a1a1\nb2b2b2b2b2b2\n"},
		{"quiet table", Options{Quiet: true, Format: "table"}, "a1a1a1a1a1a1\nb2b2b2b2b2b2\n"},
		{"quiet wins", Options{Quiet: true, Format: "{{.Names}}"}, "a1a1a1a1a1a1\nb2b2b2b2b2b2\n"},
		{"whole ID", Options{Quiet: true, NoTrunc: true}, strings.Repeat("a1", 32) + "\n" + strings.Repeat("b2", 32) + "\n"},
		{"label", Options{Format: `{{.Label "b"}}|{{.Labels}}`}, "2|b=2,com.example.some-key=v\n|\n"},
		{"label header", Options{Format: `table {{.Label "com.example.some-key"}}`}, "some key\nv\n\n"},
		{"functions", Options{Format: `{{upper .Names}} {{lower "A"}} {{title "a b"}} {{pad "x" 1 1}}{{pad "" 2 2}}| {{truncate .Names 3}} {{join (split .Names "_") "+"}}`},
			"WEB_APP a A B  x | web web+app\nDB a A B  x | db db\n"},
		{"headers stay whole", Options{Format: `table {{truncate .ID 4}}\t{{lower .Names}}\t{{json .Image}}`}, "CONTAINER ID   NAMES     IMAGE\na1a1           web_app   \"host\"\nb2b2           db        \"host\"\n"},
		{"mounts", Options{Format: "{{.Mounts}}"}, "/a/very/long/p…\n\n"},
		{"not escaped", Options{Format: `{{json "<&>"}}`}, "\"<&>\"\n\"<&>\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := ps(t, c.o); err != nil || got != c.want {
				t.Errorf("%v\ngot\n%swant\n%s", err, got, c.want)
			}
		})
	}
}

func TestJSONLines(t *testing.T) {
	got, err := ps(t, Options{Format: "json"})
	if err != nil {
		t.Fatal(err)
	}
	same, _ := ps(t, Options{Format: "{{json .}}"})
	if got != same || strings.Count(got, "\n") != 2 || !strings.HasPrefix(got, `{"Command":"\"/bin/sh -c`) {
		t.Errorf("%s\n%s", got, same)
	}
}

func TestTemplateErrors(t *testing.T) {
	for format, want := range map[string]string{
		"{{.ID":    "template parsing error: template: :1: unclosed action",
		"{{.Nix}}": "template parsing error: template: :1:2: executing \"\" at <.Nix>: can't evaluate field Nix in type ",
	} {
		if _, err := ps(t, Options{Format: format}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func inspected(t *testing.T, format string) (string, error) {
	t.Helper()
	r := two()[0]
	var b strings.Builder
	err := Inspect(&b, []any{ContainerInspect(&r, nil, "/d")}, format)
	return b.String(), err
}

func TestInspect(t *testing.T) {
	for format, want := range map[string]string{
		"{{.Name}} {{.State.Running}}": "/web_app true\n",
		"{{.Id}}":                      strings.Repeat("a1", 32) + "\n",
		`{{join .Args "\n"}}`:          "-c\nsleep 1000000\n",
		`{{json .Config.Labels}}`:      `{"b":"2","com.example.some-key":"v"}` + "\n",
		// As with Docker: a label that is not there, and a health check.
		`{{.Config.Labels.nope}}`:                              "<no value>\n",
		`{{if .State.Health}}{{.State.Health.Status}}{{end}}.`: ".\n",
		`{{.LogPath}}`:                       "/d/" + strings.Repeat("a1", 32) + "-json.log\n",
		`{{json .HostConfig.LogConfig}}`:     `{"Type":"json-file","Config":{}}` + "\n",
		`{{json .HostConfig.RestartPolicy}}`: `{"Name":"no","MaximumRetryCount":0}` + "\n",
	} {
		if got, err := inspected(t, format); err != nil || got != want {
			t.Errorf("%s: %q, %v", format, got, err)
		}
	}
	got, err := inspected(t, "")
	if err != nil || !strings.HasPrefix(got, "[\n    {\n        \"Id\": \"a1a1") {
		t.Errorf("%.60s %v", got, err)
	}
}

// A key that is not there is an error, in Docker's words.
func TestInspectMissingKey(t *testing.T) {
	got, err := inspected(t, "{{.Nope}}")
	want := `template parsing error: template: :1:2: executing "" at <.Nope>: map has no entry for key "Nope"`
	if err == nil || err.Error() != want {
		t.Errorf("printed %q, error %v", got, err)
	}
}

// What the request leaves open is the image's.
func TestInspectCompletesFromTheImage(t *testing.T) {
	image := ocispec.ImageConfig{Entrypoint: []string{"/entry"}, Cmd: []string{"serve"}, User: "web", StopSignal: "SIGQUIT"}
	for want, q := range map[string]oci.Request{
		`["/entry"] ["serve"] web SIGQUIT`: {},
		`["/entry"] ["x"] root SIGINT`:     {Command: []string{"x"}, User: "root", StopSignal: "SIGINT"},
		`["/mine"] [] web SIGQUIT`:         {Entrypoint: []string{"/mine"}, EntrypointSet: true},
		`["/mine"] ["x"] web SIGQUIT`:      {Entrypoint: []string{"/mine"}, EntrypointSet: true, Command: []string{"x"}},
	} {
		r := two()[0]
		r.Request = q
		j := ContainerInspect(&r, nil, "/d")
		j.Config.Complete(q, image)
		var b strings.Builder
		if err := Inspect(&b, []any{j}, "{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Config.User}} {{.Config.StopSignal}}"); err != nil || b.String() != want+"\n" {
			t.Errorf("%v: got %s, want %s", err, b.String(), want)
		}
	}
}

// A paused container runs, and says that it is paused.
func TestPaused(t *testing.T) {
	r := two()[0]
	r.Status = container.Paused
	if row := Container(r, noon, false); row.Status != "Up 5 minutes (Paused)" || row.State != "paused" {
		t.Errorf("%+v", row)
	}
	if s := ContainerInspect(&r, nil, "/d").State; !s.Running || !s.Paused || s.Status != "paused" {
		t.Errorf("%+v", s)
	}
}

func TestSize(t *testing.T) {
	for want, s := range map[string][2]int64{"0B": {0, 0}, "2B (virtual 12.3MB)": {2, 12345678}, "1.5kB": {1500, 0}} {
		if got := Size(s[0], s[1]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Limits of devices have Docker's keys.
func TestInspectDeviceLimits(t *testing.T) {
	r := two()[0]
	r.Request.Resources.DeviceReadBps = []oci.Limit{{Path: "/dev/sda", Rate: 5}}
	var b strings.Builder
	if err := Inspect(&b, []any{ContainerInspect(&r, nil, "/d")}, "{{json .HostConfig.BlkioDeviceReadBps}}"); err != nil {
		t.Fatal(err)
	}
	if b.String() != `[{"Path":"/dev/sda","Rate":5}]`+"\n" {
		t.Error(b.String())
	}
}

func TestFilters(t *testing.T) {
	all := two()
	find := func(ref string) (*container.Record, error) {
		for i := range all {
			if all[i].Name == ref {
				return &all[i], nil
			}
		}
		return nil, &container.NotFoundError{Ref: ref}
	}
	for words, want := range map[string]string{
		"": "web_app db", "name=web": "web_app", "name=^db$": "db", "name=^/db$": "db", "name=^d": "db", "name=b": "web_app db", "name=(": "",
		"id=a1a1": "web_app", "status=running": "web_app", "exited=0": "db", "exited=1": "", "label=b": "web_app", "label=b=2": "web_app", "label=b=3": "",
		"network=none": "db", "ancestor=host": "web_app db", "before=web_app": "db", "since=db": "web_app", "volume=/x": "web_app",
		"name=web name=db": "web_app db", "label=b label=c": "",
	} {
		f, err := ParseFilters(strings.Fields(words), ContainerFilters())
		if err != nil {
			t.Error(words, err)
			continue
		}
		var got []string
		for _, r := range all {
			ok, err := f.Matches(r, find)
			if err != nil {
				t.Error(words, err)
			}
			if ok {
				got = append(got, r.Name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
}

// Values that can match nothing are refused, not silently empty lists.
func TestFilterErrors(t *testing.T) {
	for word, want := range map[string]string{
		"color=red": "invalid filter 'color'", "status=sleeping": "invalid filter 'status=sleeping'", "exited=soon": "invalid filter 'exited=soon'",
	} {
		if _, err := ParseFilters([]string{word}, ContainerFilters()); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", word, err, want)
		}
	}
	if _, err := ParseFilters([]string{"dangling=maybe"}, ImageFilters()); err == nil || err.Error() != "invalid filter 'dangling=maybe'" {
		t.Error(err)
	}
}

func TestImages(t *testing.T) {
	i := Image{ID: "sha256:" + strings.Repeat("c3", 32), Name: "reg:5000/team/app:v1", Created: noon.Add(-48 * time.Hour), Size: 12345678}
	var b strings.Builder
	rows := []ImageRow{i.Row(noon, false), Image{ID: i.ID}.Row(noon, false)}
	if err := List(&b, Options{}, rows, ImageHeader(), ImageTable, func(r ImageRow) string { return r.ID }); err != nil {
		t.Fatal(err)
	}
	want := "" +
		"REPOSITORY          TAG       IMAGE ID       CREATED      SIZE\n" +
		"reg:5000/team/app   v1        c3c3c3c3c3c3   2 days ago   12.3MB\n" +
		"<none>              <none>    c3c3c3c3c3c3   N/A          0B\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	for word, want := range map[string]bool{
		"reference=reg:5000/team/app": true, "reference=reg:5000/team/app:v1": true, "reference=reg:5000/*/*": true, "reference=app": false,
		"dangling=false": true, "dangling=true": false, "label=x": false,
	} {
		f, err := ParseFilters([]string{word}, ImageFilters())
		if err != nil || f.MatchesImage(i) != want {
			t.Error(word, err)
		}
	}
}
