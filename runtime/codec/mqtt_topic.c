#include "codec/mqtt_topic.h"

#include <string.h>

#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "codec/mqtt_wire.h"

static const pl_slice shared = { "$share/", 7 };

static pl_slice behind(pl_slice text, size_t count)
{
	return pl_slice_make(text.at + count, text.len - count);
}

static bool has_wildcard(pl_slice text)
{
	return text.len > 0 && (memchr(text.at, '+', text.len) || memchr(text.at, '#', text.len));
}

static bool is_shared(pl_slice filter)
{
	return filter.len >= shared.len && memcmp(filter.at, shared.at, shared.len) == 0;
}

int pl_mqtt_topic_check(pl_slice name, pl_mqtt_fault *fault)
{
	int status = pl_mqtt_check_text(name, fault);

	if (status != PL_OK)
		return status;
	if (name.len == 0)
		return pl_mqtt_violation(fault, "topic name without a character");
	if (has_wildcard(name))
		return pl_mqtt_fail(fault, PL_EPROTO, PL_MQTT_TOPIC_NAME_INVALID,
				    "wildcard in a topic name");
	return PL_OK;
}

/* What is wrong with the wildcards of a filter (4.7.1), or NULL. */
static const char *check_wildcards(pl_slice filter)
{
	for (size_t i = 0; i < filter.len; i++) {
		bool begins = i == 0 || filter.at[i - 1] == '/';
		bool ends = i + 1 == filter.len;

		if (filter.at[i] == '#' && !(begins && ends))
			return "# is not the last level of the topic filter";
		if (filter.at[i] == '+' && !(begins && (ends || filter.at[i + 1] == '/')))
			return "+ is not a whole level of the topic filter";
	}
	return NULL;
}

/* What is wrong with $share/NAME/FILTER (4.8.2), or NULL. */
static const char *check_shared(pl_slice filter)
{
	pl_slice rest = behind(filter, shared.len);
	size_t len = pl_slice_find(rest, '/');

	if (len == 0)
		return "shared subscription without a name";
	if (has_wildcard(pl_slice_make(rest.at, len)))
		return "wildcard in the name of a shared subscription";
	if (len + 1 >= rest.len)
		return "shared subscription without a topic filter";
	return NULL;
}

int pl_mqtt_filter_check(pl_slice filter, uint8_t version, pl_mqtt_fault *fault)
{
	int status = pl_mqtt_check_text(filter, fault);
	const char *text;

	if (status != PL_OK)
		return status;
	if (filter.len == 0)
		return pl_mqtt_violation(fault, "topic filter without a character");
	text = version == PL_MQTT_5 && is_shared(filter) ? check_shared(filter) : NULL;
	if (!text)
		text = check_wildcards(filter);
	if (text)
		return pl_mqtt_fail(fault, PL_EPROTO, PL_MQTT_TOPIC_FILTER_INVALID, text);
	return PL_OK;
}

bool pl_mqtt_filter_shared(pl_slice filter, pl_slice *share, pl_slice *inner)
{
	if (!is_shared(filter) || check_shared(filter))
		return false;
	filter = behind(filter, shared.len);
	*share = pl_slice_make(filter.at, pl_slice_find(filter, '/'));
	*inner = behind(filter, share->len + 1);
	return true;
}

/* Takes the next level off *rest; false when none is left. The text behind the last slash is a
 * level, too, and so is one without a character. */
static bool next_level(pl_slice *rest, pl_slice *level)
{
	if (!rest->at)
		return false;
	*level = pl_slice_make(rest->at, pl_slice_find(*rest, '/'));
	*rest = level->len < rest->len ? behind(*rest, level->len + 1) : (pl_slice){ NULL, 0 };
	return true;
}

bool pl_mqtt_filter_matches(pl_slice filter, pl_slice name)
{
	pl_slice share, inner, wanted, level;

	if (pl_mqtt_filter_shared(filter, &share, &inner))
		filter = inner;
	if (filter.len == 0 || name.len == 0)
		return false;
	if (name.at[0] == '$' && (filter.at[0] == '+' || filter.at[0] == '#'))
		return false; /* 4.7.2 */
	while (next_level(&filter, &wanted)) {
		if (wanted.len == 1 && wanted.at[0] == '#')
			return true; /* also the level above: the name may have ended (4.7.1.2) */
		if (!next_level(&name, &level))
			return false;
		if (!(wanted.len == 1 && wanted.at[0] == '+') && !pl_slice_equal(wanted, level))
			return false;
	}
	return !name.at;
}
