#include "codec/http_begin.h"

#include <stdbool.h>
#include <string.h>

static const char *const methods[] = {
	"GET",
	"HEAD",
	"POST",
	"PUT",
	"DELETE",
	"CONNECT",
	"OPTIONS",
	"TRACE",
	"PATCH",
	"ACL",
	"BASELINE-CONTROL",
	"BIND",
	"CHECKIN",
	"CHECKOUT",
	"COPY",
	"LABEL",
	"LINK",
	"LOCK",
	"MERGE",
	"MKACTIVITY",
	"MKCALENDAR",
	"MKCOL",
	"MKREDIRECTREF",
	"MKWORKSPACE",
	"MOVE",
	"ORDERPATCH",
	"PROPFIND",
	"PROPPATCH",
	"QUERY",
	"REBIND",
	"REPORT",
	"SEARCH",
	"UNBIND",
	"UNCHECKOUT",
	"UNLINK",
	"UNLOCK",
	"UPDATE",
	"UPDATEREDIRECTREF",
	"VERSION-CONTROL",
};

/* Both are the same as far as both go. */
static bool agrees(const char *method, const uint8_t *bytes, size_t len)
{
	size_t size = strlen(method);

	return memcmp(method, bytes, len < size ? len : size) == 0;
}

int pl_http_begin(const uint8_t *bytes, size_t len)
{
	int result = -1;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t size = strlen(methods[i]);

		if (!agrees(methods[i], bytes, len))
			continue;
		if (len > size && bytes[size] == ' ')
			return 1;
		if (len <= size)
			result = 0;
	}
	return result;
}
