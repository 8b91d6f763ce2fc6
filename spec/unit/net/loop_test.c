#include "unit/net/turns.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "net/loop.h"

typedef struct piece {
	pl_deferred deferred;
	pl_timer timer;
	const char *word;
	bool again;
} piece;

static pl_loop *loop;
static pl_buffer journal;

static int open_loop(void **state)
{
	(void)state;
	return pl_loop_new(&loop);
}

static int free_loop(void **state)
{
	(void)state;
	pl_buffer_deinit(&journal);
	pl_loop_free(loop);
	return 0;
}

static void run_piece(pl_deferred *deferred)
{
	piece *self = PL_CONTAINER(deferred, piece, deferred);

	note(&journal, self->word);
	if (self->again)
		pl_loop_defer(loop, deferred);
	self->again = false;
}

static void fire_piece(pl_timer *timer)
{
	piece *self = PL_CONTAINER(timer, piece, timer);

	note(&journal, self->word);
	if (self->again)
		pl_loop_start(loop, timer, 1000);
}

static piece piece_of(const char *word)
{
	return (piece){ .word = word };
}

static void piece_init(piece *self)
{
	pl_deferred_init(&self->deferred, run_piece);
	pl_timer_init(&self->timer, fire_piece);
}

static void deferred_work_runs_once_at_the_end_of_a_turn(void **state)
{
	piece a = piece_of("a"), b = piece_of("b"), flush = piece_of("flush");

	(void)state;
	piece_init(&a);
	piece_init(&b);
	piece_init(&flush);
	pl_loop_flush(loop, &flush.deferred);
	pl_loop_defer(loop, &b.deferred);
	pl_loop_defer(loop, &a.deferred);
	pl_loop_defer(loop, &b.deferred);
	pl_loop_flush(loop, &flush.deferred);
	assert_int_equal(journal.len, 0);
	pl_loop_turn(loop);
	assert_string_equal(noted(&journal), "b a flush ");
	pl_loop_turn(loop);
	assert_string_equal(noted(&journal), "");
}

static void what_is_deferred_meanwhile_has_its_own_pass(void **state)
{
	piece a = piece_of("a"), flush = piece_of("flush");

	(void)state;
	piece_init(&a);
	piece_init(&flush);
	a.again = true;
	pl_loop_defer(loop, &a.deferred);
	pl_loop_flush(loop, &flush.deferred);
	pl_loop_turn(loop);
	assert_string_equal(noted(&journal), "a flush a ");
}

static void cancelled_work_does_not_run(void **state)
{
	piece a = piece_of("a");

	(void)state;
	piece_init(&a);
	pl_deferred_cancel(&a.deferred);
	pl_loop_defer(loop, &a.deferred);
	pl_deferred_cancel(&a.deferred);
	pl_loop_turn(loop);
	assert_string_equal(noted(&journal), "");
}

static void timers_fire_when_time_has_passed(void **state)
{
	piece early = piece_of("early"), late = piece_of("late"), never = piece_of("never");

	(void)state;
	piece_init(&early);
	piece_init(&late);
	piece_init(&never);
	pl_loop_start(loop, &late.timer, 60000);
	pl_loop_start(loop, &early.timer, 30000);
	pl_loop_start(loop, &never.timer, 30000);
	pl_loop_stop_timer(loop, &never.timer);
	pl_loop_skip(loop, 20000);
	pl_loop_turn(loop);
	assert_string_equal(noted(&journal), "");
	pl_loop_skip(loop, 40000);
	assert_string_equal(noted(&journal), "early late ");
}

static void a_timer_fires_by_itself(void **state)
{
	piece a = piece_of("a");
	uint64_t began = pl_loop_now(loop);

	(void)state;
	piece_init(&a);
	pl_loop_start(loop, &a.timer, 3);
	TURN_UNTIL(loop, journal.len > 0);
	assert_true(pl_loop_now(loop) - began >= 3);
	assert_string_equal(noted(&journal), "a ");
}

static void time_goes_on_from_where_it_was_put(void **state)
{
	uint64_t before = pl_loop_now(loop);

	(void)state;
	pl_loop_skip(loop, 5000);
	assert_in_range(pl_loop_now(loop), before + 5000, before + 15000);
	pl_loop_turn(loop);
	assert_true(pl_loop_now(loop) >= before + 5000);
}

static void a_clock_that_stands_still(void **state)
{
	struct timespec nap = { .tv_nsec = 5000000 };
	piece a = piece_of("a");
	uint64_t before;

	(void)state;
	pl_loop_still(loop);
	before = pl_loop_now(loop);
	piece_init(&a);
	pl_loop_start(loop, &a.timer, 2);
	nanosleep(&nap, NULL);
	pl_loop_turn(loop);
	pl_loop_turn(loop);
	assert_int_equal(pl_loop_now(loop), before);
	assert_string_equal(noted(&journal), "");
	pl_loop_skip(loop, 2);
	assert_int_equal(pl_loop_now(loop), before + 2);
	assert_string_equal(noted(&journal), "a ");
}

/* Running. */

static void release(pl_timer *timer)
{
	(void)timer;
	pl_loop_release(loop);
}

