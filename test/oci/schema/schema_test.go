// Package schema_test compares the JSON documents that the runtime writes with
// the schema of the runtime specification.
package schema_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mydocker/internal/testenv"
)

// validate compares a document with a schema file.
func validate(t *testing.T, schema string, document []byte) error {
	t.Helper()
	dir := testenv.Programs(t, "validator", ".")
	cmd := exec.Command(filepath.Join(dir, "validator"), filepath.Join(schemas(t), schema))
	cmd.Stdin = strings.NewReader(string(document))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("%s", out)
	}
	return err
}

// schemas is where the go command keeps the specification's schema.
func schemas(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/opencontainers/runtime-spec")
	cmd.Dir = "validator"
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "schema")
}

// TestValidatorTellsGoodFromBad uses the documents that the specification tests
// its schema with.
func TestValidatorTellsGoodFromBad(t *testing.T) {
	for pattern, want := range map[string]bool{
		"test/config/good/*": true, "test/config/bad/linux*": false, "test/features/good/*": true, "test/state/bad/*": false,
	} {
		files, err := filepath.Glob(filepath.Join(schemas(t), pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			schema := strings.Split(pattern, "/")[1] + "-schema.json"
			if err := validate(t, schema, data); (err == nil) != want {
				t.Errorf("%s is valid: %v, want %v", f, err == nil, want)
			}
		}
	}
}

func TestSpec(t *testing.T) {
	for _, flags := range [][]string{nil, {"--rootless"}} {
		dir := t.TempDir()
		words := append([]string{"spec", "--bundle", dir}, flags...)
		if out, err := exec.Command(testenv.RuntimeBinary(t), words...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", words, err, out)
		}
		data, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err == nil {
			err = validate(t, "config-schema.json", data)
		}
		if err != nil {
			t.Errorf("%v: %v", words, err)
		}
	}
}

func TestFeatures(t *testing.T) {
	out, err := exec.Command(testenv.RuntimeBinary(t), "features").Output()
	if err == nil {
		err = validate(t, "features-schema.json", out)
	}
	if err != nil {
		t.Errorf("features: %v\n%s", err, out)
	}
}

// TestState looks at a container in each of the states that last.
func TestState(t *testing.T) {
	testenv.Root(t)
	testenv.Leaks(t)
	s := testenv.NewSandbox(t)
	s.Leaks()
	bundle := makeBundle(t, s)
	run := func(words ...string) []byte {
		t.Helper()
		cmd := s.Command(append([]string{testenv.RuntimeBinary(t)}, words...)...)
		if words[0] == "create" { // the container keeps its streams
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v: %v", words, err)
			}
			return nil
		}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", words, err)
		}
		return out
	}
	state := func(want string) {
		t.Helper()
		out := run("state", "box")
		var is struct{ Status string }
		if err := json.Unmarshal(out, &is); err != nil || is.Status != want {
			t.Errorf("the state is %s, %v, want %s", out, err, want)
		}
		if err := validate(t, "state-schema.json", out); err != nil {
			t.Errorf("%s: %v\n%s", want, err, out)
		}
	}
	run("create", "--bundle", bundle, "box")
	state("created")
	run("start", "box")
	state("running")
	run("kill", "box", "KILL")
	for strings.Contains(string(run("state", "box")), `"running"`) {
		// A process that has got its signal ends in its own time.
	}
	state("stopped")
	run("delete", "box")
}

// makeBundle makes one, in the sandbox, whose program waits.
func makeBundle(t *testing.T, s *testenv.Sandbox) string {
	t.Helper()
	if out, err := s.Command(testenv.RuntimeBinary(t), "spec", "--bundle", s.Dir).CombinedOutput(); err != nil {
		t.Fatalf("spec: %v\n%s", err, out)
	}
	file := s.Path(s.Dir + "/config.json")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var spec map[string]any
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	process := spec["process"].(map[string]any)
	process["terminal"], process["args"] = false, []string{"sleep", "1000"}
	spec["root"] = map[string]any{"path": testenv.Busybox(t), "readonly": true}
	spec["linux"].(map[string]any)["cgroupsPath"] = "/mydocker-test-state"
	if data, err = json.Marshal(spec); err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.Dir
}
