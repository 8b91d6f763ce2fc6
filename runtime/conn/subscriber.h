/*
 * subscriber.h - whoever receives what is published on channels.
 *
 * A connection is one; a session that outlives its connection can be another.
 */
#ifndef PL_CONN_SUBSCRIBER_H
#define PL_CONN_SUBSCRIBER_H

#include "base/list.h"
#include "conn/message.h"

typedef struct pl_subscriber {
	void (*deliver)(struct pl_subscriber *subscriber, pl_message *message);
	pl_list subscriptions;
	uint32_t count; /* of its subscriptions */
	uint32_t mark;	/* the publication that leaves it out */
} pl_subscriber;

#endif
