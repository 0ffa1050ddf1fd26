// Prints, one a line, how the kernel treats the process: what /proc does not tell.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

int main(int argc, char **argv)
{
	struct attr a = {0};
	if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) == 0)
		printf("scheduler %u flags %llu nice %d priority %u %llu/%llu/%llu\n", a.policy, (unsigned long long)a.flags, a.nice, a.priority,
		       (unsigned long long)a.runtime, (unsigned long long)a.deadline, (unsigned long long)a.period);
	long io = syscall(SYS_ioprio_get, 1, 0);
	printf("ioprio %ld %ld\n", io >> 13, io & 0x1fff);
	printf("personality %x\n", personality(0xffffffff));
	int mode = -1;
	unsigned long nodes[16] = {0};
	if (syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8, 0, 0) == 0)
		printf("mempolicy %x %lx\n", mode, nodes[0]);
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof cpus, &cpus);
	printf("cpus");
	for (int i = 0; i < 64; i++)
		if (CPU_ISSET(i, &cpus))
			printf(" %d", i);
	printf("\n");
	char key[256] = {0};
	if (syscall(SYS_keyctl, 6 /* describe */, -3 /* session keyring */, key, sizeof key) > 0)
		printf("keyring %s\n", key);
	printf("keyid %ld\n", syscall(SYS_keyctl, 0, -3, 0));
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit r;
		getrlimit(i, &r);
		printf("rlimit %d %lld %lld\n", i, (long long)r.rlim_cur, (long long)r.rlim_max);
	}
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	printf("boottime %lld\n", (long long)t.tv_sec);
	for (int i = 1; i < argc; i++) {
		long r = syscall(atol(argv[i]), 0, 0, 0, 0, 0, 0);
		printf("syscall %s %ld %s\n", argv[i], r, r < 0 ? strerror(errno) : "");
	}
	return 0;
}
