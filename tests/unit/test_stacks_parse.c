// SPDX-License-Identifier: BSD-2-Clause
/* What processes write or name themselves: memory maps with hostile paths, names of a JIT,
 * symbols. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "stacks/demangle.h"
#include "stacks/jitmap.h"
#include "stacks/maps.h"

static int parse_maps(const char *text, struct maps *ret)
{
	return maps_parse(text, strlen(text), ret);
}

static const char plain_maps[] =
	"00400000-00401000 r--p 00000000 08:01 77                        /usr/bin/leaky\n"
	"00401000-00403000 r-xp 00001000 08:01 77                        /usr/bin/leaky\n"
	"00403000-00404000 rwxp 00003000 08:01 77                        /usr/bin/leaky\n"
	"7f0000000000-7f0000010000 rw-p 00000000 00:00 0                 [heap]\n"
	"7f0000010000-7f0000020000 r-xp 00000000 00:00 0 \n"
	"7f0000020000-7f0000030000 rwxp 00000000 00:00 0 \n"
	"7ffff7fc1000-7ffff7fc3000 r-xp 00000000 00:00 0                 [vdso]\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0         [vsyscall]\n";

static void executable_rows_are_kept(void **state)
{
	struct maps maps;
	const struct map_row *row;

	(void)state;
	assert_int_equal(parse_maps(plain_maps, &maps), 0);
	assert_int_equal(maps.cnt, 5);
	assert_null(maps_find(&maps, 0x400fff));
	row = maps_find(&maps, 0x402fff);
	assert_non_null(row);
	assert_int_equal(row->offset, 0x1000);
	assert_int_equal(row->inode, 77);
	assert_int_equal(row->dev_major, 8);
	assert_int_equal(row->dev_minor, 1);
	assert_string_equal(maps_path(&maps, row), "/usr/bin/leaky");
	assert_int_equal(maps_find(&maps, 0x403000)->path, row->path);
	assert_null(maps_find(&maps, 0x404000));
	assert_null(maps_find(&maps, 0));
	assert_null(maps_find(&maps, UINT64_MAX));
	assert_true(maps_is_vdso(&maps, maps_find(&maps, 0x7ffff7fc2000)));
	maps_fini(&maps);
}

static void neighbours_without_a_file_are_one(void **state)
{
	struct maps maps;
	const struct map_row *row;

	(void)state;
	assert_int_equal(parse_maps(plain_maps, &maps), 0);
	row = maps_find(&maps, 0x7f0000010000);
	assert_ptr_equal(row, maps_find(&maps, 0x7f000002ffff));
	assert_string_equal(maps_path(&maps, row), "");
	maps_fini(&maps);
}

struct path_case {
	const char *path;
	const char *expected;
};

static const struct path_case path_cases[] = {
	{ "/a b  c", "/a b  c" },
	{ "/tmp/x (deleted)", "/tmp/x" },
	{ "/tmp/x (deleted) (deleted)", "/tmp/x (deleted)" },
	{ " (deleted)", "(deleted)" },
	{ "/line\\012break", "/line\nbreak" },
	{ "/7f00-7f01 r-xp 0 0:0 1 /etc/passwd", "/7f00-7f01 r-xp 0 0:0 1 /etc/passwd" },
	{ "/\xff\xfe\t", "/\xff\xfe\t" },
	{ "/memfd:doublemapper (deleted)", "/memfd:doublemapper" },
	{ "[vdso]", "[vdso]" },
};

static void a_path_may_hold_anything(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(path_cases) / sizeof(path_cases[0]); i++) {
		char text[256];
		struct maps maps;

		snprintf(text, sizeof(text), "1000-2000 r-xp 00000000 fd:00 9   %s\n",
			 path_cases[i].path);
		assert_int_equal(parse_maps(text, &maps), 0);
		assert_int_equal(maps.cnt, 1);
		assert_string_equal(maps_path(&maps, maps.rows), path_cases[i].expected);
		/* A file that calls itself the vdso is none. */
		assert_false(maps_is_vdso(&maps, maps.rows));
		maps_fini(&maps);
	}
}

static const char *const bad_maps[] = {
	"x",
	"1000",
	"1000-",
	"1000-2000",
	"1000-2000 r-xp",
	"1000-2000 rwxps 0 0:0 0",
	"1000-2000 r-x 0 0:0 0",
	"1000-2000 r-xp 0 00 0",
	"1000-2000 r-xp 0 0:0",
	"1000-2000 r-xp 0 0:0 x",
	"2000-1000 r-xp 0 0:0 0",
	"1000-1000 r-xp 0 0:0 0",
	"1000-2000 r-xp 0 100000000:0 0",
	"11111111111111111-2 r-xp 0 0:0 0",
	"1000-3000 r-xp 0 0:0 0\n2000-4000 r-xp 0 0:0 0\n",
	"\n",
};

static void what_is_no_map_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_maps) / sizeof(bad_maps[0]); i++) {
		struct maps maps = { .cnt = 5 };

		assert_int_equal(parse_maps(bad_maps[i], &maps), -EINVAL);
		assert_int_equal(maps.cnt, 5);
	}
}

