#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/wheel.h"
#include "unit/base/prng.h"

/* Around these the digits carry: into the next level, and over the wheel's whole range. */
static const uint64_t beginnings[] = {
	0,
	1,
	63,
	4095,
	1785000000000, /* a date in milliseconds */
	(UINT64_C(1) << 36) - 5,
	(UINT64_C(1) << 42) - 1000,
	(UINT64_C(3) << 42) - 1,
	UINT64_MAX / 2,
};

enum { BEGINNINGS = sizeof(beginnings) / sizeof(beginnings[0]) };

static pl_wheel wheel;
static pl_timer *fired[64];
static unsigned fired_count;

static void note(pl_timer *timer)
{
	assert_false(pl_timer_active(timer));
	fired[fired_count++] = timer;
}

static int begin(void **state)
{
	(void)state;
	pl_wheel_init(&wheel, 1000);
	fired_count = 0;
	return 0;
}

/* Bits and lists say the same, and no slot in use is behind. */
static void assert_sound(void)
{
	for (unsigned level = 0; level < PL_WHEEL_LEVELS; level++)
		for (unsigned index = 0; index < PL_WHEEL_SLOTS; index++)
			assert_int_equal(wheel.used[level] >> index & 1,
					 !pl_list_empty(&wheel.slots[level][index]));
	assert_true(pl_wheel_next(&wheel) >= wheel.now);
}

static void a_timer_fires_when_due_and_not_before(void **state)
{
	pl_timer timer;

	(void)state;
	pl_timer_init(&timer, note);
	assert_false(pl_timer_active(&timer));
	pl_wheel_start(&wheel, &timer, 1500);
	assert_true(pl_timer_active(&timer));
	pl_wheel_advance(&wheel, 1499);
	assert_int_equal(fired_count, 0);
	pl_wheel_advance(&wheel, 1500);
	assert_int_equal(fired_count, 1);
	assert_false(pl_timer_active(&timer));
	pl_wheel_advance(&wheel, 90000);
	assert_int_equal(fired_count, 1);
}

static void every_distance_fires_on_its_millisecond(void **state)
{
	(void)state;
	for (int i = 0; i < BEGINNINGS; i++) {
		for (uint64_t distance = 1; distance < 9000; distance += 1 + distance / 50) {
			pl_timer timer;

			fired_count = 0;
			pl_wheel_init(&wheel, beginnings[i]);
			pl_timer_init(&timer, note);
			pl_wheel_start(&wheel, &timer, wheel.now + distance);
			pl_wheel_advance(&wheel, timer.due - 1);
			assert_int_equal(fired_count, 0);
			pl_wheel_advance(&wheel, timer.due);
			assert_int_equal(fired_count, 1);
		}
	}
}

static void the_past_fires_at_the_next_advance(void **state)
{
	pl_timer timers[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		pl_timer_init(&timers[i], note);
		pl_wheel_start(&wheel, &timers[i], i == 2 ? wheel.now : (uint64_t)i);
	}
	assert_int_equal(pl_wheel_next(&wheel), 1000);
	pl_wheel_advance(&wheel, 1000);
	assert_int_equal(fired_count, 3);
	assert_int_equal(pl_wheel_next(&wheel), UINT64_MAX);
}

static void time_does_not_go_back(void **state)
{
	pl_timer past, future;

	(void)state;
	pl_timer_init(&past, note);
	pl_timer_init(&future, note);
	pl_wheel_start(&wheel, &past, 500);
	pl_wheel_start(&wheel, &future, 1001);
	pl_wheel_advance(&wheel, 10);
	assert_int_equal(wheel.now, 1000);
	assert_int_equal(fired_count, 1);
	pl_wheel_advance(&wheel, 1001);
	assert_int_equal(fired_count, 2);
}

static void the_earliest_is_first_whatever_the_order_of_starts(void **state)
{
	static const uint64_t dues[] = { 90000, 1001, 5000, 1064, 1001, 1063, 400000, 5000, 999 };
	static const int order[] = { 8, 1, 4, 5, 3, 2, 7, 0, 6 };
	pl_timer timers[9];

	(void)state;
	for (int i = 0; i < 9; i++) {
		pl_timer_init(&timers[i], note);
		pl_wheel_start(&wheel, &timers[i], dues[i]);
	}
	pl_wheel_advance(&wheel, 1000000);
	assert_int_equal(fired_count, 9);
	for (int i = 0; i < 9; i++)
		assert_ptr_equal(fired[i], &timers[order[i]]);
}

/* One that has come down from above is before one started later for the same time. */
static void equal_dues_fire_in_the_order_of_their_starts(void **state)
{
	pl_timer early, late;

	(void)state;
	pl_timer_init(&early, note);
	pl_timer_init(&late, note);
	pl_wheel_start(&wheel, &early, 300000);
	pl_wheel_advance(&wheel, 299990);
	pl_wheel_start(&wheel, &late, 300000);
	pl_wheel_advance(&wheel, 300000);
	assert_int_equal(fired_count, 2);
	assert_ptr_equal(fired[0], &early);
	assert_ptr_equal(fired[1], &late);
}

