// SPDX-License-Identifier: BSD-2-Clause
/* Foreign text for a terminal. No wcwidth(3): its answer depends on the locale of the process. */
#include "sinks/term.h"

#include <stdint.h>
#include <string.h>

enum { REFUSED = -1 };

/* Code points that do not take one column. Sorted; widths as terminals have them (Unicode
 * EastAsianWidth W and F in coarse ranges). Marks that join the letter before and characters that
 * reorder, hide or break a line are refused. */
static const struct range {
	uint32_t first, last;
	int columns;
} ranges[] = {
	{ 0x0000, 0x001f, REFUSED },    { 0x007f, 0x009f, REFUSED }, { 0x00ad, 0x00ad, REFUSED },
	{ 0x0300, 0x036f, REFUSED },    { 0x061c, 0x061c, REFUSED }, { 0x1100, 0x115f, 2 },
	{ 0x200b, 0x200f, REFUSED },    { 0x2028, 0x202e, REFUSED }, { 0x2060, 0x206f, REFUSED },
	{ 0x2e80, 0xa4cf, 2 },          { 0xac00, 0xd7a3, 2 },       { 0xd800, 0xf8ff, REFUSED },
	{ 0xf900, 0xfaff, 2 },          { 0xfe00, 0xfe0f, REFUSED }, { 0xfe30, 0xfe6f, 2 },
	{ 0xfeff, 0xfeff, REFUSED },    { 0xff00, 0xff60, 2 },       { 0xffe0, 0xffe6, 2 },
	{ 0xfff0, 0xfffb, REFUSED },    { 0x1f300, 0x1faff, 2 },     { 0x20000, 0x3fffd, 2 },
	{ 0xe0000, 0x1fffff, REFUSED },
};

static int columns_of(uint32_t code)
{
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]) && code >= ranges[i].first; i++)
		if (code <= ranges[i].last)
			return ranges[i].columns;
	return 1;
}

/* First code points of each length: a shorter form of the same is not UTF-8. */
static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

/* Bytes of the character that this byte leads, 0 when it leads none. */
static size_t sequence_len(unsigned char lead)
{
	size_t ones = __builtin_clz(~((uint32_t)lead << 24));

	return !ones ? 1 : ones >= 2 && ones <= 4 ? ones : 0;
}

/* Bytes of the UTF-8 character at s, 0 when there is none. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *ret_code)
{
	size_t n = sequence_len(*s);
	uint32_t code = n == 1 ? *s : *s & (0x7f >> n);
	size_t i;

	if (!n || n > len)
		return 0;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[n])
		return 0;
	*ret_code = code;
	return n;
}

struct glyph {
	const char *text;
	size_t len; /* of text */
	size_t columns;
	size_t consumed; /* bytes of the input */
};

static struct glyph glyph_at(const char *text, size_t len)
{
	uint32_t code = 0;
	size_t n = decode((const unsigned char *)text, len, &code);
	int columns = n ? columns_of(code) : REFUSED;

	if (columns != REFUSED)
		return (struct glyph){ text, n, columns, n };
	if (code == '\n' || code == '\t')
		return (struct glyph){ " ", 1, 1, 1 };
	return (struct glyph){ "?", 1, 1, n ? n : 1 };
}

size_t term_put(struct buf *out, const char *text, size_t len, size_t max_columns)
{
	size_t at, columns = 0;
	struct glyph g;

	for (at = 0; at < len; at += g.consumed) {
		g = glyph_at(text + at, len - at);
		if (columns + g.columns > max_columns)
			break;
		buf_append(out, g.text, g.len);
		columns += g.columns;
	}
	return columns;
}

static size_t width_of(const char *text, size_t len)
{
	size_t at, columns = 0;
	struct glyph g;

	for (at = 0; at < len; at += g.consumed) {
		g = glyph_at(text + at, len - at);
		columns += g.columns;
	}
	return columns;
}

static size_t put_indent(struct buf *out, size_t indent)
{
	size_t i;

	buf_putc(out, '\n');
	for (i = 0; i < indent; i++)
		buf_putc(out, ' ');
	return indent;
}

void term_put_wrapped(struct buf *out, const char *text, size_t len, size_t width, size_t indent)
{
	size_t column = 0, word, columns;

	while (len) {
		word = 0;
		while (word < len && !strchr(" \n\t", text[word] ? text[word] : '?'))
			word++;
		columns = width_of(text, word);
		if (column > indent && column + 1 + columns > width) {
			column = put_indent(out, indent);
		} else if (column) {
			buf_putc(out, ' ');
			column++;
		}
		column += term_put(out, text, word, columns);
		word += word < len;
		text += word;
		len -= word;
	}
}
