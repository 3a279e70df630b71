// SPDX-License-Identifier: BSD-2-Clause
/* libyaml's documents, read by tables of keys. */
#include "rules/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int vfail(struct yaml_reader *r, yaml_mark_t at, const char *fmt, va_list args)
{
	char *text = r->err->text;
	size_t cap = sizeof(r->err->text);
	int len = snprintf(text, cap, "%.200s:%zu:%zu: ", r->name, at.line + 1, at.column + 1);

	vsnprintf(text + len, cap - (size_t)len, fmt, args);
	return -EINVAL;
}

int yaml_fail(struct yaml_reader *r, const yaml_node_t *node, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfail(r, node->start_mark, fmt, args);
	va_end(args);
	return -EINVAL;
}

/* The length of line number `line` of text, and where it starts; 0 beyond the end. */
static size_t find_line(const char *text, size_t len, size_t line, const char **ret)
{
	const char *end = text + len;
	const char *newline;

	while (line-- && text < end) {
		newline = memchr(text, '\n', (size_t)(end - text));
		text = newline ? newline + 1 : end;
	}
	newline = memchr(text, '\n', (size_t)(end - text));
	*ret = text;
	len = (size_t)((newline ? newline : end) - text);
	return len && text[len - 1] == '\r' ? len - 1 : len;
}

/* In a literal block the lines of the value are those of the file, less their indentation. */
static yaml_mark_t inside_literal(const struct yaml_reader *r, const yaml_node_t *node,
				  size_t offset)
{
	const char *value = (const char *)node->data.scalar.value;
	yaml_mark_t at = node->start_mark;
	size_t line = 0, start = 0, in_value, in_file;
	const char *ignored;

	for (size_t i = 0; i < offset; i++) {
		if (value[i] != '\n')
			continue;
		line++;
		start = i + 1;
	}
	in_value = find_line(value, node->data.scalar.length, line, &ignored);
	in_file = find_line(r->text, r->len, at.line + 1 + line, &ignored);
	at.line += 1 + line;
	at.column = offset - start + (in_file > in_value ? in_file - in_value : 0);
	return at;
}

/* Exact for literal blocks and for what stands on one line; else where the value starts. */
static yaml_mark_t position_inside(const struct yaml_reader *r, const yaml_node_t *node,
				   size_t offset)
{
	yaml_mark_t at = node->start_mark;

	if (node->data.scalar.style == YAML_LITERAL_SCALAR_STYLE)
		return inside_literal(r, node, offset);
	if (node->data.scalar.style != YAML_FOLDED_SCALAR_STYLE && at.line == node->end_mark.line)
		at.column += offset + (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE);
	return at;
}

int yaml_fail_inside(struct yaml_reader *r, const yaml_node_t *node, size_t offset, const char *fmt,
		     ...)
{
	va_list args;

	va_start(args, fmt);
	vfail(r, position_inside(r, node, offset), fmt, args);
	va_end(args);
	return -EINVAL;
}

__attribute__((format(printf, 3, 4))) static int fail_at(struct yaml_reader *r, yaml_mark_t at,
							 const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfail(r, at, fmt, args);
	va_end(args);
	return -EINVAL;
}

static int fail_parser(struct yaml_reader *r, const yaml_parser_t *parser)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	return fail_at(r, parser->problem_mark, "this is not YAML: %s",
		       parser->problem ? parser->problem : "it cannot be read");
}

/* A second document would be rules that are not applied. */
static int load_end(struct yaml_reader *r, yaml_parser_t *parser)
{
	yaml_document_t more;
	yaml_node_t *root;
	int err = 0;

	if (!yaml_parser_load(parser, &more))
		return fail_parser(r, parser);
	root = yaml_document_get_root_node(&more);
	if (root)
		err = yaml_fail(r, root, "expected the end: a rule file is one YAML document");
	yaml_document_delete(&more);
	return err;
}

int yaml_load(struct yaml_reader *r)
{
	yaml_parser_t parser;
	int err = 0;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)r->text, r->len);
	r->loaded = yaml_parser_load(&parser, &r->doc);
	if (!r->loaded)
		err = fail_parser(r, &parser);
	else if (yaml_root(r))
		err = load_end(r, &parser);
	yaml_parser_delete(&parser);
	return err;
}

