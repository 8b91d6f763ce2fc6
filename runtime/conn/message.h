/*
 * message.h - a message on its way to many receivers.
 *
 * Each kind of receiver encodes it once and keeps the encoding here; all receivers of
 * that kind then share the block by reference.
 */
#ifndef PL_CONN_MESSAGE_H
#define PL_CONN_MESSAGE_H

#include <stdbool.h>

#include "base/block.h"
#include "base/slice.h"
#include "codec/sse_write.h"
#include "conn/overflow.h"

enum { PL_CHANNEL_NAME_MAX = 1024, PL_MESSAGE_KEY_MAX = 1024 }; /* bytes */

enum pl_kind { PL_KIND_TEXT, PL_KIND_BINARY };

/* The kinds of receivers there are: bytes alone; event streams; WebSocket of Hixie-76; WebSocket
 * plain, and deflated with windows of 9 to 15 bits. What is deflated with a state of the receiver's
 * own is PL_ENCODING_OWN, and is not shared. */
enum pl_encoding {
	PL_ENCODING_OWN = -1,
	PL_ENCODING_BYTES,
	PL_ENCODING_SSE,
	PL_ENCODING_HIXIE,
	PL_ENCODING_WS,
	PL_ENCODING_WS_DEFLATE, /* and the six behind it */
	PL_ENCODING_COUNT = PL_ENCODING_WS_DEFLATE + 7
};

typedef struct pl_message {
	enum pl_kind kind;
	pl_slice payload;	     /* borrowed while the message is being published */
	pl_slice channel;	     /* empty: to everybody */
	pl_slice key;		     /* of those that stand for each other on the channel */
	const pl_overflow *overflow; /* NULL: the connection's */
	size_t fragment;	     /* bytes a fragment; 0: whole */
	const pl_sse_fields *fields; /* for event streams; NULL: none */
	pl_block *encoded[PL_ENCODING_COUNT];
} pl_message;

void pl_message_deinit(pl_message *message);

#endif
