// SPDX-License-Identifier: BSD-2-Clause
/* Attaches programs of empty.bpf.c until standard input ends: empty OBJECT PROGRAM[@SYMBOL]... */
#include <bpf/libbpf.h>

#include "tests/workloads/workload.h"

/* Cuts the symbol off. */
static struct bpf_program *find(struct bpf_object *object, char *name)
{
	struct bpf_program *program;

	name[strcspn(name, "@")] = '\0';
	program = bpf_object__find_program_by_name(object, name);
	if (!program)
		die("%s: no such program", name);
	return program;
}

/* symbol: NULL for a program whose section says where it belongs. */
static struct bpf_link *attach(const struct bpf_program *program, const char *symbol)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .syms = &symbol, .cnt = 1,
		    .retprobe = !strncmp(bpf_program__name(program), "ret", 3));

	if (!symbol)
		return bpf_program__attach(program);
	return bpf_program__attach_kprobe_multi_opts(program, NULL, &opts);
}

int main(int argc, char **argv)
{
	struct bpf_object *object = argc > 2 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct line l = { .len = 0 };
	char *symbol, c;
	int i;

	if (!object)
		die("usage: empty OBJECT PROGRAM[@SYMBOL]...");
	for (i = 2; i < argc; i++) {
		symbol = strchr(argv[i], '@');
		bpf_program__set_autoload(find(object, argv[i]), true);
		if (symbol)
			*symbol = '@';
	}
	if (bpf_object__load(object))
		die("%s: the kernel refused it", argv[1]);
	for (i = 2; i < argc; i++) {
		symbol = strchr(argv[i], '@');
		if (!attach(find(object, argv[i]), symbol ? symbol + 1 : NULL))
			die("%s: cannot attach: %s", argv[i], strerror(errno));
	}
	put(&l, "ready");
	put_line(&l);
	while (read(STDIN_FILENO, &c, 1) == 1)
		;
	bpf_object__close(object);
	return 0;
}
