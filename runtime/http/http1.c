#include "http/http1_internal.h"

#include "base/alloc.h"
#include "base/status.h"

/* What the timer waits for. */
enum timing { TIMING_NONE, TIMING_IDLE, TIMING_HEAD, TIMING_BODY };

/* The stream may be gone; the timer is stopped. */
static void session_release(pl_http1 *http1)
{
	pl_deferred_cancel(&http1->again);
	pl_buffer_deinit(&http1->input);
	pl_free(http1->exchange);
	pl_free(http1);
}

static void session_free(pl_http1 *http1)
{
	pl_loop_stop_timer(http1->stream->loop, &http1->timer);
	session_release(http1);
}

static void drop_exchange(pl_http1 *http1)
{
	pl_free(http1->exchange);
	http1->exchange = NULL;
}

static void close_input(pl_http1 *http1)
{
	http1->closing = true;
	pl_loop_stop_timer(http1->stream->loop, &http1->timer);
}

void pl_http1_finish(pl_http1 *http1)
{
	if (http1->closing)
		return;
	close_input(http1);
	pl_stream_finish(http1->stream);
}

void pl_http1_abort(pl_http1 *http1, int status)
{
	bool failed = http1->stream->closing && !http1->closing;

	close_input(http1);
	if (!failed) /* else the stream is closing by itself, and will say why */
		pl_stream_abort(http1->stream, status);
}

void pl_http1_wake(pl_http1 *http1)
{
	if (!http1->running)
		pl_loop_defer(http1->stream->loop, &http1->again);
}

bool pl_http1_output_full(pl_http1 *http1)
{
	pl_stream *stream = http1->stream;

	/* Sent in time it is no queue; what then is left makes `drain` come. */
	if (pl_stream_queued(stream) >= (size_t)http1->settings->limits->high_water)
		pl_stream_flush_now(stream);
	return stream->blocked;
}

static void give_up(pl_http1 *http1, int status)
{
	pl_http1_exchange *exchange = http1->exchange;

	if (exchange->ended)
		return;
	exchange->ended = true;
	if (exchange->base.events) /* none when `request` itself called pl_http1_abort */
		exchange->base.events->aborted(exchange->base.owner, &exchange->base, status);
}

void pl_http1_fail_body(pl_http1 *http1, int status, int code, const char *reason)
{
	bool answered = http1->exchange->ended;
	bool answering = http1->exchange->base.responded;

	give_up(http1, status);
	if (!answered && !answering) {
		pl_http1_refuse(http1, code, reason);
		return;
	}
	pl_http1_tell_refused(http1, code, reason);
	if (answered)
		pl_http1_finish(http1);
	else
		pl_http1_abort(http1, status);
}

static int decode_head(pl_http1 *http1, pl_http_request *request, const pl_http1_input *input)
{
	const pl_limits *limits = http1->settings->limits;
	const pl_http_rules rules = {
		.max_line = (size_t)limits->request_line,
		.max_block = (size_t)limits->header_block,
		.max_fields = (size_t)limits->header_count,
	};

	return pl_http_request_decode(request, &rules, (const char *)input->at, input->len,
				      http1->scanned);
}

static pl_http1_step raise_request(pl_http1 *http1, pl_http1_input *input)
{
	pl_exchange *exchange = &http1->exchange->base;

	http1->requests++;
	http1->timing = TIMING_NONE;
	http1->rest = input;
	http1->events->request(http1->owner, exchange);
	http1->rest = NULL;
	if (!exchange->events && !http1->exchange->ended && !http1->closing)
		pl_exchange_answer(exchange, 500, NULL);
	return PL_HTTP1_NEXT;
}

static pl_http1_step read_head(pl_http1 *http1, pl_http1_input *input)
{
	pl_http_request request;
	int used;

	if (input->len == 0)
		return PL_HTTP1_READ;
	if (pl_http1_output_full(http1))
		return PL_HTTP1_HOLD;
	if (http1->budget-- == 0) {
		pl_loop_defer(http1->stream->loop, &http1->again);
		return PL_HTTP1_HOLD;
	}
	used = decode_head(http1, &request, input);
	if (used == 0) {
		http1->scanned = input->len;
		return PL_HTTP1_READ;
	}
	if (used < 0) {
		pl_http1_refuse(http1, request.error_status, request.error);
		return PL_HTTP1_DONE;
	}
	http1->exchange = pl_http1_exchange_new(http1, &request, (char *)input->at, (size_t)used);
	if (!http1->exchange) {
		pl_http1_abort(http1, PL_ENOMEM);
		return PL_HTTP1_DONE;
	}
	http1->scanned = 0;
	input->at += used;
	input->len -= (size_t)used;
	return raise_request(http1, input);
}