static void stop(pl_timer *timer)
{
	(void)timer;
	pl_loop_stop(loop);
}

static void it_runs_while_it_is_held(void **state)
{
	pl_timer first, second;

	(void)state;
	pl_loop_run(loop); /* nothing holds it */
	pl_timer_init(&first, release);
	pl_timer_init(&second, release);
	pl_loop_hold(loop);
	pl_loop_hold(loop);
	pl_loop_start(loop, &first, 1);
	pl_loop_start(loop, &second, 3);
	pl_loop_run(loop);
	assert_false(pl_timer_active(&second));
}

static void it_stops_when_told(void **state)
{
	pl_timer timer;

	(void)state;
	pl_timer_init(&timer, stop);
	pl_loop_hold(loop);
	for (int i = 0; i < 2; i++) {
		pl_loop_start(loop, &timer, 1);
		pl_loop_run(loop);
	}
	pl_loop_release(loop);
}

/* Without the wake it would sleep for an hour. */
static void *wake_soon(void *unused)
{
	(void)unused;
	poll(NULL, 0, 2);
	pl_loop_wake(loop);
	return NULL;
}

static void release_deferred(pl_deferred *deferred)
{
	(void)deferred;
	pl_loop_release(loop);
}

static pl_deferred releasing;

static void defer_release(pl_deferred *deferred)
{
	(void)deferred;
	pl_loop_flush(loop, &releasing);
}

static void it_does_not_sleep_over_work(void **state)
{
	pl_deferred first;
	pl_timer hour;

	(void)state;
	pl_timer_init(&hour, stop);
	pl_loop_start(loop, &hour, 3600000);
	pl_deferred_init(&releasing, release_deferred);
	pl_deferred_init(&first, defer_release);
	pl_loop_hold(loop);
	pl_loop_flush(loop, &first); /* which flushes again, in the same pass */
	pl_loop_run(loop);
	pl_loop_stop_timer(loop, &hour);
}

static void another_thread_ends_the_wait(void **state)
{
	piece a = piece_of("a");
	pthread_t thread;

	(void)state;
	piece_init(&a);
	pl_deferred_init(&releasing, release_deferred);
	pl_loop_hold(loop);
	assert_int_equal(pthread_create(&thread, NULL, wake_soon, NULL), 0);
	pl_loop_defer(loop, &releasing);
	pl_loop_run(loop);
	pthread_join(thread, NULL);
}

/* Signals. */

static void on_signal(void *context, int number)
{
	assert_int_equal(number, SIGUSR1);
	note(&journal, context);
}

static void signals_call_back(void **state)
{
	static char first[] = "first", second[] = "second";

	(void)state;
	assert_int_equal(pl_loop_on_signal(loop, SIGUSR1, on_signal, first), PL_OK);
	raise(SIGUSR1);
	TURN_UNTIL(loop, journal.len > 0);
	assert_string_equal(noted(&journal), "first ");
	assert_int_equal(pl_loop_on_signal(loop, SIGUSR1, on_signal, second), PL_OK);
	raise(SIGUSR1);
	TURN_UNTIL(loop, journal.len > 0);
	assert_string_equal(noted(&journal), "second ");
	pl_loop_run(loop); /* a signal does not hold it */
}

/* The rest. */

static void the_date_is_as_http_has_it(void **state)
{
	const char *date = pl_loop_date(loop);
	struct tm tm = { 0 };
	char again[64];
	const char *end;

	(void)state;
	assert_int_equal(strlen(date), 29);
	end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	assert_non_null(end);
	assert_string_equal(end, "");
	strftime(again, sizeof(again), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	assert_string_equal(date, again);
	assert_true(llabs((long long)timegm(&tm) - (long long)time(NULL)) <= 2);
}

static void nothing_is_left(void **state)
{
	int64_t live = pl_alloc_live();
	int open_before = descriptors();
	pl_loop *other;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pl_loop_new(&other), PL_OK);
		pl_loop_turn(other);
		pl_loop_free(other);
	}
	for (uint64_t nth = 1; nth <= 2; nth++) {
		pl_alloc_fail_at(nth);
		assert_int_equal(pl_loop_new(&other), PL_ENOMEM);
		pl_alloc_fail_at(0);
	}
	pl_loop_free(NULL);
	assert_int_equal(pl_alloc_live(), live);
	assert_int_equal(descriptors(), open_before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_loop, free_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(deferred_work_runs_once_at_the_end_of_a_turn),
		TEST(what_is_deferred_meanwhile_has_its_own_pass),
		TEST(cancelled_work_does_not_run),
		TEST(timers_fire_when_time_has_passed),
		TEST(a_timer_fires_by_itself),
		TEST(time_goes_on_from_where_it_was_put),
		TEST(a_clock_that_stands_still),
		TEST(it_runs_while_it_is_held),
		TEST(it_stops_when_told),
		TEST(it_does_not_sleep_over_work),
		TEST(another_thread_ends_the_wait),
		TEST(signals_call_back),
		TEST(the_date_is_as_http_has_it),
		cmocka_unit_test(nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
