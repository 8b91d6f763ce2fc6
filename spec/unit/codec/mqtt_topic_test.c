#include "mqtt.h"

#include "codec/mqtt_topic.h"

static const struct {
	pl_slice text;
	int name; /* status and reason as a topic name, as a filter of 3.1.1, of 5.0 */
	uint8_t name_reason;
	int filter3, filter5;
	uint8_t reason; /* of the filters that are refused */
} topics[] = {
	{ BYTES("a"), PL_OK, 0, PL_OK, PL_OK, 0 },
	{ BYTES("/"), PL_OK, 0, PL_OK, PL_OK, 0 },
	{ BYTES("a//b c/"), PL_OK, 0, PL_OK, PL_OK, 0 },
	{ BYTES("$SYS/x"), PL_OK, 0, PL_OK, PL_OK, 0 },
	{ BYTES("\xC3\xA4/\xF0\x9F\x98\x80"), PL_OK, 0, PL_OK, PL_OK, 0 },
	{ BYTES("\xEF\xBB\xBF"), PL_OK, 0, PL_OK, PL_OK, 0 },
	{ BYTES(""), PL_EPROTO, 0x82, PL_EPROTO, PL_EPROTO, 0x82 },
	{ BYTES("a\0b"), PL_EUTF8, 0x81, PL_EUTF8, PL_EUTF8, 0x81 },
	{ BYTES("\xED\xA0\x80"), PL_EUTF8, 0x81, PL_EUTF8, PL_EUTF8, 0x81 },
	{ BYTES("\xC0\x80"), PL_EUTF8, 0x81, PL_EUTF8, PL_EUTF8, 0x81 },
	{ BYTES("a\xC3"), PL_EUTF8, 0x81, PL_EUTF8, PL_EUTF8, 0x81 },
	{ BYTES("#"), PL_EPROTO, 0x90, PL_OK, PL_OK, 0 },
	{ BYTES("+"), PL_EPROTO, 0x90, PL_OK, PL_OK, 0 },
	{ BYTES("/+"), PL_EPROTO, 0x90, PL_OK, PL_OK, 0 },
	{ BYTES("+/+/+"), PL_EPROTO, 0x90, PL_OK, PL_OK, 0 },
	{ BYTES("a/+/b/#"), PL_EPROTO, 0x90, PL_OK, PL_OK, 0 },
	{ BYTES("a#"), PL_EPROTO, 0x90, PL_EPROTO, PL_EPROTO, 0x8F },
	{ BYTES("#/"), PL_EPROTO, 0x90, PL_EPROTO, PL_EPROTO, 0x8F },
	{ BYTES("a/#/b"), PL_EPROTO, 0x90, PL_EPROTO, PL_EPROTO, 0x8F },
	{ BYTES("a/#b"), PL_EPROTO, 0x90, PL_EPROTO, PL_EPROTO, 0x8F },
	{ BYTES("##"), PL_EPROTO, 0x90, PL_EPROTO, PL_EPROTO, 0x8F },
	{ BYTES("a+"), PL_EPROTO, 0x90, PL_EPROTO, PL_EPROTO, 0x8F },
	{ BYTES("+a"), PL_EPROTO, 0x90, PL_EPROTO, PL_EPROTO, 0x8F },
	{ BYTES("a/++/b"), PL_EPROTO, 0x90, PL_EPROTO, PL_EPROTO, 0x8F },
	{ BYTES("$share/g/a"), PL_OK, 0, PL_OK, PL_OK, 0 },
	{ BYTES("$share/g//"), PL_OK, 0, PL_OK, PL_OK, 0 },
	{ BYTES("$share/g/a/#"), PL_EPROTO, 0x90, PL_OK, PL_OK, 0 },
	{ BYTES("$share"), PL_OK, 0, PL_OK, PL_OK, 0 },
	{ BYTES("$shared/+"), PL_EPROTO, 0x90, PL_OK, PL_OK, 0 },
	{ BYTES("$share/"), PL_OK, 0, PL_OK, PL_EPROTO, 0x8F },
	{ BYTES("$share//a"), PL_OK, 0, PL_OK, PL_EPROTO, 0x8F },
	{ BYTES("$share/g"), PL_OK, 0, PL_OK, PL_EPROTO, 0x8F },
	{ BYTES("$share/g/"), PL_OK, 0, PL_OK, PL_EPROTO, 0x8F },
	{ BYTES("$share/+/a"), PL_EPROTO, 0x90, PL_OK, PL_EPROTO, 0x8F },
	{ BYTES("$share/#"), PL_EPROTO, 0x90, PL_OK, PL_EPROTO, 0x8F },
	{ BYTES("$share/g/a+"), PL_EPROTO, 0x90, PL_EPROTO, PL_EPROTO, 0x8F },
};

