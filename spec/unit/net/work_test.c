#include "unit/net/turns.h"

#include <stdatomic.h>

#include "net/work.h"

enum { MANY = 200 };

typedef struct job {
	_Atomic int ran;
	int done;
} job;

static pl_loop *loop;

static void run(void *context)
{
	atomic_fetch_add(&((job *)context)->ran, 1);
}

static void done(void *context)
{
	((job *)context)->done++;
}

static void each_is_run_and_done_once(void **state)
{
	static job jobs[MANY];

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(pl_work_start(loop, run, done, &jobs[i]), PL_OK);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(jobs[i].done, 0);
	pl_loop_run(loop); /* which the work holds */
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(jobs[i].ran, 1);
		assert_int_equal(jobs[i].done, 1);
	}
	pl_loop_free(loop);
}

static void done_twice(void *context)
{
	job *self = context;

	if (++self->done < 3)
		assert_int_equal(pl_work_start(loop, run, done_twice, self), PL_OK);
}

static void done_may_start_more(void **state)
{
	job one = { 0 };

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	assert_int_equal(pl_work_start(loop, run, done_twice, &one), PL_OK);
	pl_loop_run(loop);
	assert_int_equal(one.done, 3);
	pl_loop_free(loop);
}

static void freeing_the_loop_waits_for_it(void **state)
{
	job one = { 0 };

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	assert_int_equal(pl_work_start(loop, run, done, &one), PL_OK);
	pl_loop_free(loop);
	assert_int_equal(one.done, 1);
}

static void without_memory_nothing_is_called(void **state)
{
	job one = { 0 };

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	pl_alloc_fail_at(1);
	assert_int_equal(pl_work_start(loop, run, done, &one), PL_ENOMEM);
	pl_alloc_fail_at(0);
	pl_loop_run(loop);
	pl_loop_free(loop);
	assert_int_equal(one.ran + one.done, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_run_and_done_once),
		cmocka_unit_test(done_may_start_more),
		cmocka_unit_test(freeing_the_loop_waits_for_it),
		cmocka_unit_test(without_memory_nothing_is_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
