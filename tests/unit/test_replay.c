// SPDX-License-Identifier: BSD-2-Clause
/* Recordings that real runs made, replayed: the alerts in them are what the replay must say. */
#include "unit.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/buf.h"
#include "folder.h"
#include "ktally.h"

#define ALERT_START "{\"type\":\"alert\","

static void data_path(const char *name, char *path, size_t size)
{
	const char *slash = strrchr(__FILE__, '/');

	snprintf(path, size, "%.*sdata/replay/%s", slash ? (int)(slash - __FILE__) + 1 : 0,
		 __FILE__, name);
}

static void read_file(const char *path, struct buf *out)
{
	gzFile f = gzopen(path, "r");
	char chunk[4096];
	int n;

	assert_non_null(f);
	while ((n = gzread(f, chunk, sizeof(chunk))) > 0)
		buf_append(out, chunk, (size_t)n);
	gzclose(f);
	buf_putc(out, '\0');
}

/* The alert records among the lines. */
static void pick_alerts(const char *lines, struct buf *out)
{
	const char *end;

	for (; (end = strchr(lines, '\n')); lines = end + 1)
		if (!strncmp(lines, ALERT_START, strlen(ALERT_START)))
			buf_append(out, lines, (size_t)(end + 1 - lines));
	buf_putc(out, '\0');
}

static struct ktally_replay *replay_to(const char *out_path)
{
	KTALLY_OPTS(ktally_output_opts, out, .path = out_path);
	struct ktally_replay *r = NULL;

	assert_int_equal(ktally_replay__open(NULL, &r), 0);
	assert_int_equal(ktally_replay__set_output(r, &out), 0);
	return r;
}

static void check_golden(const char *name, uint64_t snapshots)
{
	struct ktally_replay_result result = { .sz = sizeof(result) };
	struct buf recording = {}, want = {}, got = {};
	char path[512], rules[512], out[128];
	struct ktally_replay *r;
	struct folder f;

	folder_init(&f);
	data_path(name, path, sizeof(path));
	data_path("rules.yaml", rules, sizeof(rules));
	snprintf(out, sizeof(out), "%s/out.jsonl", f.path);
	r = replay_to(out);
	assert_int_equal(ktally_replay__add_rules_file(r, rules), 0);
	assert_int_equal(ktally_replay__run(r, path), 0);
	assert_int_equal(ktally_replay__result(r, &result), 0);
	assert_int_equal(result.snapshots, snapshots);
	assert_false(result.cut);
	assert_int_equal(ktally_replay__run(r, path), -EBUSY);
	ktally_replay__close(r);
	read_file(path, &recording);
	pick_alerts(recording.data, &want);
	read_file(out, &got);
	assert_string_equal(got.data, want.data);
	assert_true(want.len > 1000);
	buf_fini(&recording);
	buf_fini(&want);
	buf_fini(&got);
	folder_fini(&f);
}

static void golden_leak(void **state)
{
	(void)state;
	check_golden("leak.jsonl", 11);
}

static void golden_tree(void **state)
{
	(void)state;
	check_golden("tree.jsonl.gz", 55);
}

/* ---- other recordings ---- */

#define HEADER                                                                              \
	"{\"type\":\"header\",\"timestamp\":1.5,\"seq\":0,\"schema\":\"ktally.v1\",\"targets\":" \
	"[],\"interval_seconds\":1}\n"
#define SNAPSHOT(second, fds)                                                              \
	"{\"type\":\"snapshot\",\"timestamp\":" #second ".5,\"seq\":" #second              \
	",\"target\":0,\"scope\":\"process\",\"pid\":7,\"comm\":\"x\",\"interval_seconds\":1," \
	"\"monotonic_seconds\":" #second ",\"open_fds\":" #fds "}\n"
#define LATER "{\"type\":\"later\",\"timestamp\":2,\"a\":{}}\n"
#define TRAILER "{\"type\":\"trailer\",\"timestamp\":9,\"seq\":9}\n"

/* Runs a rule over the text; returns what __run did, and what it said. */
static int run_text(const char *text, size_t len, struct ktally_replay_result *result,
		    char said[512])
{
	struct ktally_replay *r;
	struct folder f;
	char path[128];
	int err;

	folder_init(&f);
	folder_write(&f, "in", text, len);
	snprintf(path, sizeof(path), "%s/in", f.path);
	assert_int_equal(ktally_replay__open(NULL, &r), 0);
	assert_int_equal(ktally_replay__add_rule(r, "fds: open_fds > 5 for 2s"), 0);
	err = ktally_replay__run(r, path);
	result->sz = sizeof(*result);
	assert_int_equal(ktally_replay__result(r, result), 0);
	snprintf(said, 512, "%s", ktally_replay__last_error(r));
	ktally_replay__close(r);
	folder_fini(&f);
	return err;
}

struct text_case {
	const char *text;
	int err;
	unsigned records;
	unsigned alerts;
	int cut;
	const char *said;
};

