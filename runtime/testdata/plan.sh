#!/bin/sh
# a container
#
# What mydocker does to make this container, as commands. Run as root by sh, they
# make the same container. mydocker itself runs none of these programs.
set -eu
root=/c/ID/merged

# --- What takes it all back when the container has ended, last first
undo() {
	set +e
	[ ! -d /sys/fs/cgroup/devices/mydocker/ID ] || rmdir /sys/fs/cgroup/devices/mydocker/ID; cd /sys/fs/cgroup/devices && rmdir -p mydocker 2>/dev/null || true
	[ ! -d /sys/fs/cgroup/pids/mydocker/ID ] || rmdir /sys/fs/cgroup/pids/mydocker/ID; cd /sys/fs/cgroup/pids && rmdir -p mydocker 2>/dev/null || true
	rm -rf --one-file-system /c/ID
	return 0
}
trap undo EXIT

# --- On the host, for as long as the container is there
mkdir -p -m 0700 /c/ID

# --- On the host, before the container runs
mkdir -p /sys/fs/cgroup/pids/mydocker/ID
mkdir -p /sys/fs/cgroup/devices/mydocker/ID
echo 50 > /sys/fs/cgroup/pids/mydocker/ID/pids.max

# --- In the container's first process, in its new namespaces
stage1=$(cat <<'STAGE'
read -r pid _ < /proc/self/stat; echo "$pid" >&4 # its number on the host
# what it waits for is done by now
# net namespace of /proc/12/ns/net: see nsenter, above
echo 100 > /proc/self/oom_score_adj
echo 0 > /sys/fs/cgroup/pids/mydocker/ID/tasks
echo 0 > /sys/fs/cgroup/devices/mydocker/ID/tasks
# a new cgroup namespace: unshare --cgroup starts the next part
exec unshare --cgroup /bin/sh -euc "$stage2"
STAGE
)
stage2=$(cat <<'STAGE'
mount --make-rprivate /
mount -t overlay -o lowerdir=/l/2:/l/1,upperdir=/c/ID/diff,workdir=/c/ID/work overlay "$root"
umask 022
mkdir -p "$root"/proc
mount -t proc -o nosuid,nodev,noexec proc "$root"/proc
mkdir -p "$root"/dev
mount -t tmpfs -o nosuid,strictatime,mode=755 tmpfs "$root"/dev
mkdir -p "$root"/sys/fs/cgroup
mount -t tmpfs -o mode=755,size=1024k cgroup "$root"/sys/fs/cgroup
mkdir "$root"/sys/fs/cgroup/pids
mount --bind /sys/fs/cgroup/pids/mydocker/ID "$root"/sys/fs/cgroup/pids
mkdir "$root"/sys/fs/cgroup/devices
mount --bind /sys/fs/cgroup/devices/mydocker/ID "$root"/sys/fs/cgroup/devices
mount -o remount,bind,ro,nosuid "$root"/sys/fs/cgroup/pids
mount -o remount,bind,ro,nosuid "$root"/sys/fs/cgroup/devices
mount -o remount,bind,ro,nosuid "$root"/sys/fs/cgroup
mkdir -p "$root"/data
mount --rbind /srv/data "$root"/data
findmnt -nrRo TARGET "$root"/data | while read -r m; do mount -o remount,bind,ro "$m"; done
mount --make-rprivate "$root"/data
[ -e "$root"/run/hosts ] || { mkdir -p "$root"/run; : > "$root"/run/hosts; }
mount --bind /c/ID/hosts "$root"/run/hosts
mount --make-rprivate "$root"/run/hosts
mkdir -p "$root"/dev/snd
rm -f "$root"/dev/snd/x
mknod -m 0660 "$root"/dev/snd/x c 116 2
chown 0:29 "$root"/dev/snd/x
rm -f "$root"/dev/null
mknod -m 0666 "$root"/dev/null c 1 3
rm -f "$root"/dev/zero
mknod -m 0666 "$root"/dev/zero c 1 5
rm -f "$root"/dev/full
mknod -m 0666 "$root"/dev/full c 1 7
rm -f "$root"/dev/random
mknod -m 0666 "$root"/dev/random c 1 8
rm -f "$root"/dev/urandom
mknod -m 0666 "$root"/dev/urandom c 1 9
rm -f "$root"/dev/tty
mknod -m 0666 "$root"/dev/tty c 5 0
[ -e "$root"/dev/fd ] || [ -L "$root"/dev/fd ] || ln -s /proc/self/fd "$root"/dev/fd
[ -e "$root"/dev/stdin ] || [ -L "$root"/dev/stdin ] || ln -s /proc/self/fd/0 "$root"/dev/stdin
[ -e "$root"/dev/stdout ] || [ -L "$root"/dev/stdout ] || ln -s /proc/self/fd/1 "$root"/dev/stdout
[ -e "$root"/dev/stderr ] || [ -L "$root"/dev/stderr ] || ln -s /proc/self/fd/2 "$root"/dev/stderr
ln -sfn pts/ptmx "$root"/dev/ptmx
[ -e "$root"/dev/core ] || [ -L "$root"/dev/core ] || ln -s /proc/kcore "$root"/dev/core
mkdir -p "$root"/work
echo box > /proc/sys/kernel/hostname
echo lan > /proc/sys/kernel/domainname
echo 1 > "$root"/proc/sys/net/ipv4/ip_forward
if [ -e "$root"/proc/kcore ]; then mount --bind /dev/null "$root"/proc/kcore; mount -o remount,bind,ro "$root"/proc/kcore; fi
if [ -d "$root"/proc/acpi ]; then mount -t tmpfs -o ro,mode=555,nr_inodes=1 tmpfs "$root"/proc/acpi; fi
if [ -d "$root"/secret ]; then mount -t tmpfs -o ro,mode=555,nr_inodes=1 tmpfs "$root"/secret; elif [ -e "$root"/secret ]; then mount --bind /dev/null "$root"/secret; mount -o remount,bind,ro "$root"/secret; fi
if [ -e "$root"/proc/sys ]; then mount --rbind "$root"/proc/sys "$root"/proc/sys; findmnt -nrRo TARGET "$root"/proc/sys | while read -r m; do mount -o remount,bind,ro "$m"; done; fi
mount -o remount,bind,ro "$root"
# pivot_root(2), by the host's side of this script: the tools of this side end with it
# the working directory: see below
# every other descriptor is closed
# a new session: see setsid, below
prlimit --pid $$ --nofile=10:20
# bounding set: chown kill: see setpriv, below
# capabilities are kept over the change of user
umask 0022
# user 1000, group 1001: see setpriv, below
# as the user, if root may not enter it
# capabilities: none: execve(2) gives them, from the bounding set
# no_new_privs: see setpriv, below
# no signal is blocked, no other descriptor survives execve(2)
exec setsid setpriv --bounding-set=-all,+chown,+kill --reuid=1000 --regid=1001 --groups=7 --inh-caps=-all --ambient-caps=-all --no-new-privs /usr/bin/env -i PATH=/bin 'A=b c' /bin/sh -c "$last"
STAGE
)
export root last stage2

