#include "net/relay.h"

#include "base/alloc.h"
#include "base/status.h"

/* What a side may be behind with: the rest waits where it comes from. */
enum { QUEUED = 256 * 1024 };

typedef struct relay_side {
	struct pl_relay *relay;
	struct relay_side *other;
	pl_stream *stream; /* NULL: closed */
	uint64_t received;
	bool ended; /* the peer has sent its last byte */
	bool waits; /* it is not read from until the other's output is sent */
} relay_side;

struct pl_relay {
	relay_side near;
	relay_side far;
	pl_relay_settings settings;
	pl_loop *loop;
	pl_timer timer;
	uint64_t since; /* when a byte came last */
	int status;	/* the first failure */
	bool closing;
};

static void note(pl_relay *self, int status)
{
	if (!self->status)
		self->status = status;
}

static void finish(relay_side *side)
{
	if (side->stream && !side->stream->closing)
		pl_stream_finish(side->stream);
}

static void finish_both(pl_relay *self)
{
	self->closing = true;
	pl_loop_stop_timer(self->loop, &self->timer);
	finish(&self->near);
	finish(&self->far);
}

static void abort_side(relay_side *side, int status)
{
	if (side->stream)
		pl_stream_abort(side->stream, status);
}

static void abort_both(pl_relay *self, int status)
{
	note(self, status);
	self->closing = true;
	pl_loop_stop_timer(self->loop, &self->timer);
	abort_side(&self->near, status);
	abort_side(&self->far, status);
}

/* Bytes that come only note the time, so that the timer may fire too early. Who takes its output
 * slowly is the matter of the stream's write_timeout. */
static void on_timer(pl_timer *timer)
{
	pl_relay *self = PL_CONTAINER(timer, pl_relay, timer);
	uint64_t now = pl_loop_now(self->loop), due = self->since + self->settings.idle;

	if (self->near.waits || self->far.waits)
		pl_loop_start(self->loop, &self->timer, self->settings.idle);
	else if (due > now)
		pl_loop_start(self->loop, &self->timer, due - now);
	else
		abort_both(self, PL_ETIMEDOUT);
}

/* What is left goes out at once: `drain` comes for what blocks alone. */
static void send(relay_side *to, const void *data, size_t len)
{
	pl_stream *stream = to->stream;
	relay_side *from = to->other;
	int status = stream ? pl_stream_write(stream, data, len) : PL_ECLOSED;

	if (status) {
		abort_both(to->relay, status);
		return;
	}
	if (pl_stream_queued(stream) >= QUEUED)
		pl_stream_flush_now(stream);
	if (!stream->blocked || from->waits)
		return;
	from->waits = true;
	pl_stream_pause(from->stream);
}

static void on_data(void *owner, uint8_t *data, size_t len)
{
	relay_side *side = owner;
	pl_relay *self = side->relay;

	if (self->closing)
		return;
	self->since = pl_loop_now(self->loop);
	side->received += len;
	send(side->other, data, len);
}

static void on_end(void *owner)
{
	relay_side *side = owner;
	pl_relay *self = side->relay;

	side->ended = true;
	if (self->closing)
		return;
	self->since = pl_loop_now(self->loop);
	if (side->other->ended)
		finish_both(self);
	else
		pl_stream_shut(side->other->stream);
}

static void on_drain(void *owner)
{
	relay_side *from = ((relay_side *)owner)->other;
	pl_relay *self = from->relay;

	self->since = pl_loop_now(self->loop);
	if (!from->waits || self->closing)
		return;
	from->waits = false;
	pl_stream_resume(from->stream);
}

static void on_closed(void *owner, int status)
{
	relay_side *side = owner;
	pl_relay *self = side->relay;

	side->stream = NULL;
	note(self, status);
	finish_both(self);
	if (side == &self->near)
		self->settings.ended(self->settings.owner, self->status);
	if (!side->other->stream)
		pl_free(self);
}

static const pl_stream_events side_events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

int pl_relay_new(pl_relay **relay, pl_stream *near, pl_stream *far,
		 const pl_relay_settings *settings)
{
	pl_relay *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return PL_ENOMEM;
	self->near = (relay_side){ .relay = self, .other = &self->far, .stream = near };
	self->far = (relay_side){ .relay = self, .other = &self->near, .stream = far };
	self->settings = *settings;
	self->loop = near->loop;
	pl_timer_init(&self->timer, on_timer);
	pl_stream_own(near, &side_events, &self->near);
	pl_stream_own(far, &side_events, &self->far);
	*relay = self;
	return PL_OK;
}

/* The other side may have blocked it meanwhile. */
static void begin(relay_side *side, pl_slice first)
{
	if (first.len > 0)
		on_data(side, (uint8_t *)(uintptr_t)first.at, first.len);
	if (!side->relay->closing && !side->waits)
		pl_stream_resume(side->stream);
}

void pl_relay_start(pl_relay *self, pl_slice from_near, pl_slice from_far)
{
	self->since = pl_loop_now(self->loop);
	if (self->settings.idle > 0)
		pl_loop_start(self->loop, &self->timer, self->settings.idle);
	begin(&self->near, from_near);
	begin(&self->far, from_far);
}

void pl_relay_finish(pl_relay *self)
{
	finish_both(self);
}

void pl_relay_abort(pl_relay *self, int status)
{
	abort_both(self, status);
}

void pl_relay_counts(const pl_relay *self, uint64_t *near, uint64_t *far)
{
	*near = self->near.received;
	*far = self->far.received;
}
