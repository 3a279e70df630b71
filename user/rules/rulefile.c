// SPDX-License-Identifier: BSD-2-Clause
/* Rule files: which keys there are, and what each means. */
#include "rules/rulefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/lexer.h"
#include "rules/yaml.h"

#define FILE_LEN_MAX (1 << 20)

void rule_batch_fini(struct rule_batch *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->cnt; i++)
		rule_free(b->v[i]);
	free(b->v);
	*b = (struct rule_batch){};
}

static int batch_add(struct rule_batch *b, struct rule *rule)
{
	struct rule **v = reallocarray(b->v, b->cnt + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	b->v = v;
	v[b->cnt++] = rule;
	return 0;
}

/* ---- a rule ---- */

static int read_alert(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct rule *rule = into;
	const char *text;
	char *name;
	int err = yaml_text(r, node, "the alert's name", &text);

	if (err)
		return err;
	name = strdup(text);
	if (!name)
		return -ENOMEM;
	free(rule->name);
	rule->name = name;
	return 0;
}

static int read_expr(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct rule *rule = into;
	struct expr_error wrong;
	const char *text;
	int err = yaml_text(r, node, "an expression", &text);

	if (err)
		return err;
	err = expr_parse(text, NULL, &wrong, &rule->expr);
	return err == -EINVAL ? yaml_fail_inside(r, node, wrong.offset, "%s", wrong.text) : err;
}

static int read_duration(struct yaml_reader *r, yaml_node_t *node, uint64_t *ret)
{
	const char *text;
	int err = yaml_text(r, node, "a duration", &text);

	if (err)
		return err;
	if (lex_duration_ns(text, strlen(text), ret))
		return yaml_fail(r, node, "expected a duration such as 30s or 1h30m, not '%.40s'",
				 text);
	return 0;
}

static int read_for(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return read_duration(r, node, &((struct rule *)into)->for_ns);
}

static int read_keep_firing_for(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return read_duration(r, node, &((struct rule *)into)->keep_firing_ns);
}

static bool is_label_name(const char *name)
{
	size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

	return len && !name[len] && !(name[0] >= '0' && name[0] <= '9') && strcmp(name, "__name__");
}

static bool has_label(const struct label *labels, size_t cnt, const char *name)
{
	for (size_t i = 0; i < cnt; i++)
		if (!strcmp(labels[i].name, name))
			return true;
	return false;
}

typedef int (*add_fn)(struct rule *rule, const char *name, const char *value,
		      struct expr_error *err);

static int read_pair(struct yaml_reader *r, yaml_node_pair_t *pair, struct rule *rule, add_fn add)
{
	yaml_node_t *key = yaml_node(r, pair->key);
	yaml_node_t *node = yaml_node(r, pair->value);
	bool labels = add == rule_add_label;
	struct expr_error wrong;
	const char *name, *value;
	int err = yaml_text(r, key, "a name", &name);

	if (!err)
		err = yaml_text(r, node, "text (numbers in quotes, too)", &value);
	if (err)
		return err;
	if (!is_label_name(name))
		return yaml_fail(r, key, "expected a name of letters, digits and _, not '%.40s'",
				 name);
	if (has_label(labels ? rule->labels : rule->annotations,
		      labels ? rule->label_cnt : rule->annotation_cnt, name))
		return yaml_fail(r, key, "'%.40s' is here twice", name);
	err = add(rule, name, value, &wrong);
	return err == -EINVAL ? yaml_fail_inside(r, node, wrong.offset, "%s", wrong.text) : err;
}

static int read_pairs(struct yaml_reader *r, yaml_node_t *node, struct rule *rule, add_fn add)
{
	int err = 0;

	if (node->type != YAML_MAPPING_NODE)
		return yaml_fail(r, node, "expected a mapping of names to texts");
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
	     !err && p < node->data.mapping.pairs.top; p++)
		err = read_pair(r, p, rule, add);
	return err;
}

