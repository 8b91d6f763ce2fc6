#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <sys/resource.h>

#include "base/status.h"
#include "worker/worker.h"

enum { WORKERS = 4 };

typedef struct plan {
	int fails;	   /* the worker whose main ends with 7 */
	int stops;	   /* the worker that stops all, with 3 */
	int sleeps;	   /* the worker that is busy for a while */
	bool starves;	   /* no descriptor is left for the others */
	_Atomic int began; /* bits of workers */
	_Atomic int stopped;
} plan;

typedef struct script {
	plan *plan;
	pl_worker *worker;
	pl_timer timer;
	bool stopping;
} script;

static void on_stop(void *context, int code)
{
	script *self = context;

	assert_int_equal(code, self->plan->starves ? 1 : self->plan->fails ? 7 : 3);
	atomic_fetch_or(&self->plan->stopped, 1 << self->worker->id);
	self->stopping = true;
}

static void on_timer(pl_timer *timer)
{
	pl_loop_release(PL_CONTAINER(timer, script, timer)->worker->loop);
}

static void hold_for(script *self, uint64_t ms)
{
	pl_timer_init(&self->timer, on_timer);
	pl_loop_hold(self->worker->loop);
	pl_loop_start(self->worker->loop, &self->timer, ms);
}

static void begin_others_without_descriptors(pl_worker *worker)
{
	struct rlimit before;
	struct rlimit none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	pl_worker_begin_others(worker);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static int work(pl_worker *worker, void *context)
{
	plan *to = context;
	script self = { .plan = to, .worker = worker };

	atomic_fetch_or(&to->began, 1 << worker->id);
	worker->stop = on_stop;
	worker->context = &self;
	assert_int_equal(worker->count > 1, worker->groups != NULL);
	if (to->fails == worker->id)
		return 7;
	if (to->sleeps == worker->id)
		hold_for(&self, 30);
	if (to->starves)
		begin_others_without_descriptors(worker);
	else if (worker->id == 1)
		pl_worker_begin_others(worker);
	if (to->stops == worker->id) {
		pl_worker_stop_all(worker, 3);
		pl_worker_stop_all(worker, 4);
	}
	do {
		pl_loop_run(worker->loop);
	} while (!self.stopping && pl_worker_rest(worker));
	return 0;
}

static const int everybody = (1 << (WORKERS + 1)) - 2;

static void one_worker_is_enough(void **state)
{
	plan to = { .fails = 0 };

	(void)state;
	assert_int_equal(pl_worker_run(1, work, &to), 0);
	assert_int_equal(to.began, 1 << 1);
}

static void it_ends_when_nobody_has_anything_to_do(void **state)
{
	(void)state;
	for (int sleeper = 0; sleeper <= WORKERS; sleeper++) {
		plan to = { .sleeps = sleeper };

		assert_int_equal(pl_worker_run(WORKERS, work, &to), 0);
		assert_int_equal(to.began, everybody);
		assert_int_equal(to.stopped, 0);
	}
}

static void each_can_stop_all(void **state)
{
	(void)state;
	for (int stopper = 1; stopper <= WORKERS; stopper++) {
		plan to = { .stops = stopper };

		assert_int_equal(pl_worker_run(WORKERS, work, &to), 3);
		assert_int_equal(to.stopped & (1 << stopper), 0);
	}
}

static void who_cannot_begin_stops_all(void **state)
{
	plan to = { .starves = true, .sleeps = 1 };

	(void)state;
	assert_int_equal(pl_worker_run(WORKERS, work, &to), 1);
	assert_int_equal(to.began, 1 << 1);
	assert_int_equal(to.stopped, 1 << 1);
}

static void a_failure_of_the_first_begins_no_others(void **state)
{
	plan to = { .fails = 1 };

	(void)state;
	assert_int_equal(pl_worker_run(WORKERS, work, &to), 7);
	assert_int_equal(to.began, 1 << 1);
}

static void a_failure_of_another_stops_all(void **state)
{
	plan to = { .fails = 3, .sleeps = 1 };

	(void)state;
	assert_int_equal(pl_worker_run(WORKERS, work, &to), 7);
	assert_true(to.stopped & (1 << 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker_is_enough),
		cmocka_unit_test(it_ends_when_nobody_has_anything_to_do),
		cmocka_unit_test(each_can_stop_all),
		cmocka_unit_test(who_cannot_begin_stops_all),
		cmocka_unit_test(a_failure_of_the_first_begins_no_others),
		cmocka_unit_test(a_failure_of_another_stops_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
