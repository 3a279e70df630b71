// SPDX-License-Identifier: BSD-2-Clause
/* libiberty's demanglers, kept within bounds: a symbol of 100 bytes can stand for a name of
 * gigabytes. */
#include "stacks/demangle.h"

#include <setjmp.h>
#include <string.h>

#include <libiberty/demangle.h>

#include "base/buf.h"

#define SYMBOL_MAX 2048 /* bytes; libiberty takes stack in proportion */
#define NAME_MAX_BYTES 4096

struct sink {
	struct buf *out;
	size_t start;
	jmp_buf enough;
};

/* The callback has no way to say stop. Jumping out of it leaks nothing: these variants of the
 * demanglers keep everything on the stack. */
static void on_text(const char *text, size_t len, void *ctx)
{
	struct sink *sink = ctx;

	if (sink->out->err || sink->out->len - sink->start + len > NAME_MAX_BYTES)
		longjmp(sink->enough, 1);
	buf_append(sink->out, text, len);
}

typedef int (*demangler_fn)(const char *symbol, int options, demangle_callbackref fn, void *ctx);

static bool try(demangler_fn fn, const char *symbol, struct buf *out)
{
	struct sink sink = { .out = out, .start = out->len };

	if (!setjmp(sink.enough) && fn(symbol, DMGL_PARAMS | DMGL_ANSI, on_text, &sink))
		return true;
	sink.out->len = sink.start;
	return false;
}

/* Legacy Rust symbols are valid C++ ones: Rust is asked first, and knows its own. */
void demangle(const char *symbol, struct buf *out)
{
	if (symbol[0] == '_' && strlen(symbol) <= SYMBOL_MAX &&
	    (try(rust_demangle_callback, symbol, out) ||
	     try(cplus_demangle_v3_callback, symbol, out)))
		return;
	buf_puts(out, symbol);
}
