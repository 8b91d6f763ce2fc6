/*
 * tcp_side.h - one side of a session of bytes over memory; what its owner is told is kept in words.
 */
#ifndef SPEC_SESSION_TCP_SIDE_H
#define SPEC_SESSION_TCP_SIDE_H

#include "session/ws_side.h"

#include "tcp/tcp_session.h"

typedef struct tcp_side {
	pl_loop *loop;
	pl_memory memory;
	pl_limits limits;
	pl_frame_end end;
	pl_tcp_session *session; /* NULL after `closed` */
	pl_buffer journal;
	void (*on_message)(struct tcp_side *side); /* what the owner does then, or NULL */
} tcp_side;

static inline void tcp_side_message(void *owner, const uint8_t *data, size_t len)
{
	tcp_side *side = owner;

	ws_words_payload(&side->journal, "got", data, len);
	if (side->on_message)
		side->on_message(side);
}

static inline void tcp_side_word(tcp_side *side, const char *word)
{
	assert_int_equal(pl_buffer_printf(&side->journal, "%s ", word), PL_OK);
}

static inline void tcp_side_alive(void *owner)
{
	(void)owner;
}

static inline void tcp_side_drain(void *owner)
{
	tcp_side_word(owner, "drain");
}

static inline void tcp_side_failed(void *owner, int status, const char *message)
{
	tcp_side *side = owner;

	assert_true(strlen(message) > 0);
	assert_int_equal(pl_buffer_printf(&side->journal, "failed:%s ", pl_status_name(status)),
			 PL_OK);
}

static inline void tcp_side_ended(void *owner)
{
	tcp_side *side = owner;

	tcp_side_word(side, "ended");
	pl_tcp_session_close(side->session);
}

static inline void tcp_side_closed(void *owner, int status)
{
	tcp_side *side = owner;

	assert_int_equal(pl_buffer_printf(&side->journal, "closed:%s ", pl_status_name(status)),
			 PL_OK);
	pl_tcp_session_free(side->session);
	side->session = NULL;
}

static const pl_tcp_session_events tcp_side_events = {
	.message = tcp_side_message,
	.alive = tcp_side_alive,
	.drain = tcp_side_drain,
	.failed = tcp_side_failed,
	.ended = tcp_side_ended,
	.closed = tcp_side_closed,
};

static inline void tcp_side_turn(tcp_side *side)
{
	for (int i = 0; i < 4; i++)
		pl_loop_turn(side->loop);
}

/* Frames end with `end`; NULL: there are none. */
static inline void tcp_side_init(tcp_side *side, enum pl_frame_scan scan, const char *end)
{
	pl_slice bytes = pl_slice_make(end, end ? strlen(end) : 0);

	memset(side, 0, sizeof(*side));
	assert_int_equal(pl_loop_new(&side->loop), PL_OK);
	pl_loop_still(side->loop);
	pl_limits_init(&side->limits);
	assert_true(pl_frame_end_set(&side->end, scan, bytes));
	pl_memory_init(&side->memory, side->loop);
}

static inline int tcp_side_start(tcp_side *side)
{
	int status = pl_tcp_session_new(&side->session, &side->memory.stream, &side->end,
					&side->limits, &tcp_side_events, side);

	if (!status)
		pl_tcp_session_start(side->session, NULL, 0);
	return status;
}

static inline void tcp_side_open(tcp_side *side, enum pl_frame_scan scan, const char *end)
{
	tcp_side_init(side, scan, end);
	assert_int_equal(tcp_side_start(side), PL_OK);
}

static inline void tcp_side_feed(tcp_side *side, const char *text)
{
	assert_true(pl_memory_feed(&side->memory, text, strlen(text)));
}

static inline void tcp_side_expect(tcp_side *side, const char *words)
{
	tcp_side_turn(side);
	assert_string_equal(ws_words_take(&side->journal), words);
}

static inline void tcp_side_expect_sent(tcp_side *side, const char *text)
{
	tcp_side_turn(side);
	assert_int_equal(side->memory.sent.len, strlen(text));
	if (*text)
		assert_memory_equal(side->memory.sent.data, text, strlen(text));
	side->memory.sent.len = 0;
}

static inline void tcp_side_deinit(tcp_side *side)
{
	if (side->session)
		pl_tcp_session_abort(side->session, PL_ECLOSED);
	tcp_side_turn(side);
	assert_null(side->session);
	pl_buffer_deinit(&side->journal);
	pl_memory_deinit(&side->memory);
	pl_loop_free(side->loop);
}

#endif