static void test_names_and_filters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(topics); i++) {
		pl_mqtt_fault fault = { 0 };
		char *copy = bytes_copy(topics[i].text.at, topics[i].text.len);
		pl_slice text = pl_slice_make(copy, topics[i].text.len);
		int status = pl_mqtt_topic_check(text, &fault);

		if (status != topics[i].name || fault.reason != topics[i].name_reason)
			fail_msg("name %zu: %02x", i, fault.reason);
		fault = (pl_mqtt_fault){ 0 };
		if (pl_mqtt_filter_check(text, PL_MQTT_3, &fault) != topics[i].filter3)
			fail_msg("filter of 3.1.1 %zu", i);
		fault = (pl_mqtt_fault){ 0 };
		if (pl_mqtt_filter_check(text, PL_MQTT_5, &fault) != topics[i].filter5 ||
		    fault.reason != topics[i].reason)
			fail_msg("filter of 5.0 %zu: %02x", i, fault.reason);
		free(copy);
	}
}

static void test_length(void **state)
{
	char *text = malloc(65536);
	pl_mqtt_fault fault;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 65536);
	assert_int_equal(pl_mqtt_topic_check(pl_slice_make(text, 65535), &fault), PL_OK);
	assert_int_equal(pl_mqtt_topic_check(pl_slice_make(text, 65536), &fault), PL_ETOOBIG);
	assert_int_equal(pl_mqtt_filter_check(pl_slice_make(text, 65536), 5, &fault), PL_ETOOBIG);
	free(text);
}

static const struct {
	pl_slice filter, name;
	bool matches;
} pairs[] = {
	/* 4.7.1.2 and 4.7.1.3 of the standard */
	{ BYTES("sport/tennis/player1/#"), BYTES("sport/tennis/player1"), true },
	{ BYTES("sport/tennis/player1/#"), BYTES("sport/tennis/player1/ranking"), true },
	{ BYTES("sport/tennis/player1/#"), BYTES("sport/tennis/player1/score/wimbledon"), true },
	{ BYTES("sport/#"), BYTES("sport"), true },
	{ BYTES("sport/#"), BYTES("sport/"), true },
	{ BYTES("sport/#"), BYTES("sports"), false },
	{ BYTES("sport/#"), BYTES("spor"), false },
	{ BYTES("#"), BYTES("a/b/c"), true },
	{ BYTES("#"), BYTES("/"), true },
	{ BYTES("sport/tennis/+"), BYTES("sport/tennis/player1"), true },
	{ BYTES("sport/tennis/+"), BYTES("sport/tennis/player1/ranking"), false },
	{ BYTES("sport/+"), BYTES("sport"), false },
	{ BYTES("sport/+"), BYTES("sport/"), true },
	{ BYTES("+/+"), BYTES("/finance"), true },
	{ BYTES("/+"), BYTES("/finance"), true },
	{ BYTES("+"), BYTES("/finance"), false },
	{ BYTES("+/tennis/#"), BYTES("sport/tennis"), true },
	{ BYTES("+/+/#"), BYTES("sport"), false },
	/* 4.7.2 */
	{ BYTES("#"), BYTES("$SYS/a"), false },
	{ BYTES("+/monitor/Clients"), BYTES("$SYS/monitor/Clients"), false },
	{ BYTES("$SYS/#"), BYTES("$SYS/"), true },
	{ BYTES("$SYS/#"), BYTES("$SYS"), true },
	{ BYTES("$SYS/monitor/+"), BYTES("$SYS/monitor/Clients"), true },
	{ BYTES("a/+"), BYTES("a/$b"), true },
	/* 4.7.3 */
	{ BYTES("ACCOUNTS"), BYTES("Accounts"), false },
	{ BYTES("/a"), BYTES("a"), false },
	{ BYTES("a"), BYTES("a"), true },
	{ BYTES("a"), BYTES("a/"), false },
	{ BYTES("a/"), BYTES("a"), false },
	{ BYTES("a//b"), BYTES("a//b"), true },
	{ BYTES("a/+/b"), BYTES("a//b"), true },
	{ BYTES("a/b"), BYTES("a/bc"), false },
	{ BYTES("a/bc"), BYTES("a/b"), false },
	/* shared ones */
	{ BYTES("$share/g/sport/#"), BYTES("sport"), true },
	{ BYTES("$share/g/#"), BYTES("a/b"), true },
	{ BYTES("$share/g/#"), BYTES("$SYS/b"), false },
	{ BYTES("$share/g//a"), BYTES("/a"), true },
	{ BYTES("$share/g/a"), BYTES("$share/g/a"), false },
	{ BYTES(""), BYTES("a"), false },
	{ BYTES("#"), BYTES(""), false },
};

