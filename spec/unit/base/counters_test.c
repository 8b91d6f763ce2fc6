#include "base/counters.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int64_t sum_of(enum pl_counter counter)
{
	int64_t sums[PL_COUNTER_COUNT];

	pl_counters_sum(sums);
	return sums[counter];
}

static void *count_as(void *worker)
{
	int i;

	pl_counters_begin((uint16_t)(uintptr_t)worker);
	for (i = 0; i < 100000; i++)
		pl_count(PL_COUNT_RECEIVED_SERVER, 1);
	pl_count(PL_COUNT_QUEUE_BYTES, -5);
	return NULL;
}

static void blocks_add_up(void **state)
{
	pthread_t threads[3];
	uintptr_t i;

	(void)state;
	pl_count(PL_COUNT_QUEUE_BYTES, 40);
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_as, (void *)(i + 1)), 0);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(sum_of(PL_COUNT_RECEIVED_SERVER), 300000);
	assert_int_equal(sum_of(PL_COUNT_QUEUE_BYTES), 25);
	assert_int_equal(pl_counters_of(2)->value[PL_COUNT_RECEIVED_SERVER], 100000);
}

static void requests_have_method_and_class(void **state)
{
	(void)state;
	assert_int_equal(pl_counter_http(PL_SLICE("GET"), 200), PL_COUNT_HTTP_GET_2);
	assert_int_equal(pl_counter_http(PL_SLICE("GET"), 101), PL_COUNT_HTTP_GET_1);
	assert_int_equal(pl_counter_http(PL_SLICE("OPTIONS"), 599), PL_COUNT_HTTP_OPTIONS_5);
	assert_int_equal(pl_counter_http(PL_SLICE("PUT"), 404), PL_COUNT_HTTP_PUT_4);
	assert_int_equal(pl_counter_http(PL_SLICE("get"), 200), PL_COUNT_HTTP_OTHER_2);
	assert_int_equal(pl_counter_http(PL_SLICE(""), 400), PL_COUNT_HTTP_OTHER_4);
	assert_int_equal(pl_counter_http(PL_SLICE("GET"), 0), PL_COUNT_HTTP_GET_5);
	assert_int_equal(pl_counter_http(PL_SLICE("GET"), 999), PL_COUNT_HTTP_GET_5);
}

static void turns_go_where_they_fit(void **state)
{
	(void)state;
	pl_counters_turn(0);
	pl_counters_turn(1);
	pl_counters_turn(2);
	pl_counters_turn(1000);
	pl_counters_turn(1001);
	assert_int_equal(sum_of(PL_COUNT_TURN), 2);
	assert_int_equal(sum_of(PL_COUNT_TURN + 1), 1);
	assert_int_equal(sum_of(PL_COUNT_TURN + PL_COUNTER_TURNS - 2), 1);
	assert_int_equal(sum_of(PL_COUNT_TURN + PL_COUNTER_TURNS - 1), 1);
	assert_int_equal(sum_of(PL_COUNT_TURN_MS), 2004);
}

/* A family's lines have to stand together (Prometheus' text format). */
static void families_are_whole(void **state)
{
	const char *seen[PL_COUNT_TURN];
	int count = 0;
	int i;
	int j;

	(void)state;
	for (i = 0; i < PL_COUNT_TURN; i++) {
		pl_counter_info info = pl_counter_info_of((enum pl_counter)i);

		assert_true(info.help[0] && info.type[0]);
		if (count > 0 && strcmp(seen[count - 1], info.family) == 0)
			continue;
		for (j = 0; j < count; j++)
			assert_string_not_equal(seen[j], info.family);
		seen[count++] = info.family;
	}
	assert_string_equal(pl_counter_info_of(PL_COUNT_NOW_SSE).family, "connections");
	assert_string_equal(pl_counter_info_of(PL_COUNT_NOW_SSE).labels, "transport=\"sse\"");
	assert_string_equal(pl_counter_info_of(PL_COUNT_HTTP_HEAD_3).labels,
			    "method=\"HEAD\",status=\"3xx\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_add_up),
		cmocka_unit_test(requests_have_method_and_class),
		cmocka_unit_test(turns_go_where_they_fit),
		cmocka_unit_test(families_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
