// SPDX-License-Identifier: BSD-2-Clause
/* The list of verdicts.h. */
#include "monitor/verdicts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/opts.h"

struct kept_verdict {
	char assertion[256];
	char message[256];
	bool passed;
	double value;
	uint32_t target;
};

struct ktally_assertions {
	struct kept_verdict *list;
	size_t count;
};

int verdicts_add(struct ktally_assertions **list, const struct verdict_record *v)
{
	struct ktally_assertions *l = *list ? *list : calloc(1, sizeof(*l));
	struct kept_verdict *grown, *k;

	if (!l)
		return -ENOMEM;
	*list = l;
	grown = reallocarray(l->list, l->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	l->list = grown;
	k = &grown[l->count++];
	snprintf(k->assertion, sizeof(k->assertion), "%s", v->assertion);
	snprintf(k->message, sizeof(k->message), "%s", v->message);
	k->passed = v->passed;
	k->value = v->value;
	k->target = v->target;
	return 0;
}

int verdicts_copy(const struct ktally_assertions *list, struct ktally_assertions **ret)
{
	struct ktally_assertions *copy = calloc(1, sizeof(*copy));
	size_t count = list ? list->count : 0;

	if (copy)
		copy->list = calloc(count + 1, sizeof(*copy->list));
	if (!copy || !copy->list) {
		ktally_assertions__free(copy);
		return -ENOMEM;
	}
	if (count)
		memcpy(copy->list, list->list, count * sizeof(*copy->list));
	copy->count = count;
	*ret = copy;
	return 0;
}

size_t ktally_assertions__count(const struct ktally_assertions *list)
{
	return list->count;
}

int ktally_assertions__at(const struct ktally_assertions *list, size_t index,
			struct ktally_assertion *ret)
{
	const struct kept_verdict *k;

	if (index >= list->count)
		return -ENOENT;
	if (ret->sz < OPTS_END(ktally_assertion, target))
		return -EINVAL;
	k = &list->list[index];
	ret->assertion = k->assertion;
	ret->message = k->message;
	ret->passed = k->passed;
	ret->value = k->value;
	ret->target = k->target;
	return 0;
}

void ktally_assertions__free(struct ktally_assertions *list)
{
	if (!list)
		return;
	free(list->list);
	free(list);
}