static void starting_again_moves(void **state)
{
	pl_timer timer;

	(void)state;
	pl_timer_init(&timer, note);
	pl_wheel_start(&wheel, &timer, 1010);
	pl_wheel_start(&wheel, &timer, 2000);
	assert_sound();
	pl_wheel_advance(&wheel, 1999);
	assert_int_equal(fired_count, 0);
	pl_wheel_start(&wheel, &timer, 2000);
	pl_wheel_advance(&wheel, 2000);
	assert_int_equal(fired_count, 1);
}

static void a_stopped_timer_does_not_fire(void **state)
{
	pl_timer timer;

	(void)state;
	pl_timer_init(&timer, note);
	pl_wheel_stop(&wheel, &timer);
	pl_wheel_start(&wheel, &timer, 1010);
	pl_wheel_stop(&wheel, &timer);
	pl_wheel_stop(&wheel, &timer);
	assert_false(pl_timer_active(&timer));
	assert_int_equal(pl_wheel_next(&wheel), UINT64_MAX);
	pl_wheel_advance(&wheel, 5000);
	assert_int_equal(fired_count, 0);
}

static void again_at_once(pl_timer *timer)
{
	note(timer);
	pl_wheel_start(&wheel, timer, timer->due);
}

static void a_restart_for_a_time_that_has_passed_waits_for_the_next_advance(void **state)
{
	pl_timer timer;

	(void)state;
	pl_timer_init(&timer, again_at_once);
	pl_wheel_start(&wheel, &timer, 1001);
	for (unsigned i = 1; i <= 5; i++) {
		pl_wheel_advance(&wheel, 5000);
		assert_int_equal(fired_count, i);
		assert_int_equal(pl_wheel_next(&wheel), 5000);
	}
}

static void every_second(pl_timer *timer)
{
	note(timer);
	pl_wheel_start(&wheel, timer, timer->due + 1000);
}

static void a_restart_for_later_runs_on_time(void **state)
{
	pl_timer timer;

	(void)state;
	pl_timer_init(&timer, every_second);
	pl_wheel_start(&wheel, &timer, 2000);
	for (uint64_t now = 1000; now <= 20000; now++) {
		pl_wheel_advance(&wheel, now);
		assert_int_equal(fired_count, now / 1000 - 1);
	}
}

static pl_timer victims[4];

static void stop_victims(pl_timer *timer)
{
	note(timer);
	pl_wheel_stop(&wheel, &victims[0]);
	pl_wheel_stop(&wheel, &victims[1]);
	pl_wheel_start(&wheel, &victims[2], 7000);
	assert_true(pl_timer_active(&victims[3]));
}

static void a_fire_can_stop_and_move_others_that_are_due(void **state)
{
	pl_timer timer;

	(void)state;
	pl_timer_init(&timer, stop_victims);
	pl_wheel_start(&wheel, &timer, 1500);
	for (unsigned i = 0; i < 4; i++) {
		pl_timer_init(&victims[i], note);
		pl_wheel_start(&wheel, &victims[i], 1500 + i);
	}
	pl_wheel_advance(&wheel, 6000);
	assert_int_equal(fired_count, 2);
	assert_ptr_equal(fired[1], &victims[3]);
	assert_false(pl_timer_active(&victims[0]));
	assert_sound();
	pl_wheel_advance(&wheel, 7000);
	assert_int_equal(fired_count, 3);
	assert_ptr_equal(fired[2], &victims[2]);
}

static void free_itself(pl_timer *timer)
{
	fired_count++;
	free(timer);
}

static void a_fire_can_free_its_timer(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		pl_timer *timer = malloc(sizeof(*timer));

		pl_timer_init(timer, free_itself);
		pl_wheel_start(&wheel, timer, 1000 + i * 37);
	}
	pl_wheel_advance(&wheel, 100000);
	assert_int_equal(fired_count, 100);
}

/* A loop a tick would take years. */
static void a_jump_costs_nothing(void **state)
{
	pl_timer timers[64];

	(void)state;
	pl_wheel_init(&wheel, 0);
	for (unsigned i = 0; i < 64; i++) {
		pl_timer_init(&timers[i], note);
		pl_wheel_start(&wheel, &timers[i], UINT64_MAX >> i);
	}
	pl_wheel_advance(&wheel, UINT64_MAX - 1);
	assert_int_equal(fired_count, 63);
	for (unsigned i = 0; i < 63; i++)
		assert_ptr_equal(fired[i], &timers[63 - i]);
	assert_sound();
	pl_wheel_advance(&wheel, UINT64_MAX);
	assert_int_equal(fired_count, 64);
}

