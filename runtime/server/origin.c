#include "server/origin.h"

/* "" or ":8080": what may stand in the place of ":*". */
static bool is_port(pl_slice text)
{
	uint64_t port;

	if (text.len == 0)
		return true;
	return text.at[0] == ':' &&
	       pl_slice_to_u64(pl_slice_make(text.at + 1, text.len - 1), UINT16_MAX, &port);
}

static bool matches(pl_slice rule, pl_slice origin)
{
	size_t len;

	if (rule.len < 2 || rule.at[rule.len - 2] != ':' || rule.at[rule.len - 1] != '*')
		return pl_slice_equal_nocase(rule, origin);
	len = rule.len - 2;
	return origin.len >= len &&
	       pl_slice_equal_nocase(pl_slice_make(rule.at, len), pl_slice_make(origin.at, len)) &&
	       is_port(pl_slice_make(origin.at + len, origin.len - len));
}

bool pl_origin_allowed(const pl_slice *rules, size_t count, pl_slice origin)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (matches(rules[i], origin))
			return true;
	return false;
}

bool pl_origin_admits(const pl_slice *rules, size_t count, const pl_http_field *fields,
		      size_t field_count, pl_slice *named)
{
	pl_slice origin = pl_http_field_find(fields, field_count, PL_SLICE("origin"));
	bool listed = origin.at && pl_origin_allowed(rules, count, origin);

	*named = listed ? origin : pl_slice_make(NULL, 0);
	return listed || !origin.at || count == 0;
}
