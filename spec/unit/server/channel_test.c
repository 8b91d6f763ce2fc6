#include "unit/codec/bytes.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/status.h"
#include "server/channel.h"
#include "unit/base/prng.h"

enum { SUBSCRIBERS = 8, NAMES = 12, STEPS = 20000, LIMIT = 6 };

static void subscriber_init(pl_subscriber *subscriber)
{
	memset(subscriber, 0, sizeof(*subscriber));
	pl_list_init(&subscriber->subscriptions);
}

static bool subscribed(const pl_channels *channels, const pl_subscriber *subscriber, pl_slice name)
{
	const pl_channel *channel = pl_channels_find(channels, name);
	bool found = false;

	if (!channel)
		return false;
	for (pl_list *node = channel->subscriptions.next; node != &channel->subscriptions;
	     node = node->next) {
		pl_subscription *at = PL_CONTAINER(node, pl_subscription, in_channel);

		assert_ptr_equal(at->channel, channel);
		if (at->subscriber == subscriber) {
			assert_false(found);
			found = true;
		}
	}
	return found;
}

static void a_channel_lives_with_its_subscribers(void **state)
{
	pl_channels channels = { 0 };
	pl_subscriber one, two;

	(void)state;
	subscriber_init(&one);
	subscriber_init(&two);
	assert_null(pl_channels_find(&channels, PL_SLICE("a")));
	assert_int_equal(pl_channels_subscribe(&channels, &one, PL_SLICE("a"), 10), PL_OK);
	assert_int_equal(pl_channels_subscribe(&channels, &two, PL_SLICE("a"), 10), PL_OK);
	assert_int_equal(pl_channels_subscribe(&channels, &two, PL_SLICE("a"), 10), PL_OK);
	assert_int_equal(pl_channels_find(&channels, PL_SLICE("a"))->count, 2);
	assert_true(pl_channels_unsubscribe(&channels, &one, PL_SLICE("a")));
	assert_false(pl_channels_unsubscribe(&channels, &one, PL_SLICE("a")));
	assert_int_equal(pl_channels_find(&channels, PL_SLICE("a"))->count, 1);
	assert_true(pl_channels_unsubscribe(&channels, &two, PL_SLICE("a")));
	assert_null(pl_channels_find(&channels, PL_SLICE("a")));
	assert_false(pl_channels_unsubscribe(&channels, &two, PL_SLICE("b")));
	pl_channels_deinit(&channels);
}

static void names_are_exact(void **state)
{
	static char longest[PL_CHANNEL_NAME_MAX + 1];
	pl_channels channels = { 0 };
	pl_subscriber one;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	subscriber_init(&one);
	assert_int_equal(pl_channels_subscribe(&channels, &one, PL_SLICE(""), 10), PL_EINVAL);
	assert_int_equal(
		pl_channels_subscribe(&channels, &one, pl_slice_make(longest, sizeof(longest)), 10),
		PL_EINVAL);
	assert_int_equal(pl_channels_subscribe(&channels, &one,
					       pl_slice_make(longest, PL_CHANNEL_NAME_MAX), 10),
			 PL_OK);
	assert_int_equal(pl_channels_subscribe(&channels, &one, PL_SLICE("a\0b"), 10), PL_OK);
	assert_null(pl_channels_find(&channels, PL_SLICE("a")));
	assert_null(pl_channels_find(&channels, PL_SLICE("A\0b")));
	assert_null(pl_channels_find(&channels, PL_SLICE("a\0b\0")));
	assert_non_null(pl_channels_find(&channels, PL_SLICE("a\0b")));
	pl_channels_unsubscribe_all(&channels, &one);
	assert_int_equal(one.count, 0);
	pl_channels_deinit(&channels);
}

static void the_limit_leaves_no_empty_channel(void **state)
{
	pl_channels channels = { 0 };
	pl_subscriber one;

	(void)state;
	subscriber_init(&one);
	assert_int_equal(pl_channels_subscribe(&channels, &one, PL_SLICE("a"), 1), PL_OK);
	assert_int_equal(pl_channels_subscribe(&channels, &one, PL_SLICE("b"), 1), PL_ELIMIT);
	assert_null(pl_channels_find(&channels, PL_SLICE("b")));
	assert_int_equal(pl_channels_subscribe(&channels, &one, PL_SLICE("a"), 1), PL_OK);
	pl_channels_deinit(&channels);
	assert_int_equal(one.count, 0);
	assert_true(pl_list_empty(&one.subscriptions));
}

static void without_memory_nothing_changes(void **state)
{
	int64_t live = pl_alloc_live();
	int status = PL_ENOMEM;

	(void)state;
	for (uint64_t nth = 1; status == PL_ENOMEM; nth++) {
		pl_channels channels = { 0 };
		pl_subscriber one;

		subscriber_init(&one);
		pl_alloc_fail_at(nth);
		status = pl_channels_subscribe(&channels, &one, PL_SLICE("a"), 10);
		pl_alloc_fail_at(0);
		assert_int_equal(one.count, status == PL_OK);
		assert_int_equal(channels.by_name.count, status == PL_OK);
		assert_int_equal(nth > 3, status == PL_OK); /* channel, table, subscription */
		pl_channels_deinit(&channels);
		assert_int_equal(pl_alloc_live(), live);
	}
}

static pl_slice name_of(uint64_t index)
{
	static char names[NAMES][8];

	snprintf(names[index], sizeof(names[index]), "n%u", (unsigned)index);
	return pl_slice_make(names[index], strlen(names[index]));
}

static void it_agrees_with_a_model(void **state)
{
	static bool model[SUBSCRIBERS][NAMES];
	static uint32_t counts[SUBSCRIBERS];
	static pl_subscriber subscribers[SUBSCRIBERS];
	pl_channels channels = { 0 };
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < SUBSCRIBERS; i++)
		subscriber_init(&subscribers[i]);
	for (int step = 0; step < STEPS; step++) {
		uint64_t who = prng_below(&seed, SUBSCRIBERS);
		uint64_t what = prng_below(&seed, NAMES);
		uint64_t action = prng_below(&seed, 20);
		pl_subscriber *subscriber = &subscribers[who];
		bool *is = &model[who][what];

		if (action == 0) {
			pl_channels_unsubscribe_all(&channels, subscriber);
			memset(model[who], 0, sizeof(model[who]));
			counts[who] = 0;
		} else if (action < 10) {
			int status =
				pl_channels_subscribe(&channels, subscriber, name_of(what), LIMIT);
			bool full = !*is && counts[who] == LIMIT;

			assert_int_equal(status, full ? PL_ELIMIT : PL_OK);
			counts[who] += !*is && !full;
			*is = *is || !full;
		} else {
			assert_int_equal(
				pl_channels_unsubscribe(&channels, subscriber, name_of(what)), *is);
			counts[who] -= *is;
			*is = false;
		}
		assert_int_equal(subscribed(&channels, subscriber, name_of(what)), *is);
		assert_int_equal(subscriber->count, counts[who]);
	}
	pl_channels_deinit(&channels);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_channel_lives_with_its_subscribers),
		cmocka_unit_test(names_are_exact),
		cmocka_unit_test(the_limit_leaves_no_empty_channel),
		cmocka_unit_test(without_memory_nothing_changes),
		cmocka_unit_test(it_agrees_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
