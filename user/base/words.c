// SPDX-License-Identifier: BSD-2-Clause
/* Quoting as people know it from the shell, and nothing else of it. */
#include "base/words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Does the backslash at `at` take the byte after it? */
static bool escapes(const char *at, char quote)
{
	if (*at != '\\' || !at[1] || quote == '\'')
		return false;
	return !quote || at[1] == '"' || at[1] == '\\';
}

/* Copies one word to `to` and ends it there; returns what follows it, NULL for an open quote. */
static const char *take_word(const char *at, char *to)
{
	char quote = 0;

	for (; *at && (quote || !is_blank(*at)); at++) {
		if (escapes(at, quote))
			*to++ = *++at;
		else if (quote ? *at == quote : *at == '\'' || *at == '"')
			quote = quote ? 0 : *at;
		else
			*to++ = *at;
	}
	*to = '\0';
	return quote ? NULL : at;
}

static const char *skip_blanks(const char *at)
{
	while (is_blank(*at))
		at++;
	return at;
}

static int split(const char *text, char **words, char *word)
{
	const char *at = skip_blanks(text);
	size_t cnt = 0;

	while (*at) {
		if (cnt == WORDS_MAX)
			return -E2BIG;
		at = take_word(at, word);
		if (!at)
			return -EINVAL;
		words[cnt] = strdup(word);
		if (!words[cnt++])
			return -ENOMEM;
		at = skip_blanks(at);
	}
	return cnt ? 0 : -EINVAL;
}

int words_split(const char *text, char ***ret)
{
	char **words = calloc(WORDS_MAX + 1, sizeof(*words));
	char *word = malloc(strlen(text) + 1);
	int err = words && word ? split(text, words, word) : -ENOMEM;

	free(word);
	if (err) {
		words_free(words);
		return err;
	}
	*ret = words;
	return 0;
}

void words_free(char **words)
{
	size_t i;

	for (i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}
