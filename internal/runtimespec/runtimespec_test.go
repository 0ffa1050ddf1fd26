package runtimespec

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestDocument decodes and encodes a specification in which every field there is, also of
// later versions of the package, says something.
func TestDocument(t *testing.T) {
	want := &specs.Spec{}
	fill(reflect.ValueOf(want).Elem())
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, seccomp, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	filter, err := json.Marshal(want.Linux.Seccomp)
	if err != nil || string(seccomp) != string(filter) {
		t.Errorf("the filter is %s, want %s, %v", seccomp, filter, err)
	}
	written, err := Encode(want)
	again := &specs.Spec{}
	if err == nil {
		err = json.Unmarshal(written, again)
	}
	if err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("encoded: %v\n%s\nwant:\n%s", err, written, text)
	}
	want.Linux.Seccomp = nil
	if !reflect.DeepEqual(got, want) {
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		t.Errorf("decoded:\n%s\nwant:\n%s", a, b)
	}
}

// fill gives each field a value that is not its zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Interface:
		v.Set(reflect.ValueOf("x"))
	default:
		v.Set(reflect.ValueOf(7).Convert(v.Type()))
	}
}

// TestEmpty: what says nothing is left out.
func TestEmpty(t *testing.T) {
	s := &specs.Spec{Process: &specs.Process{}, Linux: &specs.Linux{Resources: &specs.LinuxResources{}}}
	want, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Encode(s); err != nil || string(got) != string(want) {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	if s, filter, err := Decode([]byte(`{"process":null,"linux":{"seccomp":null,"devices":null}}`)); err != nil || s.Process != nil || s.Linux.Devices != nil || string(filter) != "null" {
		t.Errorf("%+v %s %v", s, filter, err)
	}
}

// TestNUL: where a string would end for the kernel.
func TestNUL(t *testing.T) {
	for text, want := range map[string]string{
		`{"linux":{"cgroupsPath":"/x\u0000y"}}`:           "linux.cgroupsPath has",
		`{"linux":{"maskedPaths":["/a","/data\u0000x"]}}`: "linux.maskedPaths[1] has",
		`{"linux":{"seccomp":{"listenerPath":"\u0000"}}}`: "linux.seccomp.listenerPath has",
		`{"annotations":{"a\u0000":"b"}}`:                 `annotations: the name "a\x00" has`,
		`{"hooks":{"poststop":[{"path":"/\u0000"}]}}`:     "hooks.poststop[0].path has",
	} {
		if _, _, err := Decode([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, _, err := Decode([]byte(`{"process":{"args":["echo","\\u0000"]}}`)); err != nil {
		t.Errorf("a backslash is no NUL: %v", err)
	}
}
