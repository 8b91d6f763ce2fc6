#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

typedef struct item {
	int number;
	pl_list node;
} item;

static item items[4] = { { .number = 0 }, { .number = 1 }, { .number = 2 }, { .number = 3 } };

static int reset(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		pl_list_init(&items[i].node);
	return 0;
}

/* The numbers of the members as decimal digits, the same read forwards and backwards. */
static int numbers(const pl_list *head)
{
	int forwards = 0, backwards = 0, weight = 1;

	for (pl_list *node = head->next; node != head; node = node->next)
		forwards = forwards * 10 + PL_CONTAINER(node, item, node)->number;
	for (pl_list *node = head->prev; node != head; node = node->prev, weight *= 10)
		backwards += weight * PL_CONTAINER(node, item, node)->number;
	assert_int_equal(forwards, backwards);
	return forwards;
}

static void members_keep_their_order(void **state)
{
	pl_list head;

	(void)state;
	pl_list_init(&head);
	assert_true(pl_list_empty(&head));
	for (int i = 1; i <= 3; i++)
		pl_list_append(&head, &items[i].node);
	assert_false(pl_list_empty(&head));
	assert_int_equal(numbers(&head), 123);
	pl_list_remove(&items[2].node);
	assert_int_equal(numbers(&head), 13);
	pl_list_append(&head, &items[2].node);
	assert_int_equal(numbers(&head), 132);
}

static void removing_twice_does_no_harm(void **state)
{
	pl_list head;

	(void)state;
	pl_list_init(&head);
	pl_list_append(&head, &items[1].node);
	pl_list_remove(&items[1].node);
	assert_true(pl_list_empty(&items[1].node));
	pl_list_remove(&items[1].node);
	assert_true(pl_list_empty(&head));
}

static void moving_appends_all(void **state)
{
	pl_list a, b;

	(void)state;
	pl_list_init(&a);
	pl_list_init(&b);
	pl_list_move(&a, &b);
	assert_true(pl_list_empty(&a));
	pl_list_append(&b, &items[1].node);
	pl_list_append(&b, &items[2].node);
	pl_list_move(&a, &b);
	assert_true(pl_list_empty(&b));
	assert_int_equal(numbers(&a), 12);
	pl_list_append(&b, &items[3].node);
	pl_list_move(&a, &b);
	assert_int_equal(numbers(&a), 123);
	pl_list_move(&a, &b);
	assert_int_equal(numbers(&a), 123);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(members_keep_their_order, reset),
		cmocka_unit_test_setup(removing_twice_does_no_harm, reset),
		cmocka_unit_test_setup(moving_appends_all, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
