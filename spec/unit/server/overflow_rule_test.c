#include "unit/codec/bytes.h"

#include "server/overflow_rule.h"

static const pl_overflow_rule rules[] = {
	{ PL_SLICE("prices/gold"), { PL_OVERFLOW_CLOSE, 0 } },
	{ PL_SLICE("prices/*"), { PL_OVERFLOW_CONFLATE, 0 } },
	{ PL_SLICE("chat"), { PL_OVERFLOW_DROP_OLDEST, 100 } },
	{ PL_SLICE("chat"), { PL_OVERFLOW_CLOSE, 0 } },
};

static const pl_overflow *find(const char *channel)
{
	return pl_overflow_rule_find(rules, 4, pl_slice_make(channel, strlen(channel)));
}

static void the_first_that_fits_counts(void **state)
{
	(void)state;
	assert_ptr_equal(find("prices/gold"), &rules[0].overflow);
	assert_ptr_equal(find("prices/golden"), &rules[1].overflow);
	assert_ptr_equal(find("prices/"), &rules[1].overflow);
	assert_ptr_equal(find("chat"), &rules[2].overflow);
	assert_null(find("prices"));
	assert_null(find("chats"));
	assert_null(find("Chat"));
	assert_null(pl_overflow_rule_find(NULL, 0, PL_SLICE("chat")));
}

/* What goes to everybody is of no channel. */
static void a_star_is_every_channel(void **state)
{
	const pl_overflow_rule all = { PL_SLICE("*"), { PL_OVERFLOW_CONFLATE, 0 } };

	(void)state;
	assert_ptr_equal(pl_overflow_rule_find(&all, 1, PL_SLICE("a")), &all.overflow);
	assert_null(pl_overflow_rule_find(&all, 1, PL_SLICE("")));
}

static void some_leave_messages_out(void **state)
{
	const pl_overflow close = { PL_OVERFLOW_CLOSE, 0 };
	const pl_overflow drop = { PL_OVERFLOW_DROP_OLDEST, 0 };

	(void)state;
	assert_true(pl_overflow_rule_any(rules, 4, &close));
	assert_false(pl_overflow_rule_any(rules, 1, &close));
	assert_true(pl_overflow_rule_any(rules, 1, &drop));
	assert_false(pl_overflow_rule_any(NULL, 0, &close));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_fits_counts),
		cmocka_unit_test(a_star_is_every_channel),
		cmocka_unit_test(some_leave_messages_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