static void test_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		char *filter = bytes_copy(pairs[i].filter.at, pairs[i].filter.len);
		char *name = bytes_copy(pairs[i].name.at, pairs[i].name.len);

		if (pl_mqtt_filter_matches(pl_slice_make(filter, pairs[i].filter.len),
					   pl_slice_make(name, pairs[i].name.len)) !=
		    pairs[i].matches)
			fail_msg("%s and %s", pairs[i].filter.at, pairs[i].name.at);
		free(filter);
		free(name);
	}
}

/* 4.7.1 said in another way: level by level, with what is left of both. */
static bool takes_in(const char *filter, const char *name)
{
	size_t wanted = strcspn(filter, "/"), level = strcspn(name, "/");

	if (strcmp(filter, "#") == 0)
		return true;
	if (!(wanted == 1 && filter[0] == '+') &&
	    (wanted != level || strncmp(filter, name, level) != 0))
		return false;
	if (name[level] == '\0')
		return filter[wanted] == '\0' || strcmp(filter + wanted, "/#") == 0;
	return filter[wanted] == '/' && takes_in(filter + wanted + 1, name + level + 1);
}

/* The text that is the number `index` in the base of the letters. */
static pl_slice spell(char *out, size_t index, const char *letters)
{
	size_t base = strlen(letters), len = 0;

	for (; index > 0; index = (index - 1) / base)
		out[len++] = letters[(index - 1) % base];
	out[len] = '\0';
	return pl_slice_make(out, len);
}

/* All short filters and all short names. */
static void test_all_short_ones(void **state)
{
	char filter[8], name[8];
	pl_mqtt_fault fault;
	size_t matching = 0;

	(void)state;
	for (size_t i = 1; i < 3906; i++) { /* up to five letters */
		pl_slice wanted = spell(filter, i, "a/+#$");

		if (pl_mqtt_filter_check(wanted, PL_MQTT_5, &fault) != PL_OK)
			continue;
		for (size_t k = 1; k < 364; k++) {
			pl_slice given = spell(name, k, "a/$");
			bool hidden = name[0] == '$' && strchr("+#", filter[0]);
			bool expected = !hidden && takes_in(filter, name);

			matching += expected;
			if (pl_mqtt_filter_matches(wanted, given) != expected)
				fail_msg("%s and %s", filter, name);
		}
	}
	assert_true(matching > 1000);
}

static void test_shared(void **state)
{
	pl_slice share, inner;

	(void)state;
	assert_true(pl_mqtt_filter_shared(PL_SLICE("$share/g/a/+"), &share, &inner));
	assert_true(pl_slice_equal(share, PL_SLICE("g")));
	assert_true(pl_slice_equal(inner, PL_SLICE("a/+")));
	assert_false(pl_mqtt_filter_shared(PL_SLICE("$shares/g/a"), &share, &inner));
	assert_false(pl_mqtt_filter_shared(PL_SLICE("$share/g"), &share, &inner));
	assert_false(pl_mqtt_filter_shared(PL_SLICE("$share/"), &share, &inner));
	assert_false(pl_mqtt_filter_shared(PL_SLICE(""), &share, &inner));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_filters),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_all_short_ones),
		cmocka_unit_test(test_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
