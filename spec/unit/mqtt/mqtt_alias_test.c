/* Topic aliases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"
#include "mqtt/mqtt_alias.h"

static void is(pl_slice topic, const char *expected)
{
	assert_int_equal(topic.len, strlen(expected));
	if (topic.len > 0)
		assert_memory_equal(topic.at, expected, topic.len);
}

static void learns_the_peers(void **state)
{
	pl_mqtt_aliases_in aliases = { .size = 2 };

	(void)state;
	is(pl_mqtt_alias_topic(&aliases, 2), "");
	assert_int_equal(pl_mqtt_alias_learn(&aliases, 2, PL_SLICE("home/a")), PL_OK);
	is(pl_mqtt_alias_topic(&aliases, 1), "");
	is(pl_mqtt_alias_topic(&aliases, 2), "home/a");
	assert_int_equal(pl_mqtt_alias_learn(&aliases, 2, PL_SLICE("home/b")), PL_OK);
	is(pl_mqtt_alias_topic(&aliases, 2), "home/b");
	pl_mqtt_aliases_in_deinit(&aliases);
}

static void gives_topics_numbers(void **state)
{
	pl_mqtt_aliases_out aliases = { .size = 2 };
	bool known;

	(void)state;
	assert_int_equal(pl_mqtt_alias_use(&aliases, PL_SLICE("a"), &known), 1);
	assert_false(known);
	assert_int_equal(pl_mqtt_alias_use(&aliases, PL_SLICE("b"), &known), 2);
	assert_int_equal(pl_mqtt_alias_use(&aliases, PL_SLICE("a"), &known), 1);
	assert_true(known);
	/* The oldest goes. */
	assert_int_equal(pl_mqtt_alias_use(&aliases, PL_SLICE("c"), &known), 1);
	assert_false(known);
	assert_int_equal(pl_mqtt_alias_use(&aliases, PL_SLICE("a"), &known), 2);
	assert_false(known);
	is(pl_mqtt_alias_said(&aliases, 1), "c");
	is(pl_mqtt_alias_said(&aliases, 2), "a");
	pl_mqtt_aliases_out_deinit(&aliases);
}

/* A topic has one alias, an alias one topic. */
static void takes_those_of_the_script(void **state)
{
	pl_mqtt_aliases_out aliases = { .size = 3 };
	bool known;

	(void)state;
	assert_int_equal(pl_mqtt_alias_set(&aliases, 3, PL_SLICE("a")), PL_OK);
	is(pl_mqtt_alias_said(&aliases, 3), "a");
	assert_int_equal(pl_mqtt_alias_use(&aliases, PL_SLICE("a"), &known), 3);
	assert_true(known);
	assert_int_equal(pl_mqtt_alias_set(&aliases, 3, PL_SLICE("b")), PL_OK);
	is(pl_mqtt_alias_said(&aliases, 3), "b");
	assert_int_equal(pl_mqtt_alias_use(&aliases, PL_SLICE("a"), &known), 1);
	assert_false(known);
	assert_int_equal(pl_mqtt_alias_set(&aliases, 1, PL_SLICE("b")), PL_OK);
	is(pl_mqtt_alias_said(&aliases, 3), "");
	is(pl_mqtt_alias_said(&aliases, 1), "b");
	pl_mqtt_aliases_out_deinit(&aliases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learns_the_peers),
		cmocka_unit_test(gives_topics_numbers),
		cmocka_unit_test(takes_those_of_the_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