static void what_a_recording_may_be(void **state)
{
	static const struct text_case cases[] = {
		{ HEADER SNAPSHOT(2, 6) SNAPSHOT(4, 6) TRAILER, 0, 4, 1, 0, "" },
		/* The clock is the recording's. */
		{ HEADER SNAPSHOT(2, 6) SNAPSHOT(3, 6) TRAILER, 0, 4, 0, 0, "" },
		{ HEADER SNAPSHOT(2, 6) SNAPSHOT(4, 6), 0, 3, 1, 1, "" },
		{ HEADER SNAPSHOT(2, 6) SNAPSHOT(4, 6) "{\"type\":\"snap", 0, 3, 1, 1, "" },
		{ HEADER SNAPSHOT(2, 6) LATER TRAILER, 0, 4, 0, 0, "" },
		/* Two of them: the second does not know the first. */
		{ HEADER SNAPSHOT(2, 6) TRAILER HEADER SNAPSHOT(4, 6) TRAILER, 0, 6, 0, 0, "" },
		{ HEADER "{}\n" TRAILER, -EINVAL, 1, 0, 1, ":2: it is no record" },
		{ HEADER SNAPSHOT(2, true) TRAILER, -EINVAL, 1, 0, 1,
		  ":2: 'open_fds' is no number" },
		{ HEADER SNAPSHOT(2, 1e999) TRAILER, -EINVAL, 1, 0, 1, ":2: it is no JSON" },
		{ SNAPSHOT(2, 6) TRAILER, -EPROTO, 0, 0, 0, "its first line is no header" },
		{ "{\"type\":\"header\",\"timestamp\":1}\n", -EPROTO, 0, 0, 0, "its schema is ''" },
		{ "", -EPROTO, 0, 0, 0, "is empty" },
		{ "\n\n", -EPROTO, 0, 0, 0, "it is no JSON" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct text_case *c = &cases[i];
		struct ktally_replay_result result;
		char said[512];
		int err = run_text(c->text, strlen(c->text), &result, said);

		if (err != c->err || !strstr(said, c->said))
			print_message("case %zu: %d, '%s'\n", i, err, said);
		assert_int_equal(err, c->err);
		assert_non_null(strstr(said, c->said));
		assert_int_equal(result.records, c->records);
		assert_int_equal(result.alerts_fired, c->alerts);
		assert_int_equal(result.cut, c->cut);
	}
}

static void damaged_gzip_is_told_from_a_cut_one(void **state)
{
	struct ktally_replay_result result;
	struct buf whole = {};
	char path[512], said[512];
	FILE *f;
	int c;

	(void)state;
	data_path("tree.jsonl.gz", path, sizeof(path));
	f = fopen(path, "re");
	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		buf_putc(&whole, (char)c);
	fclose(f);
	for (size_t len = whole.len - 9; len > 1500; len -= len / 3) {
		assert_int_equal(run_text(whole.data, len, &result, said), 0);
		assert_int_equal(result.cut, len < whole.len - 9);
	}
	whole.data[whole.len - 6] ^= 1; /* of its checksum */
	assert_int_equal(run_text(whole.data, whole.len, &result, said), -EBADMSG);
	assert_non_null(strstr(said, "compressed data is damaged"));
	assert_true(result.records > 0);
	buf_fini(&whole);
}

static void a_line_without_end_is_refused(void **state)
{
	size_t len = strlen(HEADER) + (20 << 20);
	struct ktally_replay_result result;
	char *text = malloc(len), said[512];

	(void)state;
	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, HEADER, strlen(HEADER));
	assert_int_equal(run_text(text, len, &result, said), -EFBIG);
	assert_non_null(strstr(said, "after line 1: the next line is longer"));
	free(text);
}

static void nothing_is_touched_on_failure(void **state)
{
	KTALLY_OPTS(ktally_sweep_opts, sweep, .from = 1, .to = 0, .step = 1);
	struct ktally_replay *r = NULL;

	(void)state;
	ktally_replay__close(NULL);
	assert_int_equal(ktally_replay__open(NULL, &r), 0);
	assert_int_equal(ktally_replay__what_if(r, "threads > 1", &sweep), -EINVAL);
	assert_int_equal(ktally_replay__what_if(r, "threads > 1", NULL), -EINVAL);
	assert_int_equal(ktally_replay__set_output(r, NULL), -EINVAL);
	assert_int_equal(ktally_replay__add_rule(r, "a: threads >"), -EINVAL);
	assert_int_equal(ktally_replay__run(r, "/nowhere/x"), -ENOENT);
	assert_string_equal(ktally_replay__last_error(r), "/nowhere/x: No such file or directory");
	ktally_replay__close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_leak),
		cmocka_unit_test(golden_tree),
		cmocka_unit_test(what_a_recording_may_be),
		cmocka_unit_test(damaged_gzip_is_told_from_a_cut_one),
		cmocka_unit_test(a_line_without_end_is_refused),
		cmocka_unit_test(nothing_is_touched_on_failure),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
