/*
 * sse_reader.h - the events of an event stream (WHATWG HTML, 9.2.6).
 *
 * Fields are collected here until an empty line; an event that the stream ends in is lost, as the
 * standard has it. Bytes that are not UTF-8 become U+FFFD.
 */
#ifndef PL_SSE_SSE_READER_H
#define PL_SSE_SSE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "codec/sse.h"

typedef struct pl_sse_limits {
	size_t line;  /* bytes of a line with its end, also of a comment */
	size_t event; /* bytes of an event: its type, its data with the ends of lines */
	size_t id;    /* bytes of an id */
} pl_sse_limits;

typedef struct pl_sse_event {
	pl_slice type; /* "message" when the stream did not say */
	pl_slice data; /* without the last line's end */
} pl_sse_event;

typedef struct pl_sse_reader {
	pl_sse_limits limits;
	pl_buffer id;	   /* the last event ID: what a next request has to say */
	uint32_t retry;	   /* ms that the stream asked for last; UINT32_MAX for more */
	bool retries;	   /* it did */
	const char *error; /* behind PL_ELIMIT: a phrase */
	/* Of the reader alone */
	pl_sse codec;
	bool value;	 /* a part of the present line's value was read */
	bool dispatched; /* data and type are an event's that was handed out */
	bool id_changes; /* id_next becomes `id` with the next empty line */
	uint64_t line;	 /* bytes of the present line */
	uint8_t digits;	 /* of the present retry line */
	uint64_t number; /* that they come to */
	pl_buffer data;
	pl_buffer type;
	pl_buffer id_line; /* of the present line */
	pl_buffer id_next;
	pl_buffer mended;
} pl_sse_reader;

/* All zero and these limits is the start of a stream; `id` may be set before. */
void pl_sse_reader_init(pl_sse_reader *reader, const pl_sse_limits *limits);
void pl_sse_reader_deinit(pl_sse_reader *reader);

/* Reads from buf[0..len), len > 0; *used receives how far it came. 1: an event, whose slices are
 * good until the next call; 0: all is used; PL_ELIMIT, PL_ENOMEM: there is no going on. */
int pl_sse_reader_feed(pl_sse_reader *reader, const char *buf, size_t len, size_t *used,
		       pl_sse_event *event);

#endif
