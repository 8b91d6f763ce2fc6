#include "http/call_http1_internal.h"

#include "base/alloc.h"
#include "base/status.h"
#include "net/tls.h"

/* The end of the connection. */

static void close_input(pl_call_http1 *self)
{
	self->phase = PL_CALL_CLOSING;
	pl_loop_stop_timer(self->stream->loop, &self->timer);
	pl_deferred_cancel(&self->again);
	pl_buffer_deinit(&self->trailers);
}

/* The stream may be closing by itself already. */
static void cut_off(pl_call_http1 *self, int status)
{
	close_input(self);
	if (!self->stream->closing)
		pl_stream_abort(self->stream, status);
}

static void say_goodbye(pl_call_http1 *self)
{
	close_input(self);
	if (!self->stream->closing)
		pl_stream_finish(self->stream);
}

void pl_call_http1_leave(pl_call_http1 *self)
{
	close_input(self);
	self->given = true;
}

static bool calling(const pl_call_http1 *self)
{
	return self->phase != PL_CALL_IDLE && self->phase != PL_CALL_CLOSING;
}

void pl_call_http1_fail(pl_call_http1 *self, int status, const char *why)
{
	bool told = !calling(self);

	cut_off(self, status);
	if (!told)
		self->call.events->failed(self->call.owner, status, why);
}

/* Time. */

static uint64_t earlier(uint64_t due, uint64_t from, uint32_t limit)
{
	return limit > 0 && from + limit < due ? from + limit : due;
}

/* What the server owes us next; nothing while the owner pauses. */
static uint64_t silence_due(const pl_call_http1 *self)
{
	if (self->paused)
		return UINT64_MAX;
	if (self->call.answered)
		return earlier(UINT64_MAX, self->since, self->times.idle);
	return self->sent ? earlier(UINT64_MAX, self->asked, self->times.first_byte) : UINT64_MAX;
}

static uint64_t total_due(const pl_call_http1 *self)
{
	return earlier(UINT64_MAX, self->begun, self->times.total);
}

void pl_call_http1_time(pl_call_http1 *self)
{
	uint64_t now = pl_loop_now(self->stream->loop);
	uint64_t due = silence_due(self), total = total_due(self);

	if (total < due)
		due = total;
	if (due == UINT64_MAX)
		pl_loop_stop_timer(self->stream->loop, &self->timer);
	else
		pl_loop_start(self->stream->loop, &self->timer, due > now ? due - now : 0);
}

/* Bytes that come only note the time, so that the timer may fire too early. */
static void on_timer(pl_timer *timer)
{
	pl_call_http1 *self = PL_CONTAINER(timer, pl_call_http1, timer);
	uint64_t now = pl_loop_now(self->stream->loop);

	if (total_due(self) <= now)
		pl_call_http1_fail(self, PL_ETIMEDOUT, "the call took too long");
	else if (silence_due(self) > now)
		pl_call_http1_time(self);
	else if (self->call.answered)
		pl_call_http1_fail(self, PL_ETIMEDOUT, "the server has fallen silent");
	else
		pl_call_http1_fail(self, PL_ETIMEDOUT, "the server does not answer in time");
}

/* Calls. */

bool pl_call_http1_ready(const pl_call_http1 *self)
{
	return self->phase == PL_CALL_IDLE && !self->stream->closing;
}

uint64_t pl_call_http1_calls(const pl_call_http1 *self)
{
	return self->calls;
}

uint32_t pl_call_http1_patience(const pl_call_http1 *self)
{
	return self->patience;
}

static void reset(pl_call_http1 *self, const pl_call_order *order)
{
	uint64_t now = pl_loop_now(self->stream->loop);

	self->call = (pl_call){ .ops = &pl_call_http1_ops,
				.events = order->events,
				.owner = order->owner,
				.stream = self->stream };
	self->limits = order->limits;
	self->times = order->times;
	self->begun = self->asked = self->since = now;
	self->chunk = (pl_http_chunk){ .patient = true };
	self->scanned = 0;
	self->unsent = order->request->length;
	self->sent = order->request->length == PL_CALL_NO_BODY;
	self->is_head = pl_slice_equal(order->request->method, PL_SLICE("HEAD"));
	self->upgrade = order->request->upgrade.len > 0 && order->events->changed;
	self->stopped = self->blocked = self->paused = self->keep_alive = false;
	self->informational = 0;
	self->stream->write_timeout =
		order->times.idle ? order->times.idle : (uint32_t)order->limits->write_timeout;
}

