#include "server/channel.h"

#include <string.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/status.h"

pl_channel *pl_channels_find(const pl_channels *channels, pl_slice name)
{
	pl_map_entry *entry = pl_map_find(&channels->by_name, name.at, name.len);

	return entry ? PL_CONTAINER(entry, pl_channel, entry) : NULL;
}

static pl_channel *channel_new(pl_channels *channels, pl_slice name)
{
	pl_channel *channel = pl_alloc(sizeof(*channel) + name.len);

	if (!channel)
		return NULL;
	pl_list_init(&channel->subscriptions);
	channel->count = 0;
	channel->name_len = (uint32_t)name.len;
	memcpy(channel->name, name.at, name.len);
	if (pl_map_insert(&channels->by_name, &channel->entry, channel->name, name.len)) {
		pl_free(channel);
		return NULL;
	}
	return channel;
}

static void release(pl_channels *channels, pl_channel *channel)
{
	if (channel->count > 0)
		return;
	pl_map_remove(&channels->by_name, &channel->entry);
	pl_free(channel);
}

static void end(pl_channels *channels, pl_subscription *subscription)
{
	pl_channel *channel = subscription->channel;

	pl_list_remove(&subscription->in_channel);
	pl_list_remove(&subscription->in_subscriber);
	subscription->subscriber->count--;
	channel->count--;
	pl_count(PL_COUNT_SUBSCRIPTIONS, -1);
	pl_free(subscription);
	release(channels, channel);
}

/* A subscriber has few channels, a channel many subscribers: this side is the one to search. */
static pl_subscription *find(const pl_subscriber *subscriber, const pl_channel *channel)
{
	pl_list *node;

	for (node = subscriber->subscriptions.next; node != &subscriber->subscriptions;
	     node = node->next) {
		pl_subscription *subscription = PL_CONTAINER(node, pl_subscription, in_subscriber);

		if (subscription->channel == channel)
			return subscription;
	}
	return NULL;
}

static int join(pl_channels *channels, pl_subscriber *subscriber, pl_channel *channel)
{
	pl_subscription *subscription = pl_alloc(sizeof(*subscription));

	if (!subscription) {
		release(channels, channel);
		return PL_ENOMEM;
	}
	subscription->channel = channel;
	subscription->subscriber = subscriber;
	pl_list_append(&channel->subscriptions, &subscription->in_channel);
	pl_list_append(&subscriber->subscriptions, &subscription->in_subscriber);
	channel->count++;
	subscriber->count++;
	pl_count(PL_COUNT_SUBSCRIPTIONS, 1);
	return PL_OK;
}

int pl_channels_subscribe(pl_channels *channels, pl_subscriber *subscriber, pl_slice name,
			  uint32_t limit)
{
	pl_channel *channel;

	if (name.len == 0 || name.len > PL_CHANNEL_NAME_MAX)
		return PL_EINVAL;
	channel = pl_channels_find(channels, name);
	if (channel && find(subscriber, channel))
		return PL_OK;
	if (subscriber->count >= limit)
		return PL_ELIMIT;
	if (!channel)
		channel = channel_new(channels, name);
	return channel ? join(channels, subscriber, channel) : PL_ENOMEM;
}

bool pl_channels_unsubscribe(pl_channels *channels, pl_subscriber *subscriber, pl_slice name)
{
	pl_channel *channel = pl_channels_find(channels, name);
	pl_subscription *subscription = channel ? find(subscriber, channel) : NULL;

	if (!subscription)
		return false;
	end(channels, subscription);
	return true;
}

void pl_channels_unsubscribe_all(pl_channels *channels, pl_subscriber *subscriber)
{
	while (!pl_list_empty(&subscriber->subscriptions))
		end(channels,
		    PL_CONTAINER(subscriber->subscriptions.next, pl_subscription, in_subscriber));
}

void pl_channels_deinit(pl_channels *channels)
{
	pl_map_entry *entry;

	while ((entry = pl_map_next(&channels->by_name, NULL))) {
		pl_channel *channel = PL_CONTAINER(entry, pl_channel, entry);
		uint32_t left = channel->count;

		while (left-- > 0)
			end(channels,
			    PL_CONTAINER(channel->subscriptions.next, pl_subscription, in_channel));
	}
	pl_map_deinit(&channels->by_name);
}
