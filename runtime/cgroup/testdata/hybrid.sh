mkdir -p /sys/fs/cgroup/cpu,cpuacct/mydocker/ID
mkdir -p /sys/fs/cgroup/cpuset/mydocker
[ -n "$(cat /sys/fs/cgroup/cpuset/mydocker/cpuset.cpus)" ] || cat /sys/fs/cgroup/cpuset/cpuset.cpus > /sys/fs/cgroup/cpuset/mydocker/cpuset.cpus
[ -n "$(cat /sys/fs/cgroup/cpuset/mydocker/cpuset.mems)" ] || cat /sys/fs/cgroup/cpuset/cpuset.mems > /sys/fs/cgroup/cpuset/mydocker/cpuset.mems
mkdir -p /sys/fs/cgroup/cpuset/mydocker/ID
[ -n "$(cat /sys/fs/cgroup/cpuset/mydocker/ID/cpuset.cpus)" ] || cat /sys/fs/cgroup/cpuset/mydocker/cpuset.cpus > /sys/fs/cgroup/cpuset/mydocker/ID/cpuset.cpus
[ -n "$(cat /sys/fs/cgroup/cpuset/mydocker/ID/cpuset.mems)" ] || cat /sys/fs/cgroup/cpuset/mydocker/cpuset.mems > /sys/fs/cgroup/cpuset/mydocker/ID/cpuset.mems
mkdir -p /sys/fs/cgroup/memory/mydocker/ID
mkdir -p /sys/fs/cgroup/devices/mydocker/ID
mkdir -p /sys/fs/cgroup/blkio/mydocker/ID
mkdir -p /sys/fs/cgroup/pids/mydocker/ID
mkdir -p /sys/fs/cgroup/systemd/mydocker/ID
mkdir -p /sys/fs/cgroup/unified/mydocker/ID
echo 104857600 > /sys/fs/cgroup/memory/mydocker/ID/memory.limit_in_bytes
echo 157286400 > /sys/fs/cgroup/memory/mydocker/ID/memory.memsw.limit_in_bytes
echo 52428800 > /sys/fs/cgroup/memory/mydocker/ID/memory.soft_limit_in_bytes
echo 512 > /sys/fs/cgroup/cpu,cpuacct/mydocker/ID/cpu.shares
echo 100000 > /sys/fs/cgroup/cpu,cpuacct/mydocker/ID/cpu.cfs_period_us
echo 50000 > /sys/fs/cgroup/cpu,cpuacct/mydocker/ID/cpu.cfs_quota_us
echo 0 > /sys/fs/cgroup/cpuset/mydocker/ID/cpuset.cpus
echo 0 > /sys/fs/cgroup/cpuset/mydocker/ID/cpuset.mems
echo 50 > /sys/fs/cgroup/pids/mydocker/ID/pids.max
echo 300 > /sys/fs/cgroup/blkio/mydocker/ID/blkio.weight
echo '8:0 1048576' > /sys/fs/cgroup/blkio/mydocker/ID/blkio.throttle.read_bps_device
echo a > /sys/fs/cgroup/devices/mydocker/ID/devices.deny
echo 'c 1:3 rwm' > /sys/fs/cgroup/devices/mydocker/ID/devices.allow
echo 'c 136:* rw' > /sys/fs/cgroup/devices/mydocker/ID/devices.allow
# join
echo 0 > /sys/fs/cgroup/cpu,cpuacct/mydocker/ID/tasks
echo 0 > /sys/fs/cgroup/cpuset/mydocker/ID/tasks
echo 0 > /sys/fs/cgroup/memory/mydocker/ID/tasks
echo 0 > /sys/fs/cgroup/devices/mydocker/ID/tasks
echo 0 > /sys/fs/cgroup/blkio/mydocker/ID/tasks
echo 0 > /sys/fs/cgroup/pids/mydocker/ID/tasks
echo 0 > /sys/fs/cgroup/systemd/mydocker/ID/tasks
# born in /sys/fs/cgroup/unified/mydocker/ID
# undo
[ ! -d /sys/fs/cgroup/cpu,cpuacct/mydocker/ID ] || rmdir /sys/fs/cgroup/cpu,cpuacct/mydocker/ID; cd /sys/fs/cgroup/cpu,cpuacct && rmdir -p mydocker 2>/dev/null || true
[ ! -d /sys/fs/cgroup/cpuset/mydocker/ID ] || rmdir /sys/fs/cgroup/cpuset/mydocker/ID; cd /sys/fs/cgroup/cpuset && rmdir -p mydocker 2>/dev/null || true
[ ! -d /sys/fs/cgroup/memory/mydocker/ID ] || rmdir /sys/fs/cgroup/memory/mydocker/ID; cd /sys/fs/cgroup/memory && rmdir -p mydocker 2>/dev/null || true
[ ! -d /sys/fs/cgroup/devices/mydocker/ID ] || rmdir /sys/fs/cgroup/devices/mydocker/ID; cd /sys/fs/cgroup/devices && rmdir -p mydocker 2>/dev/null || true
[ ! -d /sys/fs/cgroup/blkio/mydocker/ID ] || rmdir /sys/fs/cgroup/blkio/mydocker/ID; cd /sys/fs/cgroup/blkio && rmdir -p mydocker 2>/dev/null || true
[ ! -d /sys/fs/cgroup/pids/mydocker/ID ] || rmdir /sys/fs/cgroup/pids/mydocker/ID; cd /sys/fs/cgroup/pids && rmdir -p mydocker 2>/dev/null || true
[ ! -d /sys/fs/cgroup/systemd/mydocker/ID ] || rmdir /sys/fs/cgroup/systemd/mydocker/ID; cd /sys/fs/cgroup/systemd && rmdir -p mydocker 2>/dev/null || true
[ ! -d /sys/fs/cgroup/unified/mydocker/ID ] || rmdir /sys/fs/cgroup/unified/mydocker/ID; cd /sys/fs/cgroup/unified && rmdir -p mydocker 2>/dev/null || true
