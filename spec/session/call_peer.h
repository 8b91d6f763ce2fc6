/*
 * call_peer.h - the client's HTTP/1.1 session over memory; the test plays the server.
 *
 * What the owner of the call is told is kept in a journal: "200 data:5 end" and the like.
 */
#ifndef SPEC_SESSION_CALL_PEER_H
#define SPEC_SESSION_CALL_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "http/call_http1.h"
#include "net/memory.h"

typedef struct caller {
	pl_loop *loop;
	pl_memory memory;
	pl_limits limits;
	pl_call_times times;
	pl_call_http1 *session; /* NULL after `closed` */
	pl_call *call;		/* NULL after its end */
	pl_buffer body;		/* of the response */
	pl_buffer trailers;
	char journal[512];
	char why[128];
	int status;	  /* of `failed` */
	int answered;	  /* the response's status */
	size_t pause_for; /* pauses after so many bytes, in each piece */
	bool aborts;	  /* at the first data */
	bool chains;	  /* begins another call when the session is idle */
	bool broke_memory;
	int idles;
	bool listens;	    /* to informational responses and changes of the protocol */
	pl_stream *changed; /* after 101 */
	pl_buffer rest;
} caller;

static inline void caller_note(caller *self, const char *word)
{
	size_t len = strlen(self->journal);

	snprintf(self->journal + len, sizeof(self->journal) - len, "%s%s", len ? " " : "", word);
}

static inline void caller_head(void *owner, const pl_http_response *response, pl_slice raw)
{
	caller *self = owner;
	char word[16];

	assert_true(raw.len > 12 && memcmp(raw.at + raw.len - 4, "\r\n\r\n", 4) == 0);
	self->answered = response->status;
	snprintf(word, sizeof(word), "%d", response->status);
	caller_note(self, word);
}

static inline void caller_data(void *owner, const uint8_t *data, size_t len)
{
	caller *self = owner;

	assert_true(len > 0);
	if (pl_buffer_append(&self->body, data, len))
		self->broke_memory = true;
	if (self->aborts) {
		pl_call_abort(self->call);
		self->call = NULL;
	} else if (self->pause_for > 0) {
		pl_call_pause(self->call, true);
	}
}

static inline void caller_drain(void *owner)
{
	caller_note(owner, "drain");
}

static inline void caller_end(void *owner, pl_slice trailers)
{
	caller *self = owner;

	caller_note(self, "end");
	if (!self->chains)
		self->call = NULL;
	if (trailers.len > 0 && pl_buffer_append(&self->trailers, trailers.at, trailers.len))
		self->broke_memory = true;
}

static inline void caller_failed(void *owner, int status, const char *why)
{
	caller *self = owner;

	caller_note(self, pl_status_name(status));
	self->call = NULL;
	self->status = status;
	snprintf(self->why, sizeof(self->why), "%s", why);
}

static const pl_call_events caller_events = { .head = caller_head,
					      .data = caller_data,
					      .drain = caller_drain,
					      .end = caller_end,
					      .failed = caller_failed };

static inline void caller_informed(void *owner, const pl_http_response *response)
{
	char word[16];

	snprintf(word, sizeof(word), "%d", response->status);
	caller_note(owner, word);
}

static inline void changed_data(void *owner, uint8_t *data, size_t len)
{
	caller *self = owner;

	if (pl_buffer_append(&self->rest, data, len))
		self->broke_memory = true;
}

static inline void changed_closed(void *owner, int status)
{
	(void)status;
	((caller *)owner)->changed = NULL;
}

static inline void caller_changed(void *owner, const pl_call_changed *changed)
{
	static const pl_stream_events events = { .data = changed_data,
						 .end = caller_drain,
						 .drain = caller_drain,
						 .closed = changed_closed };
	caller *self = owner;

	caller_note(self, "changed");
	self->call = NULL;
	self->changed = changed->stream;
	pl_stream_own(changed->stream, &events, self);
	changed_data(self, changed->rest, changed->len);
}

static const pl_call_events listening_events = { .informed = caller_informed,
						 .changed = caller_changed,
						 .head = caller_head,
						 .data = caller_data,
						 .drain = caller_drain,
						 .end = caller_end,
						 .failed = caller_failed };

static inline int caller_begin(caller *self, const pl_call_request *request)
{
	const pl_call_order order = { .request = request,
				      .times = self->times,
				      .limits = &self->limits,
				      .events = self->listens ? &listening_events : &caller_events,
				      .owner = self };

	assert_null(pl_call_problem(request));
	return pl_call_http1_begin(&self->call, self->session, &order);
}

static inline int caller_get(caller *self)
{
	const pl_call_request request = { .method = PL_SLICE("GET"),
					  .target = PL_SLICE("/"),
					  .host = PL_SLICE("a"),
					  .length = PL_CALL_NO_BODY };

	return caller_begin(self, &request);
}

static inline int caller_post(caller *self, int64_t length)
{
	const pl_call_request request = { .method = PL_SLICE("POST"),
					  .target = PL_SLICE("/p"),
					  .host = PL_SLICE("a"),
					  .length = length };

	return caller_begin(self, &request);
}

static inline void caller_idle(void *owner)
{
	caller *self = owner;

	self->idles++;
	assert_true(pl_call_http1_ready(self->session));
	if (self->chains)
		assert_int_equal(caller_get(self), PL_OK);
}

static inline void caller_closed(void *owner)
{
	((caller *)owner)->session = NULL;
}

static inline int caller_init(caller *self)
{
	static const pl_call_http1_events events = { .idle = caller_idle, .closed = caller_closed };

	memset(self, 0, sizeof(*self));
	assert_int_equal(pl_loop_new(&self->loop), PL_OK);
	pl_loop_still(self->loop);
	pl_memory_init(&self->memory, self->loop);
	pl_limits_init(&self->limits);
	return pl_call_http1_start(&self->session, &self->memory.stream, &events, self);
}

static inline void caller_feed(caller *self, const char *text, size_t len)
{
	if (len > 0)
		pl_memory_feed(&self->memory, text, len);
}

static inline void caller_say(caller *self, const char *text)
{
	caller_feed(self, text, strlen(text));
}

/* Everything is told, and nothing is left. */
static inline void caller_finish(caller *self)
{
	if (self->session)
		pl_call_http1_close(self->session);
	if (self->changed)
		pl_stream_abort(self->changed, PL_OK);
	for (int i = 0; i < 4; i++)
		pl_loop_turn(self->loop);
	if (self->session) { /* its last words are blocked */
		pl_memory_open(&self->memory, SIZE_MAX);
		pl_loop_turn(self->loop);
	}
	assert_null(self->session);
	assert_null(self->call);
	pl_memory_deinit(&self->memory);
	pl_buffer_deinit(&self->body);
	pl_buffer_deinit(&self->trailers);
	pl_buffer_deinit(&self->rest);
	pl_loop_free(self->loop);
}

#endif
