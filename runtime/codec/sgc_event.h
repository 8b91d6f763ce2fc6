/*
 * sgc_event.h - what the sgc protocol (subprotocol "esegece.com") sends of what is published: a
 * result of JSON-RPC 2.0, see docs/protocols.md.
 */
#ifndef PL_CODEC_SGC_EVENT_H
#define PL_CODEC_SGC_EVENT_H

#include "base/buffer.h"
#include "base/slice.h"

/* Appends the message: "sgc@event" with its channel; without a channel (empty) "sgc@message".
 * PL_OK, PL_ENOMEM, or PL_EUTF8. */
int pl_sgc_event_encode(pl_buffer *out, pl_slice channel, pl_slice text);

/* The same on a connection that several protocols share ("broker.esegece.com"): the message, and
 * whose it is. */
int pl_sgc_event_encode_for_broker(pl_buffer *out, pl_slice channel, pl_slice text);

/* What is published to a broker's connections that speak no sgc: the text, and no protocol. */
int pl_broker_text_encode(pl_buffer *out, pl_slice channel, pl_slice text);

#endif
