#!/bin/sh
# a process
#
# What mydocker does to run a command in this container, as commands. Run as root
# by sh, they run the same. mydocker itself runs none of these programs.
set -eu
target=1234 # the container's first process
echo 100 > /proc/self/oom_score_adj
echo 0 > /sys/fs/cgroup/pids/mydocker/ID/tasks
echo 0 > /sys/fs/cgroup/devices/mydocker/ID/tasks
# its namespaces (mnt uts ipc net pid cgroup): see nsenter, below
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
# the program is in the new session, but does not lead it: it is born later
# LD_PRELOAD of the environment is left out: the host's tools would heed it
# the container lacks a capability that the last command needs: unlike mydocker's own,
# this script's process keeps it, in its inheritable set: sys_chroot setuid
exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
exec setsid --wait nsenter --target "$target" --mount --uts --ipc --net --pid --cgroup --no-fork --root=/ -- setpriv --inh-caps=-all,+sys_chroot,+setuid setpriv --bounding-set=-all,+chown,+kill --regid=1001 --groups=7 --ambient-caps=-all --no-new-privs /usr/bin/env -i PATH=/bin 'A=b c' /usr/bin/unshare --fork --setuid=1000 --root=. --wd=/work -- sh -c 'echo it'\''s me'

# The calls of the first process
# openat /proc/self/oom_score_adj
# write 100 to /proc/self/oom_score_adj
# close
# openat /sys/fs/cgroup/pids/mydocker/ID/tasks
# join /sys/fs/cgroup/pids/mydocker/ID
# close
# openat /sys/fs/cgroup/devices/mydocker/ID/tasks
# join /sys/fs/cgroup/devices/mydocker/ID
# close
# prctl PR_SET_DUMPABLE
# setns mnt uts ipc net pid cgroup
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
