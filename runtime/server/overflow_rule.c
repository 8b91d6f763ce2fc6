#include "server/overflow_rule.h"

#include <string.h>

static bool fits(pl_slice pattern, pl_slice channel)
{
	if (pattern.len == 0 || pattern.at[pattern.len - 1] != '*')
		return pl_slice_equal(pattern, channel);
	pattern.len--;
	return channel.len >= pattern.len && memcmp(channel.at, pattern.at, pattern.len) == 0;
}

const pl_overflow *pl_overflow_rule_find(const pl_overflow_rule *rules, size_t count,
					 pl_slice channel)
{
	size_t i;

	for (i = 0; i < count && channel.len > 0; i++)
		if (fits(rules[i].channel, channel))
			return &rules[i].overflow;
	return NULL;
}

bool pl_overflow_rule_any(const pl_overflow_rule *rules, size_t count, const pl_overflow *others)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (rules[i].overflow.policy != PL_OVERFLOW_CLOSE)
			return true;
	return others->policy != PL_OVERFLOW_CLOSE;
}
