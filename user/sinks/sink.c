// SPDX-License-Identifier: BSD-2-Clause
/* The registry of output formats: a new one is a file and a line here. */
#include "sinks/sink.h"

#include <string.h>

#include "sinks/formats.h"

const struct sink_format *const sink_formats[] = {
	&sink_jsonl,
	&sink_table,
	&sink_folded,
	NULL,
};

const struct sink_format *sink_format_find(const char *name)
{
	size_t i;

	for (i = 0; sink_formats[i]; i++)
		if (!strcmp(sink_formats[i]->name, name))
			break;
	return sink_formats[i];
}