static void time_may_come_to_its_end(void **state)
{
	pl_timer timer;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		fired_count = 0;
		pl_wheel_init(&wheel, UINT64_MAX - 200 + i);
		pl_timer_init(&timer, note);
		pl_wheel_start(&wheel, &timer, UINT64_MAX - 1);
		pl_wheel_start(&wheel, &timer, UINT64_MAX);
		assert_true(pl_wheel_next(&wheel) > wheel.now);
		pl_wheel_advance(&wheel, UINT64_MAX - 1);
		assert_int_equal(fired_count, 0);
		pl_wheel_advance(&wheel, UINT64_MAX);
		assert_int_equal(fired_count, 1);
	}
}

static void days_of_idle_jumps(void **state)
{
	enum { DAY = 86400000 };
	pl_timer timer;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		pl_timer_init(&timer, note);
		pl_wheel_start(&wheel, &timer, wheel.now + DAY * i);
		pl_wheel_advance(&wheel, wheel.now + DAY * i);
		assert_int_equal(fired_count, 1);
		fired_count = 0;
	}
}

/* Sleeping until `next` each time: how often does one timer wake the loop? */
static unsigned wakes_until_fired(uint64_t now, uint64_t due)
{
	pl_timer timer;
	unsigned wakes = 0;

	fired_count = 0;
	pl_wheel_init(&wheel, now);
	pl_timer_init(&timer, note);
	pl_wheel_start(&wheel, &timer, due);
	for (; fired_count == 0; wakes++) {
		uint64_t next = pl_wheel_next(&wheel);

		assert_true(next > wheel.now && next <= due);
		pl_wheel_advance(&wheel, next);
	}
	assert_int_equal(wheel.now, due);
	return wakes;
}

static void a_timer_wakes_the_loop_once_a_level_at_most(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (int i = 0; i < BEGINNINGS; i++)
		for (int round = 0; round < 5000; round++) {
			uint64_t distance = 1 + prng_magnitude(&random, 41);

			assert_true(wakes_until_fired(beginnings[i], beginnings[i] + distance) <=
				    PL_WHEEL_LEVELS);
		}
}

static void beyond_the_range_a_timer_is_looked_at_again(void **state)
{
	static const uint64_t range = UINT64_C(1) << 42;

	(void)state;
	for (int i = 0; i < BEGINNINGS; i++) {
		assert_true(wakes_until_fired(beginnings[i], beginnings[i] + range - 1) <= 8);
		assert_true(wakes_until_fired(beginnings[i], beginnings[i] + range) <= 8);
		assert_true(wakes_until_fired(beginnings[i], beginnings[i] + range + 1) <= 8);
		assert_true(wakes_until_fired(beginnings[i], beginnings[i] + 20 * range) <= 28);
	}
}

static void dues_within_the_same_64_ms_are_told_exactly(void **state)
{
	pl_timer a, b;

	(void)state;
	pl_wheel_init(&wheel, 64000);
	pl_timer_init(&a, note);
	pl_timer_init(&b, note);
	pl_wheel_start(&wheel, &a, 64050);
	assert_int_equal(pl_wheel_next(&wheel), 64050);
	pl_wheel_start(&wheel, &b, 64020);
	assert_int_equal(pl_wheel_next(&wheel), 64020);
	pl_wheel_stop(&wheel, &b);
	assert_int_equal(pl_wheel_next(&wheel), 64050);
}

/* The model: an array that is searched. What is due at an advance is marked before it
 * and must come in the order of (due, start); fires start and stop timers as well. */
enum { TIMERS = 150 };

static const uint64_t FAR = UINT64_C(1) << 41;

typedef struct model_timer {
	pl_timer timer; /* first: its address is the model's */
	uint64_t due;
	uint64_t started; /* serial number of the start */
	bool active;
	bool expected;
	bool far; /* started from beyond the wheel's range: no order among equals */
} model_timer;

static model_timer model[TIMERS];
static uint64_t starts;
static uint64_t fires;
static uint64_t random_state;

static void model_start(model_timer *at, uint64_t due)
{
	at->due = due > wheel.now ? due : wheel.now;
	at->started = starts++;
	at->far = at->due - wheel.now >= FAR;
	at->active = true;
	at->expected = false;
	pl_wheel_start(&wheel, &at->timer, due);
}

static void model_stop(model_timer *at)
{
	at->active = at->expected = false;
	pl_wheel_stop(&wheel, &at->timer);
	assert_false(pl_timer_active(&at->timer));
}

static bool before(const model_timer *a, const model_timer *b)
{
	return a->due != b->due ? a->due < b->due : a->started < b->started;
}

