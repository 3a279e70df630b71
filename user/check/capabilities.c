// SPDX-License-Identifier: BSD-2-Clause
/* Effective capabilities, and what each is good for. */
#include "check/check.h"

#include <sys/capability.h>

#include "monitor/caps.h"

const char check_fix_capabilities[] =
	"run it with sudo, or once: setcap "
	"cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep \"$(command -v ktally)\"";

struct row {
	cap_value_t cap;
	const char *name;
	bool in_sys_admin; /* CAP_SYS_ADMIN does as well (include/linux/capability.h, since 5.8) */
	const char *fix;
	const char *detail;
};

static const struct row rows[] = {
	{ CAP_BPF, "CAP_BPF", true, check_fix_capabilities,
	  "loads programs, makes and reads maps" },
	{ CAP_PERFMON, "CAP_PERFMON", true, check_fix_capabilities,
	  "attaches programs that read kernel memory" },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE", false, check_fix_capabilities,
	  "opens what /proc hides of other users' processes" },
	{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", false, check_fix_capabilities,
	  "lists the descriptors of other users' processes, with CAP_SYS_PTRACE" },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN", false, NULL,
	  "not needed beside CAP_BPF and CAP_PERFMON, which it includes" },
};

void check_capabilities(struct ktally_check *c)
{
	bool admin = caps_effective(CAP_SYS_ADMIN);
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		bool held = caps_effective(r->cap);
		bool through = !held && r->in_sys_admin && admin;

		check_add(c, "capabilities", r->name, held || through ? CHECK_YES : CHECK_NO,
			  r->fix, "%s%s", r->detail, through ? "; held through CAP_SYS_ADMIN" : "");
	}
}