static int read_labels(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return read_pairs(r, node, into, rule_add_label);
}

static int read_annotations(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return read_pairs(r, node, into, rule_add_annotation);
}

static const struct yaml_key rule_keys[] = {
	{ .name = "alert", .read = read_alert, .required = true },
	{ .name = "expr", .read = read_expr, .required = true },
	{ .name = "for", .read = read_for },
	{ .name = "keep_firing_for", .read = read_keep_firing_for },
	{ .name = "labels", .read = read_labels },
	{ .name = "annotations", .read = read_annotations },
	{ .name = "record", .lacking = "ktally has alerts, no recording rules" },
	{},
};

static int read_rule(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct rule_batch *batch = into;
	struct rule *rule = rule_new("");
	int err;

	if (!rule)
		return -ENOMEM;
	err = yaml_mapping(r, node, "a rule", rule_keys, rule);
	if (!err)
		err = batch_add(batch, rule);
	if (err)
		rule_free(rule);
	return err;
}

/* ---- groups ---- */

struct file {
	struct rule_batch *batch;
	const char **names; /* of the groups so far */
	size_t name_cnt;
};

static int read_name(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct file *f = into;
	const char *name;
	const char **names;
	int err = yaml_text(r, node, "the group's name", &name);

	if (err)
		return err;
	for (size_t i = 0; i < f->name_cnt; i++)
		if (!strcmp(f->names[i], name))
			return yaml_fail(r, node, "there is a group '%.40s' already", name);
	names = reallocarray(f->names, f->name_cnt + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	f->names = names;
	names[f->name_cnt++] = name;
	return 0;
}

static int read_rules(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_sequence(r, node, "a list of rules", read_rule, ((struct file *)into)->batch);
}

static const struct yaml_key group_keys[] = {
	{ .name = "name", .read = read_name, .required = true },
	{ .name = "rules", .read = read_rules, .required = true },
	{ .name = "interval", .lacking = "rules are evaluated with every snapshot" },
	{ .name = "query_offset", .lacking = "rules are evaluated with every snapshot" },
	{ .name = "limit", .lacking = "a rule has one alert per process" },
	{ .name = "labels", .lacking = "give the labels to each rule" },
	{},
};

static int read_group(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_mapping(r, node, "a group", group_keys, into);
}

static int read_groups(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_sequence(r, node, "a list of groups", read_group, into);
}

static const struct yaml_key file_keys[] = {
	{ .name = "groups", .read = read_groups },
	{},
};

int rulefile_parse(const char *name, const char *text, size_t len, struct rule_batch *batch,
		   struct rule_error *err)
{
	struct yaml_reader r = { .name = name, .text = text ? text : "", .len = len, .err = err };
	struct file f = { .batch = batch };
	int e = yaml_load(&r);

	if (!e && yaml_root(&r))
		e = yaml_mapping(&r, yaml_root(&r), "a rule file", file_keys, &f);
	free(f.names);
	yaml_unload(&r);
	return e;
}

static int fail_errno(const char *path, int err, struct rule_error *ret)
{
	snprintf(ret->text, sizeof(ret->text), "%s: %s", path, strerror(-err));
	return err;
}

static int read_all(int fd, struct buf *b)
{
	ssize_t n;

	do {
		char *to = buf_reserve(b, 4096);

		if (!to)
			return -ENOMEM;
		n = read(fd, to, 4096);
		if (n < 0)
			return -errno;
		b->len += (size_t)n;
	} while (n && b->len <= FILE_LEN_MAX);
	return n ? -EFBIG : 0;
}

int rulefile_read(const char *path, struct rule_batch *batch, struct rule_error *err)
{
	struct buf text = {};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int e;

	if (fd < 0)
		return fail_errno(path, -errno, err);
	e = read_all(fd, &text);
	close(fd);
	if (e)
		e = fail_errno(path, e, err);
	else
		e = rulefile_parse(path, text.data, text.len, batch, err);
	buf_fini(&text);
	return e;
}
