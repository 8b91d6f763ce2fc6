#include "unit/codec/bytes.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/status.h"
#include "conn/queue.h"

static pl_block *push(pl_queue *queue, uint8_t level, const char *text)
{
	pl_block *block = pl_block_copy(text, strlen(text));
	const pl_queued message = { .block = block, .encoded = true };

	assert_int_equal(pl_queue_push(queue, level, &message), PL_OK);
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
	pl_queue queue;

	(void)state;
	pl_queue_init(&queue);
	for (int round = 0; round < 2; round++) {
		push(&queue, 3, "one");
		push(&queue, 3, "three");
		assert_int_equal(queue.bytes, 8);
		assert_int_equal(queue.count, 2);
		pops(&queue, "one");
		push(&queue, 3, "");
		pops(&queue, "three");
		pops(&queue, "");
		pops_nothing(&queue);
		assert_int_equal(queue.bytes, 0);
		assert_int_equal(queue.count, 0);
	}
}

static void levels_go_in_their_order(void **state)
{
	pl_queue queue;

	(void)state;
	pl_queue_init(&queue);
	push(&queue, 3, "last");
	push(&queue, 0, "first");
	push(&queue, 2, "c");
	push(&queue, 1, "a");
	push(&queue, 2, "d");
	push(&queue, 1, "b");
	pops(&queue, "first");
	pops(&queue, "a");
	pops(&queue, "b");
	pops(&queue, "c");
	push(&queue, 0, "none");
	pops(&queue, "none");
	pops(&queue, "d");
	pops(&queue, "last");
	pops_nothing(&queue);
}

static void one_follows_another(void **state)
{
	pl_queue to, from;

	(void)state;
	pl_queue_init(&to);
	pl_queue_init(&from);
	pl_queue_move(&to, &from);
	assert_int_equal(to.count, 0);
	push(&from, 3, "b");
	pl_queue_move(&to, &from);
	assert_int_equal(from.count + from.bytes, 0);
	pops_nothing(&from);
	push(&from, 3, "c");
	push(&from, 0, "1");
	pl_queue_move(&to, &from);
	push(&to, 3, "d");
	assert_int_equal(to.count, 4);
	assert_int_equal(to.bytes, 4);
	pops(&to, "1");
	pops(&to, "b");
	pops(&to, "c");
	pops(&to, "d");
	pops_nothing(&to);
	push(&from, 3, "e");
	pops(&from, "e");
}

static void push_ping(pl_queue *queue, uint8_t level)
{
	const pl_queued message = { .block = pl_block_copy("", 0), .ping = true };

	assert_int_equal(pl_queue_push(queue, level, &message), PL_OK);
	pl_block_unref(message.block);
}

static void pings_count_and_do_not_follow(void **state)
{
	int64_t live = pl_alloc_live();
	pl_queue to, from;

	(void)state;
	pl_queue_init(&to);
	pl_queue_init(&from);
	push_ping(&from, 1);
	assert_int_equal(from.bytes, sizeof(pl_queue_item));
	push_ping(&from, 2);
	push(&from, 2, "a");
	push_ping(&from, 2);
	push_ping(&from, 2);
	push(&from, 2, "b");
	push_ping(&from, 2);
	pl_queue_move(&to, &from);
	assert_int_equal(to.count, 2);
	assert_int_equal(to.bytes, 2);
	push(&to, 2, "c");
	pops(&to, "a");
	pops(&to, "b");
	pops(&to, "c");
	pops_nothing(&to);
	assert_int_equal(pl_alloc_live(), live);
}

static void push_serial(pl_queue *queue, uint8_t level, uint32_t serial)
{
	const pl_queued message = { .block = pl_block_copy("", 0), .serial = serial };

	assert_int_equal(pl_queue_push(queue, level, &message), PL_OK);
	pl_block_unref(message.block);
}

static void it_knows_what_waits_longest(void **state)
{
	pl_queue queue;

	(void)state;
	pl_queue_init(&queue);
	assert_false(pl_queue_has_before(&queue, 7));
	push_serial(&queue, 3, UINT32_MAX);
	push_serial(&queue, 1, 0);
	push_serial(&queue, 1, 1);
	assert_false(pl_queue_has_before(&queue, UINT32_MAX));
	assert_true(pl_queue_has_before(&queue, 0));
	pops(&queue, "");
	pops(&queue, "");
	assert_true(pl_queue_has_before(&queue, 0));
	pops(&queue, "");
	assert_false(pl_queue_has_before(&queue, 2));
}

static void it_lets_go_of_everything(void **state)
{
	int64_t live = pl_alloc_live();
	pl_queue queue;

	(void)state;
	pl_queue_init(&queue);
	push(&queue, 3, "a");
	push(&queue, 0, "b");
	pl_queue_deinit(&queue);
	assert_int_equal(queue.count, 0);
	assert_int_equal(pl_alloc_live(), live);
	pl_queue_deinit(&queue);
}

static void without_memory_nothing_is_queued(void **state)
{
	pl_block *block = pl_block_copy("a", 1);
	const pl_queued message = { .block = block };
	pl_queue queue;

	(void)state;
	pl_queue_init(&queue);
	pl_alloc_fail_at(1);
	assert_int_equal(pl_queue_push(&queue, 3, &message), PL_ENOMEM);
	pl_alloc_fail_at(0);
	assert_int_equal(queue.count, 0);
	assert_int_equal(queue.bytes, 0);
	assert_int_equal(block->refs, 1);
	pops_nothing(&queue);
	pl_block_unref(block);
}