static void rows_and_names_are_bounded(void **state)
{
	struct buf text = {};
	struct maps maps;

	(void)state;
	for (uint64_t i = 1; i <= 2 * MAPS_ROWS_MAX; i++)
		buf_printf(&text, "%jx000-%jx800 r-xp 0 8:1 %ju /%0200ju\n", (uintmax_t)i,
			   (uintmax_t)i, (uintmax_t)i, (uintmax_t)i);
	assert_int_equal(text.err, 0);
	assert_int_equal(maps_parse(text.data, text.len, &maps), 0);
	assert_int_equal(maps.cnt, MAPS_ROWS_MAX);
	assert_true(maps.paths_len <= MAPS_PATHS_MAX);
	assert_string_equal(maps_path(&maps, &maps.rows[MAPS_ROWS_MAX - 1]), "");
	assert_int_equal(maps_path(&maps, maps.rows)[200], '1');
	maps_fini(&maps);
	buf_fini(&text);
}

static void no_map_is_an_empty_map(void **state)
{
	struct maps maps;

	(void)state;
	assert_int_equal(parse_maps("", &maps), 0);
	assert_int_equal(maps.cnt, 0);
	assert_null(maps_find(&maps, 1));
	maps_fini(&maps);
	maps_fini(NULL);
}

/* ---- JIT ---- */

static const char jit_text[] = "7f0010 20 Builtin:one\n"
			       "0x7f0040 0x10 with spaces;and more\n"
			       "7f0010 8 RegExp:two\n"
			       "garbage\n"
			       "7f0060 0 empty\n"
			       "7f0000 1000 earlier but later\n"
			       "ffffffffffffffff 2 over the end\n"
			       "7f2000 10 cut";

static const char *jit_name(const struct jitmap *map, uint64_t address)
{
	const char *name = jitmap_find(map, address);

	return name ? name : "";
}

static void the_later_name_wins(void **state)
{
	struct jitmap map;
	size_t before = strlen(jit_text) - strlen("7f0000 1000 earlier but later\n"
						  "ffffffffffffffff 2 over the end\n7f2000 10 cut");

	(void)state;
	assert_int_equal(jitmap_parse(jit_text, before, &map), 0);
	assert_int_equal(map.cnt, 3);
	assert_string_equal(jit_name(&map, 0x7f0010), "RegExp:two");
	assert_string_equal(jit_name(&map, 0x7f0017), "RegExp:two");
	assert_string_equal(jit_name(&map, 0x7f0018), "Builtin:one");
	assert_string_equal(jit_name(&map, 0x7f0030), "");
	assert_string_equal(jit_name(&map, 0x7f0041), "with spaces;and more");
	assert_string_equal(jit_name(&map, 0x7f0060), "");
	jitmap_fini(&map);
	assert_int_equal(jitmap_parse(jit_text, strlen(jit_text), &map), 0);
	assert_string_equal(jit_name(&map, 0x7f0010), "earlier but later");
	assert_string_equal(jit_name(&map, 0x7f0fff), "earlier but later");
	assert_string_equal(jit_name(&map, 0x7f2001), "cut");
	assert_string_equal(jit_name(&map, 0), "");
	assert_string_equal(jit_name(&map, UINT64_MAX), "");
	jitmap_fini(&map);
	jitmap_fini(NULL);
}

/* ---- symbols ---- */

struct symbol_case {
	const char *symbol;
	const char *expected;
};

static const struct symbol_case symbol_cases[] = {
	{ "main", "main" },
	{ "_start", "_start" },
	{ "", "" },
	{ "_ZN5store4file4openEiPKc", "store::file::open(int, char const*)" },
	{ "_ZNSt6vectorIiSaIiEE9push_backERKi",
	  "std::vector<int, std::allocator<int> >::push_back(int const&)" },
	{ "_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt" },
	{ "_RNvCs1234_7mycrate3foo", "mycrate::foo" },
	{ "_Z", "_Z" },
	{ "_ZNNNNN", "_ZNNNNN" },
};

static void symbols_become_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(symbol_cases) / sizeof(symbol_cases[0]); i++) {
		struct buf out = {};

		buf_puts(&out, ">");
		demangle(symbol_cases[i].symbol, &out);
		buf_putc(&out, 0);
		assert_string_equal(out.data + 1, symbol_cases[i].expected);
		buf_fini(&out);
	}
}

/* f(A, P<A, A>, P<P<A, A>, P<A, A>>, ...): the name doubles with every eleven bytes. */
static void a_name_that_explodes_stays_a_symbol(void **state)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct buf symbol = {}, out = {};

	(void)state;
	buf_puts(&symbol, "_Z1f1A1PIS_S_E");
	for (int i = 1; i < 33; i++)
		buf_printf(&symbol, "S0_IS%c_S%c_E", digits[i], digits[i]);
	buf_putc(&symbol, 0);
	demangle(symbol.data, &out);
	assert_int_equal(out.len, symbol.len - 1);
	assert_memory_equal(out.data, symbol.data, out.len);
	/* The first steps of it are a name like any other. */
	buf_reset(&out);
	demangle("_Z1f1A1PIS_S_ES0_IS1_S1_E", &out);
	buf_putc(&out, 0);
	assert_string_equal(out.data, "f(A, P<A, A>, P<P<A, A>, P<A, A> >)");
	buf_fini(&symbol);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(executable_rows_are_kept),
		cmocka_unit_test(neighbours_without_a_file_are_one),
		cmocka_unit_test(a_path_may_hold_anything),
		cmocka_unit_test(what_is_no_map_is_refused),
		cmocka_unit_test(rows_and_names_are_bounded),
		cmocka_unit_test(no_map_is_an_empty_map),
		cmocka_unit_test(the_later_name_wins),
		cmocka_unit_test(symbols_become_names),
		cmocka_unit_test(a_name_that_explodes_stays_a_symbol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
