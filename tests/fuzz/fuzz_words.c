// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: command lines into words, which never are longer than what they came from. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	char **words = NULL;
	size_t len = 0, i;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!words_split(text, &words)) {
		for (i = 0; words[i]; i++)
			len += strlen(words[i]);
		if (!i || len > size)
			abort();
		words_free(words);
	}
	free(text);
	return 0;
}