int pl_call_http1_begin(pl_call **call, pl_call_http1 *self, const pl_call_order *order)
{
	int status;

	pl_loop_refresh(self->stream->loop);
	reset(self, order);
	status = pl_call_http1_write_head(self, order->request);
	if (status) {
		cut_off(self, status);
		return status;
	}
	self->phase = PL_CALL_HEAD;
	self->calls++;
	pl_call_http1_time(self);
	*call = &self->call;
	return PL_OK;
}

/* What is still on its way out is the end of the request, which the server has not waited for. */
static bool reusable(const pl_call_http1 *self, const pl_call_input *rest)
{
	return self->keep_alive && self->sent && !self->peer_ended && rest->len == 0 &&
	       !self->stream->closing && pl_stream_queued(self->stream) == 0;
}

/* The connection may take another call before this one's owner hears of its end: so what belongs to
 * this one is taken out first. */
void pl_call_http1_end(pl_call_http1 *self, const pl_call_input *rest)
{
	const pl_call_events *events = self->call.events;
	void *owner = self->call.owner;
	pl_buffer trailers = self->trailers;

	self->trailers = (pl_buffer){ 0 };
	if (reusable(self, rest)) {
		self->phase = PL_CALL_IDLE;
		self->paused = false;
		pl_loop_stop_timer(self->stream->loop, &self->timer);
		self->events->idle(self->owner);
	} else if (self->sent) {
		say_goodbye(self);
	} else {
		cut_off(self, PL_OK);
	}
	events->end(owner, pl_slice_make((const char *)trailers.data, trailers.len));
	pl_buffer_deinit(&trailers);
}

/* Input. */

/* Bytes that nobody asked for: whatever they are, they are no answer to a later call. */
static pl_call_step refuse(pl_call_http1 *self)
{
	cut_off(self, PL_EPROTO);
	return PL_CALL_DONE;
}

static pl_call_step take_step(pl_call_http1 *self, pl_call_input *input)
{
	if (self->phase == PL_CALL_CLOSING || self->stream->closing)
		return PL_CALL_DONE;
	if (self->phase == PL_CALL_IDLE)
		return input->len > 0 ? refuse(self) : PL_CALL_READ;
	return pl_call_http1_receive(self, input);
}

/* What is left has to survive the read; in the session's own buffer it is the tail already. */
static int keep_input(pl_call_http1 *self, const pl_call_input *input)
{
	if (input->len > 0 && self->input.len == 0)
		return pl_buffer_append(&self->input, input->at, input->len);
	self->used = self->input.len - input->len;
	if (input->len == 0) {
		pl_buffer_deinit(&self->input);
		self->used = 0;
	}
	return PL_OK;
}

static void settle(pl_call_http1 *self, const pl_call_input *input)
{
	if (keep_input(self, input)) {
		pl_call_http1_fail(self, PL_ENOMEM, pl_status_text(PL_ENOMEM));
		return;
	}
	if (self->paused && !self->stream->paused)
		pl_stream_pause(self->stream);
	else if (!self->paused && self->stream->paused)
		pl_stream_resume(self->stream);
}

static void release(pl_call_http1 *self)
{
	self->events->closed(self->owner);
	pl_buffer_deinit(&self->input);
	pl_free(self);
}

static void run(pl_call_http1 *self, pl_call_input input)
{
	pl_call_step step;

	self->running = true;
	do
		step = take_step(self, &input);
	while (step == PL_CALL_NEXT);
	self->running = false;
	if (self->given)
		release(self);
	else if (step == PL_CALL_DONE || self->phase == PL_CALL_CLOSING)
		pl_buffer_deinit(&self->input);
	else
		settle(self, &input);
}

static void run_kept(pl_call_http1 *self)
{
	pl_call_input input = { NULL, 0 };

	if (self->input.len > 0) {
		input.at = self->input.data + self->used;
		input.len = self->input.len - self->used;
	}
	run(self, input);
}

static void on_again(pl_deferred *deferred)
{
	run_kept(PL_CONTAINER(deferred, pl_call_http1, again));
}

