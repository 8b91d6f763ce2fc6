#include "net/throttle.h"

#include "base/alloc.h"
#include "base/status.h"
#include "net/loop_internal.h"

/* One direction. */
typedef struct bucket {
	double rate;	 /* bytes a ms; 0: no limit */
	double most;	 /* that are in reserve */
	double tokens;	 /* bytes that may go now; below 0: more have gone */
	uint64_t filled; /* when, ms */
	pl_timer timer;	 /* while nothing may go */
} bucket;

typedef struct throttle {
	pl_stream stream;
	pl_stream *below;
	bucket out, in;
	bool finishing; /* pl_stream_finish was called */
} throttle;

static throttle *throttle_of(pl_stream *stream)
{
	return PL_CONTAINER(stream, throttle, stream);
}

/* Time. */

static void bucket_init(bucket *self, uint64_t bits, uint64_t now, void (*fire)(pl_timer *timer))
{
	self->rate = (double)bits / 8 / 1000;
	self->most = self->rate * 250 > 1 ? self->rate * 250 : 1;
	self->tokens = self->most;
	self->filled = now;
	pl_timer_init(&self->timer, fire);
}

/* Whether anything may go. */
static bool bucket_has(bucket *self, pl_loop *loop)
{
	uint64_t now = pl_loop_now(loop);

	if (self->rate <= 0)
		return true;
	self->tokens += self->rate * (double)(now - self->filled);
	if (self->tokens > self->most)
		self->tokens = self->most;
	self->filled = now;
	return self->tokens >= 1;
}

static size_t bucket_least(const bucket *self, size_t len)
{
	return self->rate > 0 && (double)len > self->tokens ? (size_t)self->tokens : len;
}

/* Until half of the reserve is there again. */
static void bucket_wait(bucket *self, pl_loop *loop)
{
	double goal = self->most / 2 > 1 ? self->most / 2 : 1;
	double wait = (goal - self->tokens) / self->rate + 1;

	pl_loop_start(loop, &self->timer, wait < UINT32_MAX ? (uint64_t)wait : UINT32_MAX);
}

/* Output. */

/* As much as may go now; false when the stream below has ended. */
static bool send_some(throttle *self)
{
	pl_stream *stream = &self->stream;
	pl_output_piece piece;

	while (pl_output_peek(&stream->output, &piece, 1) && !self->below->blocked &&
	       bucket_has(&self->out, stream->loop)) {
		size_t len = bucket_least(&self->out, piece.len);

		if (pl_stream_write(self->below, piece.data, len)) {
			pl_stream_abort(stream, PL_ENOMEM);
			return false;
		}
		self->out.tokens -= (double)len;
		pl_output_consume(&stream->output, &stream->loop->chunks, len);
		if (pl_stream_queued(self->below) >= PL_CHUNK_LARGE)
			pl_stream_flush_now(self->below);
	}
	pl_stream_flush_now(self->below);
	return !self->below->closing;
}

static void throttle_flush(pl_stream *stream)
{
	throttle *self = throttle_of(stream);

	self->below->write_timeout = stream->write_timeout;
	if (!send_some(self)) {
		stream->closing = true;
		return;
	}
	stream->blocked = stream->output.len > 0 || self->below->blocked;
	if (stream->output.len > 0 && !self->below->blocked)
		bucket_wait(&self->out, stream->loop);
	else if (stream->output.len == 0 && self->finishing)
		pl_stream_finish(self->below);
}

/* More may go. */
static void go_on(throttle *self)
{
	pl_stream *stream = &self->stream;

	if (!stream->blocked || pl_timer_active(&self->out.timer))
		return;
	throttle_flush(stream);
	if (!stream->blocked && !stream->closing)
		stream->events->drain(stream->owner);
}

static void on_out(pl_timer *timer)
{
	go_on(PL_CONTAINER(timer, throttle, out.timer));
}

static void below_drain(void *owner)
{
	go_on(owner);
}

static void throttle_finish(pl_stream *stream)
{
	throttle *self = throttle_of(stream);

	self->finishing = true;
	pl_loop_stop_timer(stream->loop, &self->in.timer);
	if (!stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
}

/* Input. */

static void below_data(void *owner, uint8_t *data, size_t len)
{
	throttle *self = owner;
	pl_stream *stream = &self->stream;

	if (stream->closing)
		return;
	if (self->in.rate > 0) {
		bool more = bucket_has(&self->in, stream->loop);

		self->in.tokens -= (double)len;
		if (!more || self->in.tokens < 1) {
			pl_stream_pause(self->below);
			bucket_wait(&self->in, stream->loop);
		}
	}
	stream->events->data(stream->owner, data, len);
}

static void on_in(pl_timer *timer)
{
	throttle *self = PL_CONTAINER(timer, throttle, in.timer);

	if (!self->stream.paused)
		pl_stream_resume(self->below);
}

static uint8_t *below_room(void *owner, size_t *len)
{
	return pl_stream_room(&((throttle *)owner)->stream, len);
}

static void below_end(void *owner)
{
	throttle *self = owner;

	if (!self->stream.closing)
		self->stream.events->end(self->stream.owner);
}

static void throttle_pause(pl_stream *stream)
{
	pl_stream_pause(throttle_of(stream)->below);
}

static void throttle_resume(pl_stream *stream)
{
	throttle *self = throttle_of(stream);

	if (!pl_timer_active(&self->in.timer))
		pl_stream_resume(self->below);
}

/* The end. */

static void throttle_abort(pl_stream *stream, int status)
{
	pl_stream_abort(throttle_of(stream)->below, status);
}

static void below_closed(void *owner, int status)
{
	throttle *self = owner;
	pl_stream *stream = &self->stream;
	pl_loop *loop = stream->loop;

	stream->closing = true;
	pl_loop_stop_timer(loop, &self->out.timer);
	pl_loop_stop_timer(loop, &self->in.timer);
	pl_deferred_cancel(&stream->flush);
	pl_output_clear(&stream->output, &loop->chunks);
	stream->events->closed(stream->owner, status);
	pl_free(self);
}

static void throttle_address(pl_stream *stream, bool local, pl_address *address)
{
	pl_stream *below = throttle_of(stream)->below;

	below->ops->address(below, local, address);
}

static const pl_stream_ops throttle_ops = {
	.flush = throttle_flush,
	.pause = throttle_pause,
	.resume = throttle_resume,
	.finish = throttle_finish,
	.abort = throttle_abort,
	.address = throttle_address,
};

static const pl_stream_events below_events = { .data = below_data,
					       .room = below_room,
					       .end = below_end,
					       .drain = below_drain,
					       .closed = below_closed };

int pl_throttle_open(pl_stream **stream, pl_stream *below, const pl_throttle_rates *rates)
{
	throttle *self = pl_calloc(1, sizeof(*self));
	uint64_t now = pl_loop_now(below->loop);

	if (!self)
		return PL_ENOMEM;
	pl_stream_init(&self->stream, &throttle_ops, below->loop);
	self->below = below;
	bucket_init(&self->out, rates->out, now, on_out);
	bucket_init(&self->in, rates->in, now, on_in);
	pl_stream_own(below, &below_events, self);
	*stream = &self->stream;
	return PL_OK;
}