static bool last_answer(const pl_http1 *http1)
{
	return http1->exchange->close || http1->stopping || http1->peer_ended ||
	       pl_http1_body_excess(http1->exchange);
}

static pl_http1_step take_step(pl_http1 *http1, pl_http1_input *input)
{
	pl_http1_exchange *exchange = http1->exchange;

	if (http1->stream->closing || http1->upgraded)
		return PL_HTTP1_DONE;
	if (!exchange)
		return read_head(http1, input);
	if (exchange->ended && last_answer(http1)) {
		pl_http1_finish(http1);
		return PL_HTTP1_DONE;
	}
	if (!exchange->base.received)
		return pl_http1_read_body(exchange, input);
	if (!exchange->ended)
		return PL_HTTP1_HOLD;
	drop_exchange(http1);
	return PL_HTTP1_NEXT;
}

/* What is left has to survive the read; in the session's own buffer it is the tail already. */
static int keep_input(pl_http1 *http1, const pl_http1_input *input)
{
	if (input->len > 0 && http1->input.len == 0)
		return pl_buffer_append(&http1->input, input->at, input->len);
	http1->used = http1->input.len - input->len;
	if (input->len == 0) {
		pl_buffer_deinit(&http1->input);
		http1->used = 0;
	}
	return PL_OK;
}

/* Paused only while input waits, so that the peer's end is seen as early as can be. */
static void pause_input(pl_http1 *http1, bool pause)
{
	if (pause && !http1->stream->paused)
		pl_stream_pause(http1->stream);
	else if (!pause && http1->stream->paused)
		pl_stream_resume(http1->stream);
}

/* An empty line, which some clients send behind a body, begins no head (RFC 9112 2.2). */
static bool head_begun(const pl_buffer *input)
{
	return input->len > 2 || (input->len > 0 && input->data[0] != '\r');
}

/* The first head is awaited from the connection's begin: who connects is about to ask. */
static bool head_awaited(const pl_http1 *http1)
{
	return http1->requests == 0 || head_begun(&http1->input);
}

static enum timing timing_for(const pl_http1 *http1, pl_http1_step step)
{
	if (step != PL_HTTP1_READ)
		return TIMING_NONE;
	if (http1->exchange)
		return TIMING_BODY;
	return head_awaited(http1) ? TIMING_HEAD : TIMING_IDLE;
}

/* A head and an idle connection have one deadline; a body earns time as it comes. */
static void set_timer(pl_http1 *http1, enum timing timing)
{
	const pl_limits *limits = http1->settings->limits;
	pl_loop *loop = http1->stream->loop;

	if (timing == TIMING_NONE)
		pl_loop_stop_timer(loop, &http1->timer);
	else if (timing == TIMING_BODY)
		pl_loop_start(loop, &http1->timer, pl_http1_body_patience(http1->exchange));
	else if (timing != http1->timing)
		pl_loop_start(loop, &http1->timer,
			      (uint64_t)(timing == TIMING_IDLE ? limits->keep_alive
							       : limits->header_timeout));
	http1->timing = (uint8_t)timing;
}

static void settle(pl_http1 *http1, const pl_http1_input *input, pl_http1_step step)
{
	if (keep_input(http1, input) != PL_OK) {
		pl_http1_abort(http1, PL_ENOMEM);
		return;
	}
	pause_input(http1, step == PL_HTTP1_HOLD && http1->input.len > 0);
	set_timer(http1, timing_for(http1, step));
}

/* Takes steps as long as there is something to do: pipelined requests never nest. */
static void run(pl_http1 *http1, pl_http1_input input)
{
	pl_http1_step step;

	http1->running = true;
	http1->budget = http1->settings->limits->pipelined;
	do
		step = take_step(http1, &input);
	while (step == PL_HTTP1_NEXT);
	http1->running = false;
	if (http1->upgraded)
		session_free(http1);
	else if (step == PL_HTTP1_DONE)
		pl_buffer_deinit(&http1->input);
	else
		settle(http1, &input, step);
}

static void run_kept(pl_http1 *http1)
{
	const pl_buffer *kept = &http1->input;
	pl_http1_input input = { NULL, 0 };

	if (http1->closing)
		return;
	if (kept->len > 0) {
		input.at = kept->data + http1->used;
		input.len = kept->len - http1->used;
	}
	run(http1, input);
}

/* After an upgrade that did not come from `request`: the stream has another owner since, and
 * an end that the peer has sent already was told to us alone. */
static void leave(pl_http1 *http1)
{
	pl_stream *stream = http1->stream;

	if (http1->peer_ended && !stream->closing)
		stream->events->end(stream->owner);
	session_release(http1);
}

