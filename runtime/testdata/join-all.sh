#!/bin/sh
# a process
#
# What mydocker does to run a command in this container, as commands. Run as root
# by sh, they run the same. mydocker itself runs none of these programs.
set -eu
target=1234 # the container's first process
echo 0 > /sys/fs/cgroup/mydocker/ID/cgroup.procs # clone3(2) with CLONE_INTO_CGROUP does this
# what it waits for is done by now
echo 100 > /proc/self/oom_score_adj
# its namespaces (user mnt uts ipc net pid cgroup time): see nsenter, below
# the first process becomes root of its user namespace: setresuid(2)
# a new pseudoterminal of the container's /dev/pts becomes its terminal; this script lends it yours
# the working directory: see below
# every other descriptor is closed
# a new session: see setsid, below
# its standard input, output and error are that terminal
prlimit --pid $$ --nofile=10:20
# bounding set: sys_chroot setuid: see setpriv, below
# capabilities are kept over the change of user
umask 0022
# user 1000, group 1001: see setpriv, below
# as the user, if root may not enter it
# what is permitted is effective until the filter is loaded
# no signal is blocked, no other descriptor survives execve(2)
# seccomp(2), no command: a filter of 3 instructions; this script's container goes without
# capabilities: none: execve(2) gives them, from the bounding set
# LD_PRELOAD of the environment is left out: the host's tools would heed it
exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
exec nsenter --target "$target" --user --mount --uts --ipc --net --pid --cgroup --time --no-fork --root=/ -- setpriv --bounding-set=-all,+sys_chroot,+setuid --regid=1001 --groups=7 --inh-caps=-all --ambient-caps=-all /usr/bin/env -i PATH=/bin 'A=b c' /usr/bin/unshare --fork --setuid=1000 --root=. --wd=/work -- sh -c 'echo it'\''s me'

# The calls of the first process
# wait for the host's side
# jump
# exit_group
# openat /proc/self/oom_score_adj
# write 100 to /proc/self/oom_score_adj
# close
# prctl PR_SET_DUMPABLE
# setns user mnt uts ipc net pid cgroup time
# jump
# jump
# setns mnt uts ipc net pid cgroup time
# pipe2
# clone3
# jump
# tell the parent
# write
# exit_group
# close
# wait for the first process
# jump
# exit_group
# close
# setgroups
# setresgid
# setresuid
# open /dev/pts
# fstatfs
# jump
# open /dev/pts as devpts
# open /dev/pts/ptmx
# unlockpt
# open the terminal
# set the window size
# send the terminal
# close
# chown the terminal
# chdir /work
# jump
# chdir /work
# close
# getcwd
# jump
# jump
# chdir /work: it is outside of the container's root
# dup3
# dup3
# dup3
# close
# close_range
# setsid
# make it the controlling terminal
# setrlimit nofile=10:20
# drop CAP_CHOWN from the bounding set
# drop CAP_DAC_OVERRIDE from the bounding set
# drop CAP_DAC_READ_SEARCH from the bounding set
# drop CAP_FOWNER from the bounding set
# drop CAP_FSETID from the bounding set
# drop CAP_KILL from the bounding set
# drop CAP_SETGID from the bounding set
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
# capget
# copy
# copy
# capset
# unblock all signals
# close_range
# seccomp
# clear the ambient set
# capset none
# execve /bin/sh
# execve /bin/sh
# end
