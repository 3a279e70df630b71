// SPDX-License-Identifier: BSD-2-Clause
/* What starts with a name: fields with their matchers and ranges, and calls. */
#include "rules/parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "rules/functions.h"

/* ---- selectors ---- */

static int parse_label(struct parser *p, const char **ret)
{
	const char *label = NULL;

	if (p->t.kind != TOKEN_WORD)
		return parser_expected(p, "a label (" LABEL_NAMES ")");
	label = label_find(p->text + p->t.start, p->t.end - p->t.start);
	if (!label)
		return parser_fail(p, p->t.start,
				   "there is no label '%.*s'; there are: " LABEL_NAMES,
				   parser_shown(&p->t), p->text + p->t.start);
	parser_next(p);
	*ret = label;
	return 0;
}

/* label op "value" */
static int parse_matcher(struct parser *p, struct matcher_set *set)
{
	const char *label = NULL;
	const char *wrong = NULL;
	bool negate, is_regex;
	struct token string;
	char *value;
	int err = parse_label(p, &label);

	if (err)
		return err;
	negate = parser_at_sign(p, "!=") || parser_at_sign(p, "!~");
	is_regex = parser_at_sign(p, "=~") || parser_at_sign(p, "!~");
	if (!negate && !is_regex && !parser_at_sign(p, "="))
		return parser_expected(p, "= or != or =~ or !~ after the label");
	parser_next(p);
	string = p->t;
	if (string.kind != TOKEN_STRING)
		return parser_expected(p, "a value in quotes");
	value = lex_string(p->text, &string);
	if (!value)
		return parser_fail(p, string.start,
				   "this string has an escape that is not known here");
	err = matcher_set_add(set, label, negate, is_regex, value, &wrong);
	if (err == -EINVAL)
		return parser_fail(p, string.start, "bad regular expression %.*s: %s",
				   parser_shown(&string), p->text + string.start, wrong);
	parser_next(p);
	return err;
}

static int parse_matchers(struct parser *p, struct matcher_set *set)
{
	int err;

	if (!parser_at_sign(p, "{"))
		return 0;
	parser_next(p);
	while (!parser_at_sign(p, "}")) {
		err = parse_matcher(p, set);
		if (err)
			return err;
		if (!parser_at_sign(p, ",") && !parser_at_sign(p, "}"))
			return parser_expected(p, "',' or '}'");
		if (parser_at_sign(p, ","))
			parser_next(p);
	}
	parser_next(p);
	return 0;
}

/* [5m] after a selector; *ret stays 0 without one. */
static int parse_range(struct parser *p, uint64_t *ret)
{
	uint64_t ns;

	if (!parser_at_sign(p, "["))
		return 0;
	parser_next(p);
	if (p->t.kind != TOKEN_NUMBER || !p->t.is_duration || p->t.ns < 1000000)
		return parser_expected(p, "a duration of at least 1ms, such as 5m");
	ns = p->t.ns;
	parser_next(p);
	if (parser_at_sign(p, ":"))
		return parser_lacking(p, "subquery", strlen("subquery"));
	*ret = ns;
	return parser_expect(p, "]", "']'");
}

static struct selector *add_selector(struct parser *p, const struct token *name)
{
	struct expr *e = p->e;
	struct selector *v = realloc(e->selectors, (e->selector_cnt + 1) * sizeof(*v));
	struct selector *s;

	if (!v)
		return NULL;
	e->selectors = v;
	s = &v[e->selector_cnt];
	*s = (struct selector){ .set = -1, .window = -1 };
	s->name = strndup(p->text + name->start, name->end - name->start);
	if (!s->name)
		return NULL;
	s->metric = metric_find(s->name);
	e->selector_cnt++;
	return s;
}

static int refuse_in_assertion(struct parser *p, const struct token *name,
			       const struct selector *s)
{
	if (!p->assertion || (!s->matchers.cnt && !s->range_ns))
		return 0;
	return parser_fail(p, name->end,
			   "an assertion is about a whole run: expected neither labels nor a "
			   "range");
}

static int parse_selector(struct parser *p, const struct token *name)
{
	struct selector *s = add_selector(p, name);
	int err;

	if (!s)
		return -ENOMEM;
	err = parse_matchers(p, &s->matchers);
	if (!err)
		err = parse_range(p, &s->range_ns);
	if (!err)
		err = refuse_in_assertion(p, name, s);
	if (!err)
		err = parser_refuse_modifier(p);
	if (err)
		return err;
	return parser_add(p, &(struct node){
				     .kind = NODE_SELECT,
				     .type = s->range_ns ? TYPE_RANGE : TYPE_VALUE,
				     .selector = (int)(p->e->selector_cnt - 1),
				     .left = -1,
				     .right = -1,
				     .start = name->start,
			     });
}

/* ---- functions ---- */

static const char *const type_names[] = {
	[TYPE_NUMBER] = "a number",
	[TYPE_VALUE] = "a value such as open_fds",
	[TYPE_RANGE] = "a range such as open_fds[5m]",
};

static const struct function *find_function(const struct parser *p, const char *name, size_t len)
{
	return p->assertion ? function_find_assertion(name, len) : function_find(name, len);
}

static int parse_argument(struct parser *p, const struct function *fn, enum value_type want)
{
	size_t start = p->t.start;
	int node = parser_binary(p, 1);

	if (node >= 0 && fn->kind == FN_RUN && p->e->nodes[node].kind != NODE_SELECT)
		return parser_fail(p, start, "%s() wants a field such as open_fds", fn->name);
	if (node < 0 || p->e->nodes[node].type == want)
		return node;
	return parser_fail(p, start, "%s() wants %s, not %s", fn->name, type_names[want],
			   type_names[p->e->nodes[node].type]);
}

static int parse_call(struct parser *p, const struct token *name)
{
	const struct function *fn =
		find_function(p, p->text + name->start, name->end - name->start);
	struct node call = {
		.kind = NODE_CALL, .type = TYPE_VALUE, .fn = fn, .start = name->start
	};
	int err;

	if (!fn)
		return parser_fail(p, name->start,
				   "there is no function '%.*s'%s; there are: %s",
				   parser_shown(name), p->text + name->start,
				   p->assertion ? " over a run" : "",
				   p->assertion ? ASSERTION_FUNCTION_NAMES : FUNCTION_NAMES);
	parser_next(p);
	call.right = -1;
	call.left = parse_argument(p, fn, fn->kind == FN_RANGE ? TYPE_RANGE : TYPE_VALUE);
	if (call.left < 0)
		return call.left;
	if (fn->arg_cnt == 2) {
		err = parser_expect(p, ",", "',' and a number of seconds");
		call.right = err ? err : parse_argument(p, fn, TYPE_NUMBER);
		if (call.right < 0)
			return call.right;
	}
	err = parser_expect(p, ")", "')'");
	return err ? err : parser_add(p, &call);
}

int parser_name(struct parser *p)
{
	struct token name = p->t;
	const char *text = p->text + name.start;
	size_t len = name.end - name.start;

	if (op_find(text, len) || parser_at_word(p, "bool"))
		return parser_expected(p, "a number or a field");
	parser_next(p);
	if (parser_at_sign(p, "(") || parser_at_word(p, "by") || parser_at_word(p, "without")) {
		if (!p->assertion && !function_find(text, len) && promql_has(text, len)) {
			p->t = name;
			return parser_lacking(p, text, len);
		}
	}
	return parser_at_sign(p, "(") ? parse_call(p, &name) : parse_selector(p, &name);
}
