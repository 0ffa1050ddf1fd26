package runflags

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEverything pins the request of a command line with every flag that ends
// up in it. Write it anew by deleting the golden file.
func TestEverything(t *testing.T) {
	const line = `--add-host db:10.0.0.2 --annotation org.x=1 --blkio-weight 300 --blkio-weight-device /dev/sda:200 --cap-add NET_ADMIN
--cap-drop MKNOD --cgroup-parent /apps --cgroupns private --cpu-period 100000 --cpu-quota 50000 --cpu-rt-period 1000000
--cpu-rt-runtime 950000 -c 512 --cpuset-cpus 0-1 --cpuset-mems 0 --device /dev/fuse:/dev/f:rw --device-cgroup-rule c~10:200~rwm
--device-read-bps /dev/sda:1mb --device-read-iops /dev/sda:100 --device-write-bps /dev/sda:2mb --device-write-iops /dev/sda:200
--dns 1.1.1.1 --dns-option ndots:2 --dns-search example.com --domainname example.com --entrypoint /init -e A=1 -e HOME
--env-file env --group-add 5 -h box --init -i --ipc shareable -l a=b --label-file labels -m 512m
--memory-reservation 256m --memory-swap 1g --memory-swappiness 60 --mount type=bind,src=/srv/data,dst=/data,ro,bind-propagation=rslave
--network bridge --no-healthcheck --oom-kill-disable --oom-score-adj 100 --pid host --pids-limit 50 --privileged --pull never -q
--read-only --rm --runtime mydocker --security-opt no-new-privileges --security-opt seccomp=seccomp.json
--security-opt systempaths=unconfined --shm-size 32m --stop-signal SIGINT --stop-timeout 3 --sysctl net.ipv4.ip_forward=1
--time-offset boottime=24h --tmpfs /run:size=8m,mode=755,noexec -t --ulimit nofile=64:128 -u 1000:1000 --userns private
-v ./src:/src:rw,rshared -w /data img cmd arg`
	_, r, err := parse(words(line)...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/everything.json", append(got, '\n'))
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Fatalf("%s was missing and is written now: read it", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
