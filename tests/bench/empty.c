// SPDX-License-Identifier: BSD-2-Clause
/* Attaches programs of empty.bpf.c until standard input ends: empty OBJECT PROGRAM... */
#include <bpf/libbpf.h>

#include "tests/workloads/workload.h"

static struct bpf_program *find(struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	if (!program)
		die("%s: no such program", name);
	return program;
}

int main(int argc, char **argv)
{
	struct bpf_object *object = argc > 2 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct line l = { .len = 0 };
	char c;
	int i;

	if (!object)
		die("usage: empty OBJECT PROGRAM...");
	for (i = 2; i < argc; i++)
		bpf_program__set_autoload(find(object, argv[i]), true);
	if (bpf_object__load(object))
		die("%s: the kernel refused it", argv[1]);
	for (i = 2; i < argc; i++)
		if (!bpf_program__attach(find(object, argv[i])))
			die("%s: cannot attach: %s", argv[i], strerror(errno));
	put(&l, "ready");
	put_line(&l);
	while (read(STDIN_FILENO, &c, 1) == 1)
		;
	bpf_object__close(object);
	return 0;
}
