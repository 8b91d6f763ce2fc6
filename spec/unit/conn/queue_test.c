#include "unit/codec/bytes.h"

#include "base/alloc.h"
#include "base/status.h"
#include "conn/queue.h"

static pl_block *push(pl_queue *queue, enum pl_queue_class class, const char *text)
{
	pl_block *block = pl_block_copy(text, strlen(text));

	assert_int_equal(pl_queue_push(queue, class, block), PL_OK);
	pl_block_unref(block);
	return block;
}

static void pops(pl_queue *queue, const char *text)
{
	pl_block *block = pl_queue_pop(queue);

	assert_non_null(block);
	assert_int_equal(block->refs, 1);
	assert_int_equal(block->len, strlen(text));
	assert_memory_equal(block->data, text, block->len);
	pl_block_unref(block);
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
		assert_null(pl_queue_pop(&queue));
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
	assert_null(pl_queue_pop(&queue));
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
	pl_queue queue = { 0 };

	(void)state;
	pl_alloc_fail_at(1);
	assert_int_equal(pl_queue_push(&queue, PL_QUEUE_DATA, block), PL_ENOMEM);
	pl_alloc_fail_at(0);
	assert_int_equal(queue.count, 0);
	assert_int_equal(queue.bytes, 0);
	assert_int_equal(block->refs, 1);
	assert_null(pl_queue_pop(&queue));
	pl_block_unref(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(control_goes_before_data),
		cmocka_unit_test(it_lets_go_of_everything),
		cmocka_unit_test(without_memory_nothing_is_queued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
