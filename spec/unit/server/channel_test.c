#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/status.h"
#include "server/channel.h"

enum { LIMIT = 3 };

static pl_subscriber subscriber(void)
{
	return (pl_subscriber){ .count = 0 };
}

static int subscribe(pl_channels *channels, pl_subscriber *who, const char *name)
{
	return pl_channels_subscribe(channels, who, pl_slice_make(name, strlen(name)), LIMIT);
}

static void test_subscribe(void **state)
{
	pl_channels channels = { 0 };
	pl_subscriber ada = subscriber();
	pl_subscriber bob = subscriber();
	pl_channel *news;

	(void)state;
	pl_list_init(&ada.subscriptions);
	pl_list_init(&bob.subscriptions);
	assert_null(pl_channels_find(&channels, PL_SLICE("news")));
	assert_int_equal(subscribe(&channels, &ada, "news"), PL_OK);
	assert_int_equal(subscribe(&channels, &ada, "news"), PL_OK);
	assert_int_equal(subscribe(&channels, &bob, "news"), PL_OK);
	news = pl_channels_find(&channels, PL_SLICE("news"));
	assert_non_null(news);
	assert_int_equal(news->count, 2);
	assert_int_equal(ada.count, 1);
	assert_true(pl_channels_unsubscribe(&channels, &ada, PL_SLICE("news")));
	assert_false(pl_channels_unsubscribe(&channels, &ada, PL_SLICE("news")));
	assert_false(pl_channels_unsubscribe(&channels, &ada, PL_SLICE("other")));
	assert_int_equal(news->count, 1);
	pl_channels_unsubscribe_all(&channels, &bob);
	assert_null(pl_channels_find(&channels, PL_SLICE("news")));
	assert_int_equal(channels.by_name.count, 0);
	pl_channels_deinit(&channels);
}

static void test_names(void **state)
{
	static char longest[PL_CHANNEL_NAME_MAX + 1];
	pl_channels channels = { 0 };
	pl_subscriber ada = subscriber();

	(void)state;
	pl_list_init(&ada.subscriptions);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(subscribe(&channels, &ada, ""), PL_EINVAL);
	assert_int_equal(pl_channels_subscribe(&channels, &ada,
					       pl_slice_make(longest, sizeof(longest)), LIMIT),
			 PL_EINVAL);
	assert_int_equal(pl_channels_subscribe(&channels, &ada,
					       pl_slice_make(longest, sizeof(longest) - 1), LIMIT),
			 PL_OK);
	assert_int_equal(pl_channels_subscribe(&channels, &ada, pl_slice_make("a\0b", 3), LIMIT),
			 PL_OK);
	assert_null(pl_channels_find(&channels, PL_SLICE("a")));
	assert_non_null(pl_channels_find(&channels, pl_slice_make("a\0b", 3)));
	pl_channels_deinit(&channels);
	assert_int_equal(ada.count, 0);
}

static void test_limit(void **state)
{
	pl_channels channels = { 0 };
	pl_subscriber ada = subscriber();

	(void)state;
	pl_list_init(&ada.subscriptions);
	assert_int_equal(subscribe(&channels, &ada, "1"), PL_OK);
	assert_int_equal(subscribe(&channels, &ada, "2"), PL_OK);
	assert_int_equal(subscribe(&channels, &ada, "3"), PL_OK);
	assert_int_equal(subscribe(&channels, &ada, "4"), PL_ELIMIT);
	assert_null(pl_channels_find(&channels, PL_SLICE("4")));
	assert_int_equal(subscribe(&channels, &ada, "2"), PL_OK);
	assert_true(pl_channels_unsubscribe(&channels, &ada, PL_SLICE("1")));
	assert_int_equal(subscribe(&channels, &ada, "4"), PL_OK);
	pl_channels_unsubscribe_all(&channels, &ada);
	assert_int_equal(ada.count, 0);
	pl_channels_deinit(&channels);
}

/* Every allocation of a first subscription fails once: nothing is left behind. */
static void test_no_memory(void **state)
{
	int64_t live = pl_alloc_live();
	int status = PL_ENOMEM;

	(void)state;
	for (uint64_t nth = 1; status != PL_OK; nth++) {
		pl_channels channels = { 0 };
		pl_subscriber ada = subscriber();

		pl_list_init(&ada.subscriptions);
		pl_alloc_fail_at(nth);
		status = subscribe(&channels, &ada, "news");
		pl_alloc_fail_at(0);
		assert_int_equal(ada.count, status == PL_OK ? 1 : 0);
		assert_int_equal(channels.by_name.count, status == PL_OK ? 1 : 0);
		pl_channels_deinit(&channels);
		assert_int_equal(pl_alloc_live(), live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subscribe),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
