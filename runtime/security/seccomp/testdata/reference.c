/* Reads a profile as words and writes libseccomp's program for it:
 *   default ACTION
 *   arch TOKEN
 *   rule ACTION NAME N {INDEX OP A B}...
 */
#include <seccomp.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <inttypes.h>

int main(void) {
	char word[64], name[128];
	scmp_filter_ctx ctx = NULL;
	while (scanf("%63s", word) == 1) {
		if (!strcmp(word, "default")) {
			uint32_t act;
			if (scanf("%" SCNu32, &act) != 1 || !(ctx = seccomp_init(act))) return 2;
		} else if (!strcmp(word, "arch")) {
			uint32_t token;
			if (scanf("%" SCNu32, &token) != 1) return 2;
			int rc = seccomp_arch_add(ctx, token);
			if (rc != 0 && rc != -17) return 3;
		} else if (!strcmp(word, "rule")) {
			uint32_t act;
			unsigned n;
			struct scmp_arg_cmp args[6];
			if (scanf("%" SCNu32 " %127s %u", &act, name, &n) != 3 || n > 6) return 2;
			for (unsigned i = 0; i < n; i++) {
				unsigned index, op;
				uint64_t a, b;
				if (scanf("%u %u %" SCNu64 " %" SCNu64, &index, &op, &a, &b) != 4) return 2;
				args[i] = (struct scmp_arg_cmp){index, op, a, b};
			}
			int nr = seccomp_syscall_resolve_name(name);
			if (nr == __NR_SCMP_ERROR) { fprintf(stderr, "unknown %s\n", name); continue; }
			int rc = seccomp_rule_add_array(ctx, act, nr, n, args);
			if (rc != 0) { fprintf(stderr, "rule %s: %d\n", name, rc); if (rc != -33 && rc != -22) return 4; }
		}
	}
	return seccomp_export_bpf(ctx, 1) != 0;
}
