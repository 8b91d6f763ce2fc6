#include "unit/codec/bytes.h"

#include "base/alloc.h"
#include "base/status.h"
#include "conn/queue.h"

static pl_block *push(pl_queue *queue, enum pl_queue_class class, const char *text)
{
	pl_block *block = pl_block_copy(text, strlen(text));
	const pl_queued message = { .block = block, .encoded = true };

	assert_int_equal(pl_queue_push(queue, class, &message), PL_OK);
	pl_block_unref(block);
	return block;
}

static void pops(pl_queue *queue, const char *text)
{
	const pl_queued *first = pl_queue_first(queue);
	pl_block *block = first ? first->block : NULL;
	pl_queued message;

	assert_true(pl_queue_pop(queue, &message));
	assert_ptr_equal(message.block, block);
	assert_int_equal(block->refs, 1);
	assert_int_equal(block->len, strlen(text));
	assert_memory_equal(block->data, text, block->len);
	pl_block_unref(block);
}

static void pops_nothing(pl_queue *queue)
{
	pl_queued message;

	assert_null(pl_queue_first(queue));
	assert_false(pl_queue_pop(queue, &message));
}

static void first_in_first_out(void **state)
{
	pl_queue queue = { 0 };

	(void)state;
	for (int round = 0; round < 2; round++) {
		push(&queue, PL_QUEUE_DATA, "one");
		push(&queue, PL_QUEUE_DATA, "three");
		assert_int_equal(queue.bytes, 8);
		assert_int_equal(queue.count, 2);
		pops(&queue, "one");
		push(&queue, PL_QUEUE_DATA, "");
		pops(&queue, "three");
		pops(&queue, "");
		pops_nothing(&queue);
		assert_int_equal(queue.bytes, 0);
		assert_int_equal(queue.count, 0);
	}
}

static void control_goes_before_data(void **state)
{
	pl_queue queue = { 0 };

	(void)state;
	push(&queue, PL_QUEUE_DATA, "a");
	push(&queue, PL_QUEUE_CONTROL, "1");
	push(&queue, PL_QUEUE_DATA, "b");
	push(&queue, PL_QUEUE_CONTROL, "2");
	pops(&queue, "1");
	pops(&queue, "2");
	pops(&queue, "a");
	push(&queue, PL_QUEUE_CONTROL, "3");
	pops(&queue, "3");
	pops(&queue, "b");
	pops_nothing(&queue);
}

static void lower_levels_go_first(void **state)
{
	pl_queue queue = { 0 };

	(void)state;
	push(&queue, PL_QUEUE_DATA + 2, "c");
	push(&queue, PL_QUEUE_DATA + 1, "b");
	push(&queue, PL_QUEUE_DATA, "a");
	push(&queue, PL_QUEUE_CONTROL, "1");
	push(&queue, PL_QUEUE_DATA + 1, "b2");
	pops(&queue, "1");
	pops(&queue, "a");
	pops(&queue, "b");
	pops(&queue, "b2");
	pops(&queue, "c");
	pops_nothing(&queue);
}

static void one_follows_another(void **state)
{
	pl_queue to = { 0 }, from = { 0 };

	(void)state;
	pl_queue_move(&to, &from);
	assert_int_equal(to.count, 0);
	push(&from, PL_QUEUE_DATA, "b");
	pl_queue_move(&to, &from);
	assert_int_equal(from.count + from.bytes, 0);
	pops_nothing(&from);
	push(&from, PL_QUEUE_DATA, "c");
	push(&from, PL_QUEUE_CONTROL, "1");
	pl_queue_move(&to, &from);
	push(&to, PL_QUEUE_DATA, "d");
	assert_int_equal(to.count, 4);
	assert_int_equal(to.bytes, 4);
	pops(&to, "1");
	pops(&to, "b");
	pops(&to, "c");
	pops(&to, "d");
	pops_nothing(&to);
	push(&from, PL_QUEUE_DATA, "e");
	pops(&from, "e");
}

static void it_lets_go_of_everything(void **state)
{
	int64_t live = pl_alloc_live();
	pl_queue queue = { 0 };

	(void)state;
	push(&queue, PL_QUEUE_DATA, "a");
	push(&queue, PL_QUEUE_CONTROL, "b");
	pl_queue_deinit(&queue);
	assert_int_equal(queue.count, 0);
	assert_int_equal(pl_alloc_live(), live);
	pl_queue_deinit(&queue);
}

static void without_memory_nothing_is_queued(void **state)
{
	pl_block *block = pl_block_copy("a", 1);
	const pl_queued message = { .block = block };
	pl_queue queue = { 0 };

	(void)state;
	pl_alloc_fail_at(1);
	assert_int_equal(pl_queue_push(&queue, PL_QUEUE_DATA, &message), PL_ENOMEM);
	pl_alloc_fail_at(0);
	assert_int_equal(queue.count, 0);
	assert_int_equal(queue.bytes, 0);
	assert_int_equal(block->refs, 1);
	pops_nothing(&queue);
	pl_block_unref(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(control_goes_before_data),
		cmocka_unit_test(lower_levels_go_first),
		cmocka_unit_test(one_follows_another),
		cmocka_unit_test(it_lets_go_of_everything),
		cmocka_unit_test(without_memory_nothing_is_queued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