static void push_lane(pl_queue *queue, uint8_t level, const char *text, pl_slice lane)
{
	const pl_queued message = { .block = pl_block_copy(text, strlen(text)) };

	assert_int_equal(pl_queue_push_lane(queue, level, &message, lane), PL_OK);
	pl_block_unref(message.block);
}

static void the_oldest_of_a_lane_is_dropped(void **state)
{
	int64_t live = pl_alloc_live();
	pl_queue queue;
	pl_queue_lane *lane;

	(void)state;
	pl_queue_init(&queue);
	assert_null(pl_queue_lane_of(&queue, PL_SLICE("a")));
	push(&queue, 2, "stays");
	push_lane(&queue, 3, "a1", PL_SLICE("a"));
	push_lane(&queue, 3, "b1", PL_SLICE("b"));
	push_lane(&queue, 1, "a2", PL_SLICE("a")); /* goes first, and is not the oldest */
	push_lane(&queue, 3, "a3", PL_SLICE("a"));
	lane = pl_queue_lane_of(&queue, PL_SLICE("a"));
	assert_int_equal(lane->count, 3);
	pl_queue_drop_oldest(&queue, lane);
	assert_int_equal(lane->count, 2);
	assert_int_equal(queue.bytes, 11);
	pops(&queue, "a2");
	pops(&queue, "stays");
	pops(&queue, "b1");
	assert_null(pl_queue_lane_of(&queue, PL_SLICE("b")));
	pl_queue_drop_oldest(&queue, lane);
	assert_null(pl_queue_lane_of(&queue, PL_SLICE("a")));
	pops_nothing(&queue);
	assert_int_equal(queue.bytes, 0);
	assert_int_equal(pl_alloc_live(), live);
}

static void the_latest_takes_the_place(void **state)
{
	pl_block *block = pl_block_copy("new", 3);
	const pl_queued message = { .block = block, .serial = 9, .fragment = 2, .kind = 1 };
	pl_queue queue;
	pl_queued out;

	(void)state;
	pl_queue_init(&queue);
	push_lane(&queue, 0, "old", PL_SLICE(""));
	push(&queue, 0, "behind");
	pl_queue_replace(&queue, pl_queue_lane_of(&queue, PL_SLICE("")), &message);
	assert_int_equal(block->refs, 2);
	assert_int_equal(queue.bytes, 9);
	assert_int_equal(queue.count, 2);
	assert_true(pl_queue_pop(&queue, &out));
	assert_ptr_equal(out.block, block);
	assert_int_equal(out.serial, 0);
	assert_int_equal(out.fragment, 2);
	assert_int_equal(out.kind, 1);
	pl_block_unref(out.block);
	pl_block_unref(block);
	pops(&queue, "behind");
	pops_nothing(&queue);
}

static void all_lanes_are_dropped(void **state)
{
	int64_t live = pl_alloc_live();
	pl_queue queue;

	(void)state;
	pl_queue_init(&queue);
	assert_int_equal(pl_queue_drop_lanes(&queue), 0);
	for (int i = 0; i < 100; i++) {
		char name[8];
		int len = snprintf(name, sizeof(name), "%d", i / 2);

		push_lane(&queue, (uint8_t)(i % 4), "x", pl_slice_make(name, (size_t)len));
	}
	push(&queue, 1, "a");
	push_lane(&queue, 1, "x", PL_SLICE("last"));
	push(&queue, 1, "b");
	assert_int_equal(pl_queue_drop_lanes(&queue), 101);
	assert_int_equal(queue.count, 2);
	pops(&queue, "a");
	pops(&queue, "b");
	pops_nothing(&queue);
	push_lane(&queue, 2, "left", PL_SLICE("c"));
	pl_queue_deinit(&queue);
	assert_int_equal(pl_alloc_live(), live);
}

static void without_memory_no_lane_is_made(void **state)
{
	int64_t live = pl_alloc_live();
	pl_block *block = pl_block_copy("a", 1);
	const pl_queued message = { .block = block };
	int status = PL_ENOMEM;
	pl_queue queue;

	(void)state;
	pl_queue_init(&queue);
	for (int64_t nth = 1; status; nth++) {
		pl_alloc_fail_at(nth);
		status = pl_queue_push_lane(&queue, 0, &message, PL_SLICE("a"));
		pl_alloc_fail_at(0);
		assert_int_equal(queue.count, status ? 0 : 1);
		assert_int_equal(!pl_queue_lane_of(&queue, PL_SLICE("a")), status != PL_OK);
		assert_true(status == PL_OK || nth < 10);
	}
	pl_block_unref(block);
	pops(&queue, "a");
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(levels_go_in_their_order),
		cmocka_unit_test(one_follows_another),
		cmocka_unit_test(pings_count_and_do_not_follow),
		cmocka_unit_test(it_knows_what_waits_longest),
		cmocka_unit_test(it_lets_go_of_everything),
		cmocka_unit_test(without_memory_nothing_is_queued),
		cmocka_unit_test(the_oldest_of_a_lane_is_dropped),
		cmocka_unit_test(the_latest_takes_the_place),
		cmocka_unit_test(all_lanes_are_dropped),
		cmocka_unit_test(without_memory_no_lane_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
