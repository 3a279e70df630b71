/* SPDX-License-Identifier: BSD-2-Clause */
/* libcurl, opened only when an Alertmanager is asked for: with the TLS library and all else that it
 * brings along it would double the memory of everybody who does not. */
#ifndef KTALLY_ACTIONS_CURL_API_H
#define KTALLY_ACTIONS_CURL_API_H

#define CURL_DISABLE_TYPECHECK /* its checking macros want functions of these names */
#include <curl/curl.h>

/* name of the member, of the function without "curl_" */
#define CURL_API_FUNCTIONS(X)                                                                      \
	X(global_init)                                                                             \
	X(global_cleanup)                                                                          \
	X(easy_init)                                                                               \
	X(easy_setopt)                                                                             \
	X(easy_getinfo)                                                                            \
	X(easy_strerror)                                                                           \
	X(easy_cleanup)                                                                            \
	X(multi_init)                                                                              \
	X(multi_setopt)                                                                            \
	X(multi_add_handle)                                                                        \
	X(multi_remove_handle)                                                                     \
	X(multi_info_read)                                                                         \
	X(multi_socket_action)                                                                     \
	X(multi_cleanup)                                                                           \
	X(slist_append)                                                                            \
	X(slist_free_all)

struct curl_api {
	void *library;
#define CURL_API_MEMBER(name) __typeof__(curl_##name) *name;
	CURL_API_FUNCTIONS(CURL_API_MEMBER)
#undef CURL_API_MEMBER
};

/* -ENOENT: not installed, or without one of these functions. */
int curl_api_open(struct curl_api *ret);
void curl_api_close(struct curl_api *api);

#endif
