/* SPDX-License-Identifier: BSD-2-Clause */
/* A command line into words, without a shell: blanks separate, '...' keeps everything, "..." keeps
 * all but
 * \" and \\, a backslash keeps the byte after it. Nothing is expanded. */
#ifndef KTALLY_BASE_WORDS_H
#define KTALLY_BASE_WORDS_H

#define WORDS_MAX 256

/* *ret: NULL-terminated, for words_free. -EINVAL: no word, or a quote that is not closed; -E2BIG.
 */
int words_split(const char *text, char ***ret);
void words_free(char **words);

#endif
