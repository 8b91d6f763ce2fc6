#include "unit/net/turns.h"

#include "base/list.h"

typedef struct step {
	pl_deferred deferred;
	pl_loop *loop;
	pl_buffer *journal;
	char name;
	int again;
} step;

static void run_step(pl_deferred *deferred)
{
	step *self = PL_CONTAINER(deferred, step, deferred);

	assert_int_equal(pl_buffer_append(self->journal, &self->name, 1), PL_OK);
	if (self->again-- > 0)
		pl_loop_defer(self->loop, deferred);
}

static step make_step(pl_loop *loop, pl_buffer *journal, char name)
{
	return (step){ .loop = loop, .journal = journal, .name = name };
}

static void expect(pl_buffer *journal, const char *text)
{
	assert_int_equal(journal->len, strlen(text));
	if (journal->len > 0)
		assert_memory_equal(journal->data, text, journal->len);
	journal->len = 0;
}

static pl_loop *new_loop(void)
{
	pl_loop *loop = NULL;

	assert_int_equal(pl_loop_new(&loop), PL_OK);
	return loop;
}

/* Deferred work runs before flushes, each once, also when it was queued twice. */
static void test_end_of_turn(void **state)
{
	pl_loop *loop = new_loop();
	pl_buffer journal = { 0 };
	step flush = make_step(loop, &journal, 'f');
	step first = make_step(loop, &journal, '1');
	step second = make_step(loop, &journal, '2');

	(void)state;
	pl_deferred_init(&flush.deferred, run_step);
	pl_deferred_init(&first.deferred, run_step);
	pl_deferred_init(&second.deferred, run_step);
	pl_loop_flush(loop, &flush.deferred);
	pl_loop_defer(loop, &first.deferred);
	pl_loop_defer(loop, &second.deferred);
	pl_loop_defer(loop, &first.deferred);
	pl_loop_turn(loop);
	expect(&journal, "12f");
	pl_loop_turn(loop);
	expect(&journal, "");
	pl_loop_defer(loop, &first.deferred);
	pl_deferred_cancel(&first.deferred);
	pl_deferred_cancel(&first.deferred);
	pl_loop_turn(loop);
	expect(&journal, "");
	pl_buffer_deinit(&journal);
	pl_loop_free(loop);
}

/* Work that queues itself again waits for the next pass: it cannot hold a turn for ever. And the
 * loop does not sleep over it. */
static void test_again(void **state)
{
	pl_loop *loop = new_loop();
	pl_buffer journal = { 0 };
	step self = make_step(loop, &journal, 'a');
	int turns = 0;

	(void)state;
	pl_deferred_init(&self.deferred, run_step);
	self.again = 9;
	pl_loop_defer(loop, &self.deferred);
	while (journal.len < 10) {
		pl_loop_turn(loop);
		assert_true(++turns < 100);
	}
	assert_true(turns > 1);
	expect(&journal, "aaaaaaaaaa");
	pl_buffer_deinit(&journal);
	pl_loop_free(loop);
}

typedef struct ringer {
	pl_timer timer;
	pl_loop *loop;
	int fired;
	bool release;
} ringer;

static void on_alarm(pl_timer *timer)
{
	ringer *self = PL_CONTAINER(timer, ringer, timer);

	self->fired++;
	if (self->release)
		pl_loop_release(self->loop);
}

static void test_timers(void **state)
{
	pl_loop *loop = new_loop();
	ringer soon = { .loop = loop };
	ringer never = { .loop = loop };

	(void)state;
	pl_timer_init(&soon.timer, on_alarm);
	pl_timer_init(&never.timer, on_alarm);
	pl_loop_start(loop, &soon.timer, 1000);
	pl_loop_start(loop, &never.timer, 1000);
	pl_loop_skip(loop, 900);
	assert_int_equal(soon.fired, 0);
	pl_loop_stop_timer(loop, &never.timer);
	pl_loop_skip(loop, 100);
	assert_int_equal(soon.fired, 1);
	assert_int_equal(never.fired, 0);
	pl_loop_free(loop);
}

/* Runs while something holds it; the end may come from a timer, with nothing else to wake it. */
static void test_run(void **state)
{
	pl_loop *loop = new_loop();
	ringer last = { .loop = loop, .release = true };

	(void)state;
	pl_loop_run(loop);
	pl_timer_init(&last.timer, on_alarm);
	pl_loop_hold(loop);
	pl_loop_start(loop, &last.timer, 5);
	pl_loop_run(loop);
	assert_int_equal(last.fired, 1);
	pl_loop_free(loop);
}

typedef struct stopper {
	pl_deferred deferred;
	pl_loop *loop;
} stopper;

static void run_stop(pl_deferred *deferred)
{
	pl_loop_stop(PL_CONTAINER(deferred, stopper, deferred)->loop);
}

/* A stop from deferred work ends the run although something still holds the loop. */
static void test_stop(void **state)
{
	pl_loop *loop = new_loop();
	stopper self = { .loop = loop };

	(void)state;
	pl_deferred_init(&self.deferred, run_stop);
	pl_loop_hold(loop);
	pl_loop_defer(loop, &self.deferred);
	pl_loop_run(loop);
	pl_loop_release(loop);
	pl_loop_free(loop);
}

static void on_signal(void *context, int number)
{
	*(int *)context = number;
}

static void on_other_signal(void *context, int number)
{
	*(int *)context = -number;
}

static void test_signals(void **state)
{
	pl_loop *loop = new_loop();
	int got = 0;

	(void)state;
	assert_int_equal(pl_loop_on_signal(loop, SIGUSR1, on_signal, &got), PL_OK);
	raise(SIGUSR1);
	TURN_UNTIL(loop, got != 0);
	assert_int_equal(got, SIGUSR1);
	assert_int_equal(pl_loop_on_signal(loop, SIGUSR1, on_other_signal, &got), PL_OK);
	raise(SIGUSR1);
	TURN_UNTIL(loop, got < 0);
	assert_int_equal(got, -SIGUSR1);
	pl_loop_free(loop);
}

static void test_date(void **state)
{
	pl_loop *loop = new_loop();
	const char *date = pl_loop_date(loop);

	(void)state;
	assert_int_equal(strlen(date), 29);
	assert_memory_equal(date + 25, " GMT", 4);
	assert_ptr_equal(pl_loop_date(loop), date);
	pl_loop_free(loop);
}

static void test_no_memory(void **state)
{
	pl_loop *loop = NULL;

	(void)state;
	for (uint64_t nth = 1; nth <= 2; nth++) {
		pl_alloc_fail_at(nth);
		assert_int_equal(pl_loop_new(&loop), PL_ENOMEM);
		pl_alloc_fail_at(0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_end_of_turn), cmocka_unit_test(test_again),
		cmocka_unit_test(test_timers),	    cmocka_unit_test(test_run),
		cmocka_unit_test(test_stop),	    cmocka_unit_test(test_signals),
		cmocka_unit_test(test_date),	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