static model_timer *first_expected(void)
{
	model_timer *first = NULL;

	for (int i = 0; i < TIMERS; i++)
		if (model[i].expected && (!first || before(&model[i], first)))
			first = &model[i];
	return first;
}

static void random_operation(void)
{
	model_timer *at = &model[prng_below(&random_state, TIMERS)];
	const model_timer *other = &model[prng_below(&random_state, TIMERS)];
	uint64_t distance = prng_magnitude(&random_state, 41);

	switch (prng_below(&random_state, 8)) {
	case 0:
	case 1:
		model_stop(at);
		break;
	case 2:
		model_start(at, wheel.now > distance ? wheel.now - distance : 0);
		break;
	case 3:
		model_start(at, wheel.now + distance + 2 * FAR);
		break;
	case 4: /* the same due as another, also one that is due just now */
		if (!other->far)
			model_start(at, other->due);
		break;
	default:
		model_start(at, wheel.now + distance);
	}
}

static void model_fire(pl_timer *timer)
{
	model_timer *at = (model_timer *)timer;

	fires++;
	assert_ptr_equal(at, first_expected());
	assert_true(at->due <= wheel.now);
	assert_false(pl_timer_active(timer));
	at->active = at->expected = false;
	while (prng_below(&random_state, 3) == 0)
		random_operation();
}

static uint64_t random_jump(void)
{
	uint64_t next = pl_wheel_next(&wheel);

	switch (prng_below(&random_state, 4)) {
	case 0:
		return next == UINT64_MAX ? wheel.now : next;
	case 1:
		return wheel.now + prng_below(&random_state, 3);
	default:
		return wheel.now + prng_magnitude(&random_state, 40);
	}
}

static void model_advance(uint64_t now)
{
	for (int i = 0; i < TIMERS; i++)
		model[i].expected = model[i].active && model[i].due <= now;
	pl_wheel_advance(&wheel, now);
	assert_null(first_expected());
	assert_true(wheel.now == now);
}

static void assert_next_is_in_time(void)
{
	uint64_t earliest = UINT64_MAX;

	for (int i = 0; i < TIMERS; i++) {
		assert_int_equal(pl_timer_active(&model[i].timer), model[i].active);
		if (model[i].active && model[i].due < earliest)
			earliest = model[i].due;
	}
	assert_true(pl_wheel_next(&wheel) <= earliest);
	if (earliest > wheel.now)
		assert_true(pl_wheel_next(&wheel) > wheel.now);
	if (earliest == UINT64_MAX)
		assert_true(pl_wheel_next(&wheel) == UINT64_MAX);
}

static void random_use_agrees_with_a_model(void **state)
{
	(void)state;
	random_state = 42;
	for (int i = 0; i < BEGINNINGS; i++) {
		fires = 0;
		pl_wheel_init(&wheel, beginnings[i]);
		memset(model, 0, sizeof(model));
		for (int j = 0; j < TIMERS; j++)
			pl_timer_init(&model[j].timer, model_fire);
		for (int round = 0; round < 6000; round++) {
			for (uint64_t n = prng_below(&random_state, 12); n > 0; n--)
				random_operation();
			assert_next_is_in_time();
			model_advance(random_jump());
			assert_sound();
		}
		assert_true(fires > 10000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_timer_fires_when_due_and_not_before, begin),
		cmocka_unit_test_setup(every_distance_fires_on_its_millisecond, begin),
		cmocka_unit_test_setup(the_past_fires_at_the_next_advance, begin),
		cmocka_unit_test_setup(time_does_not_go_back, begin),
		cmocka_unit_test_setup(the_earliest_is_first_whatever_the_order_of_starts, begin),
		cmocka_unit_test_setup(equal_dues_fire_in_the_order_of_their_starts, begin),
		cmocka_unit_test_setup(starting_again_moves, begin),
		cmocka_unit_test_setup(a_stopped_timer_does_not_fire, begin),
		cmocka_unit_test_setup(
			a_restart_for_a_time_that_has_passed_waits_for_the_next_advance, begin),
		cmocka_unit_test_setup(a_restart_for_later_runs_on_time, begin),
		cmocka_unit_test_setup(a_fire_can_stop_and_move_others_that_are_due, begin),
		cmocka_unit_test_setup(a_fire_can_free_its_timer, begin),
		cmocka_unit_test_setup(a_jump_costs_nothing, begin),
		cmocka_unit_test_setup(time_may_come_to_its_end, begin),
		cmocka_unit_test_setup(days_of_idle_jumps, begin),
		cmocka_unit_test_setup(a_timer_wakes_the_loop_once_a_level_at_most, begin),
		cmocka_unit_test_setup(beyond_the_range_a_timer_is_looked_at_again, begin),
		cmocka_unit_test_setup(dues_within_the_same_64_ms_are_told_exactly, begin),
		cmocka_unit_test_setup(random_use_agrees_with_a_model, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