# --- The end of the first process's part: the host's root is left, the program starts
last=$(cat <<'LAST'
echo here >&4; read -r _ <&5 # for the host's side to change the root
cd /work
unset PWD OLDPWD SHLVL _
exec 3<&- 4<&- 5<&-
exec sh -c 'echo it'\''s me'
LAST
)

# --- Start it, and do the host's side
fifo=$(mktemp -d); mkfifo "$fifo"/up "$fifo"/down; exec 3<&0 4<>"$fifo"/up 5<>"$fifo"/down; rm -r "$fifo"
await() { read -r word <&4; case $word in ended*) exit "${word#ended }" ;; esac; }
( status=0
  nsenter --net=/proc/12/ns/net unshare --mount --propagation unchanged --uts --ipc --pid --fork /bin/sh -euc "$stage1" || status=$?
  echo "ended $status" >&4; exit "$status" ) <&3 &
child=$!
await; pid=$word
await
nsenter --target "$pid" --mount /bin/sh -c 'cd "$root"; exec pivot_root . .'
nsenter --mount=/proc/"$pid"/ns/mnt --root=/ umount --lazy /proc/"$pid"/root
echo go >&5
wait "$child"

# The calls of the first process
# wait for the host's side
# jump
# exit_group
# openat /proc/12/ns/net
# setns /proc/12/ns/net
# close
# openat /proc/self/oom_score_adj
# write 100 to /proc/self/oom_score_adj
# close
# openat /sys/fs/cgroup/pids/mydocker/ID/tasks
# join /sys/fs/cgroup/pids/mydocker/ID
# close
# openat /sys/fs/cgroup/devices/mydocker/ID/tasks
# join /sys/fs/cgroup/devices/mydocker/ID
# close
# unshare
# mount --make-rprivate /
# fsopen overlay
# fsconfig lowerdir+ /l/2
# fsconfig lowerdir+ /l/1
# fsconfig upperdir /c/ID/diff
# fsconfig workdir /c/ID/work
# fsconfig source overlay
# mount overlay
# fsmount
# move_mount /c/ID/merged
# openat /c/ID/merged
# umask
# openat2 proc
# jump
# jump
# jump
# mkdirat proc
# openat2 proc
# jump
# fsopen proc
# fsconfig source proc
# mount proc
# fsmount proc
# move_mount /proc
# openat2 dev
# jump
# jump
# jump
# mkdirat dev
# openat2 dev
# jump
# fstatfs
# jump
# jump
# /dev cannot be mounted because it is inside /proc
# fsopen tmpfs
# fsconfig source tmpfs
# fsconfig mode 755
# mount tmpfs
# fsmount tmpfs
# move_mount /dev
# openat2 sys/fs/cgroup
# jump
# jump
# jump
# mkdirat sys
# openat2 sys
# jump
# mkdirat fs
# openat2 sys/fs
# jump
# mkdirat cgroup
# openat2 sys/fs/cgroup
# jump
# fstatfs
# jump
# jump
# /sys/fs/cgroup cannot be mounted because it is inside /proc
# fsopen tmpfs
# fsconfig source cgroup
# fsconfig mode 755
# fsconfig size 1024k
# mount tmpfs
# fsmount tmpfs
# move_mount /sys/fs/cgroup
# mkdirat pids
# open_tree /sys/fs/cgroup/pids/mydocker/ID
# move_mount pids
# mkdirat devices
# open_tree /sys/fs/cgroup/devices/mydocker/ID
# move_mount devices
# mount_setattr /sys/fs/cgroup
# openat2 data
# jump
# jump
# jump
# mkdirat data
# openat2 data
# jump
# fstatfs
# jump
# jump
# /data cannot be mounted because it is inside /proc
# open_tree /srv/data
# mount_setattr /data
# mount_setattr rprivate
# move_mount /data
# openat2 run/hosts
# jump
# jump
# jump
# openat2 run
# jump
# jump
# jump
# mkdirat run
# openat2 run
# jump
# openat2 hosts
# close
# openat2 run/hosts
# jump
# fstatfs
# jump
# jump
# /etc/hosts cannot be mounted because it is inside /proc
# open_tree /c/ID/hosts
# mount_setattr rprivate
# move_mount /etc/hosts
# openat2 dev/snd
# jump
# jump
# jump
# mkdirat dev
# openat2 dev
# jump
# mkdirat snd
# openat2 dev/snd
# jump
# open /dev/snd
# unlink /dev/snd/x
# mknod /dev/snd/x
# fchownat x
# openat2 dev
# jump
# jump
# jump
# mkdirat dev
# openat2 dev
# jump
# open /dev
# unlink /dev/null
# mknod /dev/null
# unlink /dev/zero
# mknod /dev/zero
# unlink /dev/full
# mknod /dev/full
# unlink /dev/random
# mknod /dev/random
# unlink /dev/urandom
# mknod /dev/urandom
# unlink /dev/tty
# mknod /dev/tty
# symlink /dev/fd
# symlink /dev/stdin
# symlink /dev/stdout
# symlink /dev/stderr
# unlink /dev/ptmx
# symlink /dev/ptmx
# symlink /dev/core
# openat2 work
# jump
# jump
# jump
# mkdirat work
# openat2 work
# jump
# sethostname box
# setdomainname lan
# openat2 sys/net/ipv4/ip_forward
# write /proc/sys/net/ipv4/ip_forward
# close
# openat2 /proc/kcore
# jump
# jump
# open_tree /dev/null
# mount_setattr /dev/null
# move_mount /proc/kcore
# fcntl
# jump
# openat2 /proc/acpi
# jump
# jump
# fsopen tmpfs
# fsconfig source tmpfs
# fsconfig mode 555
# fsconfig nr_inodes 1
# fsconfig ro
# mount tmpfs
# fsmount
# move_mount /proc/acpi
# fcntl
# openat2 /secret
# jump
# jump
# jump
# open_tree
# jump
# open_tree /dev/null
# mount_setattr /dev/null
# fcntl
# move_mount /secret
# jump
# fcntl
# jump
# jump
# open_tree
# jump
# fsopen tmpfs
# fsconfig source tmpfs
# fsconfig mode 555
# fsconfig nr_inodes 1
# fsconfig ro
# mount tmpfs
# fsmount
# fcntl
# move_mount /secret
# fcntl
# openat2 /proc/sys
# jump
# jump
# open_tree /proc/sys
# mount_setattr /proc/sys
# move_mount /proc/sys
# mount_setattr / read-only
# fchdir
# pivot_root . .
# umount2 .
# chdir /
# chdir /work
# jump
# chdir /work
# close
# getcwd
# jump
# jump
# chdir /work: it is outside of the container's root
# close
# close_range
# setsid
# setrlimit nofile=10:20
# drop CAP_DAC_OVERRIDE from the bounding set
# drop CAP_DAC_READ_SEARCH from the bounding set
# drop CAP_FOWNER from the bounding set
# drop CAP_FSETID from the bounding set
# drop CAP_SETGID from the bounding set
# drop CAP_SETUID from the bounding set
# drop CAP_SETPCAP from the bounding set
# drop CAP_LINUX_IMMUTABLE from the bounding set
# drop CAP_NET_BIND_SERVICE from the bounding set
# drop CAP_NET_BROADCAST from the bounding set
# drop CAP_NET_ADMIN from the bounding set
# drop CAP_NET_RAW from the bounding set
# drop CAP_IPC_LOCK from the bounding set
# drop CAP_IPC_OWNER from the bounding set
# drop CAP_SYS_MODULE from the bounding set
# drop CAP_SYS_RAWIO from the bounding set
# drop CAP_SYS_CHROOT from the bounding set
# drop CAP_SYS_PTRACE from the bounding set
# drop CAP_SYS_PACCT from the bounding set
# drop CAP_SYS_ADMIN from the bounding set
# drop CAP_SYS_BOOT from the bounding set
# drop CAP_SYS_NICE from the bounding set
# drop CAP_SYS_RESOURCE from the bounding set
# drop CAP_SYS_TIME from the bounding set
# drop CAP_SYS_TTY_CONFIG from the bounding set
# drop CAP_MKNOD from the bounding set
# drop CAP_LEASE from the bounding set
# drop CAP_AUDIT_WRITE from the bounding set
# drop CAP_AUDIT_CONTROL from the bounding set
# drop CAP_SETFCAP from the bounding set
# drop CAP_MAC_OVERRIDE from the bounding set
# drop CAP_MAC_ADMIN from the bounding set
# drop CAP_SYSLOG from the bounding set
# drop CAP_WAKE_ALARM from the bounding set
# drop CAP_BLOCK_SUSPEND from the bounding set
# drop CAP_AUDIT_READ from the bounding set
# drop CAP_PERFMON from the bounding set
# drop CAP_BPF from the bounding set
# drop CAP_CHECKPOINT_RESTORE from the bounding set
# drop capability 41 from the bounding set
# drop capability 42 from the bounding set
# drop capability 43 from the bounding set
# drop capability 44 from the bounding set
# prctl PR_SET_KEEPCAPS
# setgroups
# setresgid 1001
# setresuid 1000
# umask
# jump
# jump
# chdir /work
# chdir /work
# close
# getcwd
# jump
# jump
# chdir /work: it is outside of the container's root
# clear the ambient set
# capset none
# prctl PR_SET_NO_NEW_PRIVS
# unblock all signals
# close_range
# execve /bin/sh
# execve /bin/sh
# end
