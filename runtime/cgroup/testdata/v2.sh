echo '+cpuset +cpu +io +memory +hugetlb +pids' > /sys/fs/cgroup/cgroup.subtree_control
mkdir -p /sys/fs/cgroup/mydocker
echo '+cpuset +cpu +io +memory +hugetlb +pids' > /sys/fs/cgroup/mydocker/cgroup.subtree_control
mkdir -p /sys/fs/cgroup/mydocker/ID
echo 104857600 > /sys/fs/cgroup/mydocker/ID/memory.max
echo 52428800 > /sys/fs/cgroup/mydocker/ID/memory.swap.max
echo 52428800 > /sys/fs/cgroup/mydocker/ID/memory.low
echo 59 > /sys/fs/cgroup/mydocker/ID/cpu.weight
echo '50000 100000' > /sys/fs/cgroup/mydocker/ID/cpu.max
echo 0 > /sys/fs/cgroup/mydocker/ID/cpuset.cpus
echo 0 > /sys/fs/cgroup/mydocker/ID/cpuset.mems
echo 50 > /sys/fs/cgroup/mydocker/ID/pids.max
echo 2930 > /sys/fs/cgroup/mydocker/ID/io.weight
echo '8:0 rbps=1048576' > /sys/fs/cgroup/mydocker/ID/io.max
# bpf(2), no command: a device filter for /sys/fs/cgroup/mydocker/ID: deny a *:* rwm, allow c 1:3 rwm, allow c 136:* rw
# born in /sys/fs/cgroup/mydocker/ID
# undo
[ ! -d /sys/fs/cgroup/mydocker/ID ] || rmdir /sys/fs/cgroup/mydocker/ID; cd /sys/fs/cgroup && rmdir -p mydocker 2>/dev/null || true
