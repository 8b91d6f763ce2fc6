#include "worker/slow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

static int told;

static void count_line(void *context, enum pl_log_level level, const char *line, size_t len)
{
	(void)context, (void)level, (void)len;
	if (strstr(line, "slow: OnMessage"))
		told++;
}

static void the_slowest_come_first(void **state)
{
	pl_slow list[PL_SLOW_KEPT];
	const char *message = pl_slow_place("OnMessage, a.lua:1");
	const char *timer = pl_slow_place("timer, a.lua:9");
	char text[32];
	int i;

	(void)state;
	pl_log_set_sink(count_line, NULL);
	pl_slow_ran(timer, 60, 1000);
	pl_slow_ran(message, 70, 1000);
	pl_slow_ran(message, 50, 1000 + PL_SLOW_AGAIN - 1);
	assert_int_equal(told, 1);
	pl_slow_ran(message, 80, 1000 + PL_SLOW_AGAIN);
	assert_int_equal(told, 2);
	assert_int_equal(pl_slow_list(list), 2);
	assert_ptr_equal(list[0].place, message);
	assert_int_equal(list[0].count, 3);
	assert_int_equal(list[0].total, 200);
	assert_int_equal(list[0].most, 80);
	assert_ptr_equal(list[1].place, timer);
	for (i = 0; i < 2 * PL_SLOW_KEPT; i++) {
		snprintf(text, sizeof(text), "other:%d", i);
		pl_slow_ran(pl_slow_place(text), 51, 1000);
	}
	assert_int_equal(pl_slow_list(list), PL_SLOW_KEPT);
	assert_ptr_equal(list[0].place, message);
	pl_log_set_sink(NULL, NULL);
}

static void places_are_kept_once(void **state)
{
	char text[2 * PL_SLOW_PLACE_MAX];
	const char *place = pl_slow_place("a.lua:1");
	int i;

	(void)state;
	assert_string_equal(place, "a.lua:1");
	assert_ptr_equal(pl_slow_place("a.lua:1"), place);
	assert_ptr_not_equal(pl_slow_place("a.lua:11"), place);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(strlen(pl_slow_place(text)), PL_SLOW_PLACE_MAX - 1);
	assert_ptr_equal(pl_slow_place(text), pl_slow_place(text));
	for (i = 0; i < 2 * PL_SLOW_PLACES; i++) {
		snprintf(text, sizeof(text), "b.lua:%d", i);
		place = pl_slow_place(text);
	}
	assert_string_equal(place, "a handler");
	assert_string_equal(pl_slow_place("b.lua:5"), "b.lua:5");
}

/* Read once. */
static void from_when_on(void **state)
{
	(void)state;
	assert_int_equal(setenv("PERILUNE_SLOW_HANDLER", "0.25", 1), 0);
	assert_int_equal(pl_slow_after(), 250);
	assert_int_equal(setenv("PERILUNE_SLOW_HANDLER", "0", 1), 0);
	assert_int_equal(pl_slow_after(), 250);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_when_on),
		cmocka_unit_test(the_slowest_come_first),
		cmocka_unit_test(places_are_kept_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