static void note_bytes(pl_call_http1 *self)
{
	self->since = pl_loop_now(self->stream->loop);
	if (self->call.answered || !calling(self))
		return;
	self->call.answered = true;
	self->call.first_byte = (uint32_t)(self->since - self->begun);
	pl_call_http1_time(self);
}

static void on_data(void *owner, uint8_t *data, size_t len)
{
	pl_call_http1 *self = owner;

	if (self->phase == PL_CALL_CLOSING)
		return;
	note_bytes(self);
	if (self->input.len == 0) {
		run(self, (pl_call_input){ data, len });
		return;
	}
	pl_buffer_consume(&self->input, self->used);
	self->used = 0;
	if (pl_buffer_append(&self->input, data, len))
		pl_call_http1_fail(self, PL_ENOMEM, pl_status_text(PL_ENOMEM));
	else
		run_kept(self);
}

static const char *truncation(const pl_call_http1 *self)
{
	if (self->phase != PL_CALL_HEAD)
		return "the connection ended within the response's content";
	return self->call.answered ? "the connection ended within the response's head"
				   : "the server closed the connection without an answer";
}

static void on_end(void *owner)
{
	pl_call_http1 *self = owner;

	self->peer_ended = true;
	if (self->phase == PL_CALL_UNTIL_CLOSE)
		run_kept(self);
	else if (calling(self))
		pl_call_http1_fail(self, PL_ECONNRESET, truncation(self));
	else if (self->phase == PL_CALL_IDLE)
		say_goodbye(self);
}

static void on_drain(void *owner)
{
	pl_call_http1 *self = owner;

	if (!calling(self) || !self->blocked)
		return;
	self->blocked = false;
	self->call.events->drain(self->call.owner);
}

static const char *reason(const pl_call_http1 *self, int status)
{
	const char *failure = pl_tls_failure(self->stream);

	if (failure)
		return failure;
	if (status == PL_ECONNRESET)
		return truncation(self);
	return status == PL_ETIMEDOUT ? "the server does not take the request"
				      : pl_status_text(status);
}

static void on_closed(void *owner, int status)
{
	pl_call_http1 *self = owner;

	if (status == PL_OK)
		status = PL_ECONNRESET;
	pl_call_http1_fail(self, status, reason(self, status));
	release(self);
}

static const pl_stream_events stream_events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

int pl_call_http1_start(pl_call_http1 **session, pl_stream *stream,
			const pl_call_http1_events *events, void *owner)
{
	pl_call_http1 *self = pl_calloc(1, sizeof(*self));

	if (!self) {
		pl_stream_drop(stream);
		return PL_ENOMEM;
	}
	self->stream = stream;
	self->events = events;
	self->owner = owner;
	self->phase = PL_CALL_IDLE;
	pl_timer_init(&self->timer, on_timer);
	pl_deferred_init(&self->again, on_again);
	pl_stream_own(stream, &stream_events, self);
	pl_stream_resume(stream);
	*session = self;
	return PL_OK;
}

void pl_call_http1_close(pl_call_http1 *self)
{
	if (self->given)
		return;
	if (self->phase == PL_CALL_IDLE)
		say_goodbye(self);
	else
		pl_call_http1_fail(self, PL_ECANCELED, "the call was given up");
}

void pl_call_http1_cut(pl_call_http1 *self)
{
	bool goodbye = self->phase == PL_CALL_CLOSING;

	if (self->given)
		return;
	pl_call_http1_fail(self, PL_ECANCELED, "the call was given up");
	if (goodbye)
		pl_stream_abort(self->stream, PL_ECANCELED);
}

/* For pl_call_http1_ops: the owner's wishes. */

void pl_call_http1_pause(pl_call *call, bool pause)
{
	pl_call_http1 *self = PL_CONTAINER(call, pl_call_http1, call);

	if (!calling(self) || self->paused == pause)
		return;
	self->paused = pause;
	self->since = pl_loop_now(self->stream->loop);
	pl_call_http1_time(self);
	if (!self->running)
		pl_loop_defer(self->stream->loop, &self->again);
}

void pl_call_http1_abort(pl_call *call)
{
	cut_off(PL_CONTAINER(call, pl_call_http1, call), PL_ECANCELED);
}
