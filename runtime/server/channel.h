/*
 * channel.h - named channels and who is subscribed to them.
 *
 * A channel exists while it has subscribers. The names are the application's; how many
 * one subscriber may take is bounded by limits.channels_per_connection.
 */
#ifndef PL_SERVER_CHANNEL_H
#define PL_SERVER_CHANNEL_H

#include "base/map.h"
#include "conn/subscriber.h"

typedef struct pl_channel {
	pl_map_entry entry;
	pl_list subscriptions;
	uint32_t count;
	uint32_t name_len;
	char name[];
} pl_channel;

typedef struct pl_subscription {
	pl_list in_channel;
	pl_list in_subscriber;
	pl_channel *channel;
	pl_subscriber *subscriber;
} pl_subscription;

typedef struct pl_channels {
	pl_map by_name;
} pl_channels;

/* Frees all channels; subscriptions end with them. */
void pl_channels_deinit(pl_channels *channels);

/* PL_OK (also when it is subscribed already), PL_EINVAL for an empty or too long name, PL_ELIMIT
 * when the subscriber has `limit` subscriptions, PL_ENOMEM. */
int pl_channels_subscribe(pl_channels *channels, pl_subscriber *subscriber, pl_slice name,
			  uint32_t limit);

/* Whether it was subscribed. */
bool pl_channels_unsubscribe(pl_channels *channels, pl_subscriber *subscriber, pl_slice name);
void pl_channels_unsubscribe_all(pl_channels *channels, pl_subscriber *subscriber);

/* NULL when nobody is subscribed. */
pl_channel *pl_channels_find(const pl_channels *channels, pl_slice name);

#endif