void yaml_unload(struct yaml_reader *r)
{
	if (r->loaded)
		yaml_document_delete(&r->doc);
	r->loaded = false;
}

yaml_node_t *yaml_root(struct yaml_reader *r)
{
	return yaml_document_get_root_node(&r->doc);
}

yaml_node_t *yaml_node(struct yaml_reader *r, int index)
{
	return yaml_document_get_node(&r->doc, index);
}

static bool is_null(const yaml_node_t *node)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
	const char *value = (const char *)node->data.scalar.value;

	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		if (!strcmp(nulls[i], value))
			return true;
	return false;
}

int yaml_text(struct yaml_reader *r, yaml_node_t *node, const char *what, const char **ret)
{
	const char *value = (const char *)node->data.scalar.value;

	if (node->type != YAML_SCALAR_NODE || is_null(node))
		return yaml_fail(r, node, "expected %s", what);
	if (!node->data.scalar.length || strlen(value) != node->data.scalar.length)
		return yaml_fail(r, node, "expected %s, not %s", what,
				 *value ? "a zero byte" : "an empty text");
	*ret = value;
	return 0;
}

/* "alert, expr, for" */
static void append_keys(struct yaml_reader *r, const struct yaml_key *keys)
{
	char *text = r->err->text;
	size_t cap = sizeof(r->err->text);

	for (const char *comma = ""; keys->name; keys++) {
		size_t len = strlen(text);

		if (keys->lacking)
			continue;
		snprintf(text + len, cap - len, "%s%s", comma, keys->name);
		comma = ", ";
	}
}

static int find_key(struct yaml_reader *r, yaml_node_t *node, const char *what,
		    const struct yaml_key *keys, size_t *ret)
{
	const char *name;
	int err = yaml_text(r, node, "a key", &name);

	if (err)
		return err;
	for (size_t i = 0; keys[i].name; i++) {
		if (strcmp(keys[i].name, name))
			continue;
		if (keys[i].lacking)
			return yaml_fail(r, node,
					 "'%s' is a key of Prometheus that ktally does not "
					 "have: %s",
					 name, keys[i].lacking);
		*ret = i;
		return 0;
	}
	yaml_fail(r, node, "unknown key '%.40s' in %s; expected one of: ", name, what);
	append_keys(r, keys);
	return -EINVAL;
}

static int check_required(struct yaml_reader *r, yaml_node_t *node, const char *what,
			  const struct yaml_key *keys, unsigned int seen)
{
	for (size_t i = 0; keys[i].name; i++)
		if (keys[i].required && !(seen & (1U << i)))
			return yaml_fail(r, node, "expected '%s' in %s", keys[i].name, what);
	return 0;
}

int yaml_mapping(struct yaml_reader *r, yaml_node_t *node, const char *what,
		 const struct yaml_key *keys, void *into)
{
	unsigned int seen = 0;

	if (node->type != YAML_MAPPING_NODE)
		return yaml_fail(r, node, "expected %s, which is a mapping of keys to values",
				 what);
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
	     p++) {
		size_t i = 0;
		int err = find_key(r, yaml_node(r, p->key), what, keys, &i);

		if (!err && seen & (1U << i))
			err = yaml_fail(r, yaml_node(r, p->key), "'%s' is here twice",
					keys[i].name);
		if (!err)
			err = keys[i].read(r, yaml_node(r, p->value), into);
		if (err)
			return err;
		seen |= 1U << i;
	}
	return check_required(r, node, what, keys, seen);
}

int yaml_sequence(struct yaml_reader *r, yaml_node_t *node, const char *what, yaml_read_fn read,
		  void *into)
{
	int err = 0;

	if (is_null(node))
		return 0;
	if (node->type != YAML_SEQUENCE_NODE)
		return yaml_fail(r, node, "expected %s", what);
	for (yaml_node_item_t *i = node->data.sequence.items.start;
	     !err && i < node->data.sequence.items.top; i++)
		err = read(r, yaml_node(r, *i), into);
	return err;
}
