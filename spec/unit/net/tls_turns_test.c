/* Who waits for a step of a handshake, how long, and in which order. */
#include "unit/net/turns.h"

#include "net/tls_turns.h"

enum { COUNT = 10 };

static pl_loop *loop;
static pl_tls_turn turns[COUNT];
static char order[COUNT + 1];
static size_t ran;

static void on_turn(pl_tls_turn *turn)
{
	order[ran++] = (char)('0' + (turn - turns));
}

static int begin(void **state)
{
	(void)state;
	memset(order, 0, sizeof(order));
	ran = 0;
	for (int i = 0; i < COUNT; i++)
		pl_tls_turn_init(&turns[i], 3, on_turn);
	return pl_loop_new(&loop);
}

static int end(void **state)
{
	(void)state;
	for (int i = 0; i < COUNT; i++)
		pl_tls_turn_cancel(&turns[i]);
	pl_loop_free(loop);
	return 0;
}

/* How many go at once. */
static int take_all(void)
{
	int now = 0;

	for (int i = 0; i < COUNT; i++)
		now += pl_tls_turn_take(&turns[i], loop);
	return now;
}

static void so_many_a_turn_the_first_first(void **state)
{
	(void)state;
	assert_int_equal(take_all(), 3);
	assert_int_equal(ran, 0);
	pl_loop_turn(loop);
	assert_string_equal(order, "");
	pl_loop_turn(loop);
	assert_string_equal(order, "345");
	pl_loop_turn(loop);
	assert_string_equal(order, "345678");
	pl_loop_turn(loop);
	assert_string_equal(order, "3456789");
}

static void a_new_turn_is_a_new_begin(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		for (int j = 0; j < 3; j++)
			assert_true(pl_tls_turn_take(&turns[j], loop));
		pl_loop_turn(loop);
	}
	assert_int_equal(ran, 0);
}

/* Who comes later does not overtake, also when the turn has room. */
static void nobody_overtakes(void **state)
{
	(void)state;
	turns[3].limit = 1;
	for (int i = 0; i < 3; i++)
		assert_true(pl_tls_turn_take(&turns[i], loop));
	assert_false(pl_tls_turn_take(&turns[3], loop));
	turns[4].limit = 100;
	assert_false(pl_tls_turn_take(&turns[4], loop));
	pl_loop_turn(loop);
	pl_loop_turn(loop);
	assert_string_equal(order, "34");
}

static void who_is_cancelled_is_left_out(void **state)
{
	(void)state;
	assert_int_equal(take_all(), 3);
	pl_tls_turn_cancel(&turns[3]);
	pl_tls_turn_cancel(&turns[5]);
	pl_loop_turn(loop);
	pl_loop_turn(loop);
	pl_loop_turn(loop);
	assert_string_equal(order, "46789");
}

static void again(pl_tls_turn *turn)
{
	on_turn(turn);
	while (ran < COUNT && pl_tls_turn_take(turn, loop))
		on_turn(turn);
}

static void a_step_may_ask_for_another(void **state)
{
	(void)state;
	turns[0].run = again;
	for (int i = 1; i < 4; i++)
		assert_true(pl_tls_turn_take(&turns[i], loop));
	assert_false(pl_tls_turn_take(&turns[0], loop));
	pl_loop_turn(loop);
	pl_loop_turn(loop);
	assert_int_equal(ran, 3);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(loop);
	assert_int_equal(ran, COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(so_many_a_turn_the_first_first, begin, end),
		cmocka_unit_test_setup_teardown(a_new_turn_is_a_new_begin, begin, end),
		cmocka_unit_test_setup_teardown(nobody_overtakes, begin, end),
		cmocka_unit_test_setup_teardown(who_is_cancelled_is_left_out, begin, end),
		cmocka_unit_test_setup_teardown(a_step_may_ask_for_another, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
