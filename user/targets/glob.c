// SPDX-License-Identifier: BSD-2-Clause
/* Pattern compiler of glob.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "targets/glob.h"

struct glob_token {
	bool admits[256];
};

/* After '['. Returns the text after ']', NULL if there is none. */
static const char *parse_set(const char *p, struct glob_token *token)
{
	bool negated = *p == '!' || *p == '^', first = true;
	int c, to;

	memset(token->admits, negated, sizeof(token->admits));
	for (p += negated; *p && (first || *p != ']'); first = false) {
		if (*p == '\\' && p[1])
			p++;
		c = (unsigned char)*p++;
		to = c;
		if (*p == '-' && p[1] && p[1] != ']') {
			p += p[1] == '\\' && p[2] ? 2 : 1;
			to = (unsigned char)*p++;
		}
		for (; c <= to; c++)
			token->admits[c] = !negated;
	}
	token->admits[0] = false;
	return *p == ']' ? p + 1 : NULL;
}

static const char *parse_token(const char *p, struct glob_token *token)
{
	memset(token->admits, 0, sizeof(token->admits));
	if (*p == '[')
		return parse_set(p + 1, token);
	if (*p == '?') {
		memset(token->admits, 1, sizeof(token->admits));
		return p + 1;
	}
	if (*p == '\\' && p[1])
		p++;
	token->admits[(unsigned char)*p] = true;
	return p + 1;
}

/* States in use form a prefix of the word: the next pattern starts above the highest. */
static int first_free(const struct comm_globs *globs)
{
	return globs->accept ? 64 - __builtin_clzll(globs->accept) : 0;
}

int glob_add(struct comm_globs *globs, const char *pattern, uint64_t group)
{
	struct comm_globs next = *globs;
	int c, start = first_free(globs), state = start;
	struct glob_token token;

	if (!*pattern)
		return -EINVAL;
	while (*pattern) {
		if (state > 63)
			return -ENOSPC;
		if (*pattern == '*') {
			next.stars |= 1ULL << state;
			pattern++;
			continue;
		}
		pattern = parse_token(pattern, &token);
		if (!pattern)
			return -EINVAL;
		for (c = 0; c < 256; c++)
			if (token.admits[c])
				next.match[c] |= 1ULL << state;
		state++;
	}
	if (state > 63)
		return -ENOSPC;
	next.start |= 1ULL << start;
	next.accept |= 1ULL << state;
	next.group[state] = group;
	*globs = next;
	return 0;
}

uint64_t glob_groups(const struct comm_globs *globs, const char *comm)
{
	uint64_t accepted = glob_run(globs, comm), groups = 0;
	int i;

	for (i = 0; i < 64; i++)
		if (accepted & (1ULL << i))
			groups |= globs->group[i];
	return groups;
}
