/* covers: conn/message.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/status.h"
#include "conn/message.h"
#include "conn/queue.h"

static void push(pl_queue *queue, enum pl_queue_class class, const char *text)
{
	pl_block *block = pl_block_copy(text, strlen(text));

	assert_int_equal(pl_queue_push(queue, class, block), PL_OK);
	pl_block_unref(block);
}

static void expect(pl_queue *queue, const char *text)
{
	pl_block *block = pl_queue_pop(queue);

	assert_non_null(block);
	assert_int_equal(block->len, strlen(text));
	assert_memory_equal(block->data, text, block->len);
	pl_block_unref(block);
}

static void test_order(void **state)
{
	pl_queue queue = { 0 };
	int64_t live = pl_alloc_live();

	(void)state;
	assert_null(pl_queue_pop(&queue));
	push(&queue, PL_QUEUE_DATA, "one");
	push(&queue, PL_QUEUE_DATA, "three");
	push(&queue, PL_QUEUE_CONTROL, "ping");
	push(&queue, PL_QUEUE_CONTROL, "pong");
	assert_int_equal(queue.count, 4);
	assert_int_equal(queue.bytes, 16);
	expect(&queue, "ping");
	expect(&queue, "pong");
	expect(&queue, "one");
	push(&queue, PL_QUEUE_CONTROL, "late");
	push(&queue, PL_QUEUE_DATA, "four");
	expect(&queue, "late");
	expect(&queue, "three");
	expect(&queue, "four");
	assert_null(pl_queue_pop(&queue));
	assert_int_equal(queue.count, 0);
	assert_int_equal(queue.bytes, 0);
	assert_int_equal(pl_alloc_live(), live);
}

static void test_deinit(void **state)
{
	pl_queue queue = { 0 };
	int64_t live = pl_alloc_live();

	(void)state;
	push(&queue, PL_QUEUE_DATA, "a");
	push(&queue, PL_QUEUE_CONTROL, "b");
	pl_queue_deinit(&queue);
	assert_int_equal(queue.count, 0);
	assert_int_equal(pl_alloc_live(), live);
}

static void test_no_memory(void **state)
{
	pl_queue queue = { 0 };
	pl_block *block = pl_block_copy("x", 1);

	(void)state;
	pl_alloc_fail_at(1);
	assert_int_equal(pl_queue_push(&queue, PL_QUEUE_DATA, block), PL_ENOMEM);
	pl_alloc_fail_at(0);
	assert_int_equal(block->refs, 1);
	assert_null(pl_queue_pop(&queue));
	pl_block_unref(block);
}

static void test_message(void **state)
{
	pl_message message = { .kind = PL_KIND_TEXT };
	int64_t live = pl_alloc_live();

	(void)state;
	message.encoded[0] = pl_block_copy("x", 1);
	message.encoded[PL_ENCODING_COUNT - 1] = pl_block_copy("y", 1);
	pl_message_deinit(&message);
	pl_message_deinit(&message);
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_deinit),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
