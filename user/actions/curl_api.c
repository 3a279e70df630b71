// SPDX-License-Identifier: BSD-2-Clause
/* The loader of curl_api.h. */
#include "actions/curl_api.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Debian and Ubuntu have two builds of one interface, others one. */
static const char *const sonames[] = { "libcurl-gnutls.so.4", "libcurl.so.4" };

static int find_functions(struct curl_api *api)
{
#define CURL_API_FIND(name)                                                                        \
	api->name = (__typeof__(api->name))dlsym(api->library, "curl_" #name);                     \
	if (!api->name)                                                                            \
		return -ENOENT;
	CURL_API_FUNCTIONS(CURL_API_FIND)
#undef CURL_API_FIND
	return 0;
}

int curl_api_open(struct curl_api *ret)
{
	struct curl_api api = { 0 };
	size_t i;
	int err;

	for (i = 0; i < sizeof(sonames) / sizeof(*sonames) && !api.library; i++)
		api.library = dlopen(sonames[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!api.library)
		return -ENOENT;
	err = find_functions(&api);
	if (err)
		dlclose(api.library);
	else
		*ret = api;
	return err;
}

void curl_api_close(struct curl_api *api)
{
	if (api->library)
		dlclose(api->library);
	memset(api, 0, sizeof(*api));
}
