package registry_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"mydocker/internal/ocispec"
	"mydocker/internal/testenv"
)

// A pull and the removal of what it brought are killed whenever it happens: the
// next command works, what is there is whole, and nothing else is.
func TestKilledAnywhere(t *testing.T) {
	u := newUser(t, testenv.RegistryOptions{})
	testenv.Leaks(t)
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("MYDOCKER_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("MYDOCKER_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	rounds := 50
	if testing.Short() {
		rounds = 5
	}
	l := newLayout(t)
	name := u.machine.Host + "/app:1"
	layers := [][]file{busybox(t)}
	for i := range 6 {
		bytes := make([]byte, 500_000)
		for j := range bytes {
			bytes[j] = byte(r.Uint32())
		}
		layers = append(layers, []file{{name: fmt.Sprintf("file%d", i), text: string(bytes)}})
	}
	l.push(l.image(ocispec.Image{}, layers...), name)

	begin := time.Now()
	u.says(0, "Downloaded newer", "", "pull", name)
	pull := time.Since(begin)
	begin = time.Now()
	u.says(0, "Untagged", "", "rmi", name)
	remove := time.Since(begin)
	for i := range rounds {
		u.killed(time.Duration(r.Int64N(int64(pull))), "pull", name)
		if i%2 == 0 { // by turns it is gone on with, and given up
			u.says(0, "Digest: ", "", "pull", name)
		}
		u.tidy(name)
		u.says(0, "Digest: ", "", "pull", name)
		u.killed(time.Duration(r.Int64N(int64(remove))), "rmi", name)
		u.tidy(name)
		if t.Failed() {
			t.Fatalf("in round %d", i)
		}
	}
	u.says(0, "", "", "run", "--rm", "--network", "none", name, "/bin/busybox", "test", "-s", "/file5")
}

// killed runs a command for a while.
func (u *user) killed(after time.Duration, args ...string) {
	u.t.Helper()
	c := exec.Command(u.binary, args...)
	c.Env = u.env
	if err := c.Start(); err != nil {
		u.t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { c.Process.Kill() })
	defer timer.Stop()
	c.Wait()
}

// tidy has a command clear up, and looks at what there is then.
func (u *user) tidy(name string) {
	u.t.Helper()
	out, code := u.do("", "images", "--format", "{{.Repository}}:{{.Tag}}")
	if code != 0 {
		u.t.Errorf("images: %d %s", code, out)
	}
	u.whole()
	_, err := exec.Command("skopeo", "inspect", "oci:"+u.root+"/image:"+name).Output()
	is := strings.Contains(out, name+"\n")
	if is != (err == nil) {
		u.t.Errorf("skopeo: %v, images: %s", err, out)
	}
	if is {
		return
	}
	for _, s := range u.stored() {
		if !strings.Contains(s, "/ingest/") { // parts may be of use
			u.t.Errorf("left: %s", s)
		}
	}
}