static void on_again(pl_deferred *deferred)
{
	pl_http1 *http1 = PL_CONTAINER(deferred, pl_http1, again);

	if (http1->upgraded)
		leave(http1);
	else
		run_kept(http1);
}

static void on_drain(void *owner)
{
	pl_http1 *http1 = owner;
	pl_http1_exchange *exchange;

	if (http1->closing)
		return;
	if (http1->events->drain)
		http1->events->drain(http1->owner);
	if (http1->closing)
		return;
	exchange = http1->exchange;
	if (exchange && exchange->blocked && !exchange->ended) {
		exchange->blocked = false;
		exchange->base.events->drain(exchange->base.owner, &exchange->base);
	}
	if (http1->input.len > 0)
		pl_http1_wake(http1);
}

static void on_data(void *owner, uint8_t *data, size_t len)
{
	pl_http1 *http1 = owner;

	if (http1->closing)
		return;
	if (http1->input.len == 0) {
		run(http1, (pl_http1_input){ data, len });
		return;
	}
	pl_buffer_consume(&http1->input, http1->used);
	http1->used = 0;
	if (pl_buffer_append(&http1->input, data, len) != PL_OK)
		pl_http1_abort(http1, PL_ENOMEM);
	else
		run_kept(http1);
}

static void on_end(void *owner)
{
	pl_http1 *http1 = owner;
	pl_http1_exchange *exchange = http1->exchange;

	http1->peer_ended = true;
	if (http1->closing)
		return;
	if (!exchange || exchange->ended) {
		pl_http1_finish(http1);
		return;
	}
	if (pl_http1_body_whole(exchange))
		return; /* a half-closed connection still gets its answer */
	give_up(http1, PL_ECONNRESET);
	pl_http1_abort(http1, PL_ECONNRESET);
}

static void on_closed(void *owner, int status)
{
	pl_http1 *http1 = owner;

	http1->closing = true;
	if (http1->exchange)
		give_up(http1, status == PL_OK ? PL_ECLOSED : status);
	http1->events->closed(http1->owner, status);
	session_free(http1);
}

static void on_timer(pl_timer *timer)
{
	pl_http1 *http1 = PL_CONTAINER(timer, pl_http1, timer);

	switch (http1->timing) {
	case TIMING_HEAD:
		if (head_begun(&http1->input))
			pl_http1_refuse(http1, 408, "the request's head took too long");
		else
			pl_http1_finish(http1);
		break;
	case TIMING_BODY:
		pl_http1_fail_body(http1, PL_ETIMEDOUT, 408, "the request's body took too long");
		break;
	default:
		pl_http1_finish(http1);
	}
}

static const pl_stream_events stream_events = {
	.data = on_data,
	.end = on_end,
	.drain = on_drain,
	.closed = on_closed,
};

int pl_http1_start(pl_http1 **http1, pl_stream *stream, const pl_http1_settings *settings,
		   const pl_http1_events *events, void *owner)
{
	pl_http1 *session = pl_calloc(1, sizeof(*session));

	*http1 = session;
	if (!session)
		return PL_ENOMEM;
	session->stream = stream;
	session->settings = settings;
	session->events = events;
	session->owner = owner;
	pl_timer_init(&session->timer, on_timer);
	pl_deferred_init(&session->again, on_again);
	stream->write_timeout = (uint32_t)settings->limits->write_timeout;
	pl_stream_own(stream, &stream_events, session);
	pl_stream_resume(stream);
	set_timer(session, TIMING_HEAD);
	return PL_OK;
}

void pl_http1_upgrade(pl_exchange *exchange, pl_stream **stream, uint8_t **leftover, size_t *len)
{
	pl_http1_exchange *request = (pl_http1_exchange *)exchange;
	pl_http1 *http1 = request->http1;

	request->ended = true;
	http1->upgraded = true;
	*stream = http1->stream;
	if (http1->rest) {
		*leftover = http1->rest->at;
		*len = http1->rest->len;
	} else {
		*leftover = http1->input.len > 0 ? http1->input.data + http1->used : NULL;
		*len = http1->input.len - http1->used;
		pl_loop_stop_timer(http1->stream->loop, &http1->timer);
		pl_loop_defer(http1->stream->loop, &http1->again);
	}
	pause_input(http1, false);
}

void pl_http1_stop(pl_http1 *http1)
{
	http1->stopping = true;
	if (http1->running || (http1->exchange && !http1->exchange->ended))
		return;
	/* With nothing on its way there is no reason to wait for the peer's end. */
	if (!http1->exchange && pl_stream_queued(http1->stream) == 0)
		pl_http1_abort(http1, PL_OK);
	else
		pl_http1_finish(http1);
}

uint64_t pl_http1_requests(const pl_http1 *http1)
{
	return http1->requests;
}
