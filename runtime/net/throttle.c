#include "net/throttle.h"

#include "base/alloc.h"
#include "base/status.h"
#include "net/loop_internal.h"

enum {
	SHARE = 4096,	/* bytes that who waits for the total gets at a time */
	SMALLEST = 128, /* bytes: less is waited for, if more is wanted */
	PIECES = 16	/* that are handed to the stream below at a time */
};

/* One direction of a total. */
typedef struct pool {
	pl_bucket bucket;
	pl_loop *loop;
	pl_list waiting; /* gates */
	pl_timer timer;
} pool;

struct pl_throttle_total {
	pool in;
	pool out;
};

/* One direction of a stream. */
typedef struct gate {
	pl_bucket bucket;
	pool *total; /* NULL: it has none */
	pl_loop *loop;
	pl_timer timer; /* waits for its own bucket */
	pl_list node;	/* waits for the total's */
	size_t share;	/* of the total, paid for already */
	bool waits;	/* `go` will be called */
	void (*go)(struct gate *gate);
} gate;

typedef struct throttle {
	pl_stream stream;
	pl_stream *below;
	gate in;
	gate out;
	bool finishing;
} throttle;

/* The total. */

static void pool_wait(pool *total)
{
	uint64_t delay = pl_bucket_delay(&total->bucket, pl_loop_now(total->loop), SIZE_MAX);

	if (!pl_timer_active(&total->timer))
		pl_loop_start(total->loop, &total->timer, delay > 0 ? delay : 1);
}

static void deal(pool *total, gate *to)
{
	size_t level = pl_bucket_level(&total->bucket, pl_loop_now(total->loop));

	to->share = level < SHARE ? level : SHARE;
	pl_bucket_spend(&total->bucket, (int64_t)to->share);
	pl_list_remove(&to->node);
	to->waits = false;
	to->go(to);
}

/* Each of those that wait once, as far as it goes; who wants more waits behind the others. */
static void on_pool_timer(pl_timer *timer)
{
	pool *total = PL_CONTAINER(timer, pool, timer);
	pl_list turn;

	pl_list_init(&turn);
	pl_list_move(&turn, &total->waiting);
	while (!pl_list_empty(&turn) &&
	       pl_bucket_level(&total->bucket, pl_loop_now(total->loop)) >= SMALLEST)
		deal(total, PL_CONTAINER(turn.next, gate, node));
	pl_list_move(&turn, &total->waiting);
	pl_list_move(&total->waiting, &turn);
	if (!pl_list_empty(&total->waiting))
		pool_wait(total);
}

static void pool_init(pool *total, pl_loop *loop, int64_t rate)
{
	total->loop = loop;
	pl_bucket_init(&total->bucket, rate, pl_loop_now(loop));
	pl_list_init(&total->waiting);
	pl_timer_init(&total->timer, on_pool_timer);
}

int pl_throttle_total_new(pl_throttle_total **result, pl_loop *loop, const pl_throttle_rates *rates)
{
	pl_throttle_total *total = pl_calloc(1, sizeof(*total));

	if (!total)
		return PL_ENOMEM;
	pool_init(&total->in, loop, rates->read);
	pool_init(&total->out, loop, rates->write);
	*result = total;
	return PL_OK;
}

void pl_throttle_total_free(pl_throttle_total *total)
{
	if (!total)
		return;
	pl_loop_stop_timer(total->in.loop, &total->in.timer);
	pl_loop_stop_timer(total->out.loop, &total->out.timer);
	pl_free(total);
}

/* A gate. */

static void on_gate_timer(pl_timer *timer)
{
	gate *self = PL_CONTAINER(timer, gate, timer);

	self->waits = false;
	self->go(self);
}

static void gate_init(gate *self, pl_loop *loop, int64_t rate, pool *total, void (*go)(gate *self))
{
	pl_bucket_init(&self->bucket, rate, pl_loop_now(loop));
	self->loop = loop;
	self->total = total && total->bucket.rate > 0 ? total : NULL;
	self->go = go;
	pl_timer_init(&self->timer, on_gate_timer);
	pl_list_init(&self->node);
}

/* What it was given of the total and has not used goes to the others. */
static void give_back(gate *self)
{
	if (self->total)
		pl_bucket_spend(&self->total->bucket, -(int64_t)self->share);
	self->share = 0;
}

static void gate_close(gate *self)
{
	pl_loop_stop_timer(self->loop, &self->timer);
	pl_list_remove(&self->node);
	self->waits = false;
	give_back(self);
}

static size_t total_level(const gate *self)
{
	pool *total = self->total;

	if (!total)
		return SIZE_MAX;
	if (self->share > 0)
		return self->share;
	return pl_list_empty(&total->waiting)
		       ? pl_bucket_level(&total->bucket, pl_loop_now(self->loop))
		       : 0;
}

/* Bytes that may pass now. */
static size_t gate_level(gate *self)
{
	size_t own = pl_bucket_level(&self->bucket, pl_loop_now(self->loop));
	size_t shared = total_level(self);

	return own < shared ? own : shared;
}

static void gate_spend(gate *self, size_t bytes)
{
	size_t paid = bytes < self->share ? bytes : self->share;

	pl_bucket_spend(&self->bucket, (int64_t)bytes);
	if (self->total)
		pl_bucket_spend(&self->total->bucket, (int64_t)(bytes - paid));
	self->share -= paid;
}

/* Whether it lets pass what is wanted, or enough of it for now. If not, `go` comes. */
static bool gate_open(gate *self, size_t wanted)
{
	size_t enough = wanted < SMALLEST ? wanted : SMALLEST;
	uint64_t now = pl_loop_now(self->loop);

	if (self->waits)
		return false;
	if (gate_level(self) >= enough)
		return true;
	self->waits = true;
	if (pl_bucket_level(&self->bucket, now) < enough) {
		uint64_t delay = pl_bucket_delay(&self->bucket, now, wanted);

		pl_loop_start(self->loop, &self->timer, delay > 0 ? delay : 1);
		return false;
	}
	give_back(self); /* it is too little */
	pl_list_append(&self->total->waiting, &self->node);
	pool_wait(self->total);
	return false;
}

static throttle *throttle_of(pl_stream *stream)
{
	return PL_CONTAINER(stream, throttle, stream);
}

/* Writing. */

/* Copies to the stream below up to n bytes, and returns how many. */
static size_t hand_over(throttle *self, size_t n)
{
	pl_stream *stream = &self->stream;
	pl_output_piece pieces[PIECES];
	size_t count = pl_output_peek(&stream->output, pieces, PIECES);
	size_t done = 0;
	size_t i;

	for (i = 0; i < count && done < n; i++) {
		size_t len = pieces[i].len < n - done ? pieces[i].len : n - done;

		if (pl_stream_write(self->below, pieces[i].data, len))
			break;
		done += len;
	}
	pl_output_consume(&stream->output, &stream->loop->chunks, done);
	gate_spend(&self->out, done);
	return done;
}

static void throttle_flush(pl_stream *stream)
{
	throttle *self = throttle_of(stream);
	pl_stream *below = self->below;

	below->write_timeout = stream->write_timeout;
	while (stream->output.len > 0 && !below->blocked && !below->closing &&
	       gate_open(&self->out, stream->output.len)) {
		if (hand_over(self, gate_level(&self->out)) == 0) {
			pl_stream_abort(stream, PL_ENOMEM);
			return;
		}
		pl_stream_flush_now(below);
		pl_deferred_cancel(&below->flush);
	}
	stream->blocked = stream->output.len > 0 || below->blocked;
	if (stream->output.len == 0)
		give_back(&self->out);
	if (below->closing)
		stream->closing = true;
	else if (self->finishing && stream->output.len == 0)
		pl_stream_finish(below);
	else if (stream->shut && stream->output.len == 0)
		pl_stream_shut(below);
}

/* What blocked the output is over. */
static void flush_on(throttle *self)
{
	pl_stream *stream = &self->stream;

	if (!stream->blocked)
		return;
	throttle_flush(stream);
	if (!stream->blocked && !stream->closing)
		stream->events->drain(stream->owner);
}

static void may_write(gate *out)
{
	flush_on(PL_CONTAINER(out, throttle, out));
}

static void below_drain(void *owner)
{
	flush_on(owner);
}

/* Reading. */

static void may_read(gate *in)
{
	throttle *self = PL_CONTAINER(in, throttle, in);

	if (!self->stream.paused && !self->stream.closing)
		pl_stream_resume(self->below);
}

static uint8_t *below_room(void *owner, size_t *len)
{
	throttle *self = owner;
	pl_loop *loop = self->stream.loop;
	size_t level = gate_level(&self->in);
	uint8_t *room = pl_stream_room(&self->stream, len);

	if (!room) {
		room = (uint8_t *)loop->read_buffer;
		*len = PL_LOOP_READ_BUFFER;
	}
	if (level < SMALLEST)
		level = SMALLEST;
	if (*len > level)
		*len = level;
	return room;
}

static void below_data(void *owner, uint8_t *data, size_t len)
{
	throttle *self = owner;
	pl_stream *stream = &self->stream;

	if (stream->closing)
		return;
	gate_spend(&self->in, len);
	stream->events->data(stream->owner, data, len);
	if (!stream->closing && !gate_open(&self->in, SIZE_MAX))
		pl_stream_pause(self->below);
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

	if (gate_open(&self->in, SIZE_MAX))
		pl_stream_resume(self->below);
}

/* The end. */

static void throttle_finish(pl_stream *stream)
{
	throttle *self = throttle_of(stream);

	self->finishing = true;
	pl_stream_pause(self->below);
	if (!stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
}

static void throttle_shut(pl_stream *stream)
{
	if (!stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
}

static void throttle_abort(pl_stream *stream, int status)
{
	pl_stream_abort(throttle_of(stream)->below, status);
}

static void below_closed(void *owner, int status)
{
	throttle *self = owner;
	pl_stream *stream = &self->stream;

	stream->closing = true;
	gate_close(&self->in);
	gate_close(&self->out);
	pl_deferred_cancel(&stream->flush);
	pl_output_clear(&stream->output, &stream->loop->chunks);
	if (stream->events)
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
	.shut = throttle_shut,
	.abort = throttle_abort,
	.address = throttle_address,
};

static const pl_stream_events below_events = {
	.data = below_data,
	.room = below_room,
	.end = below_end,
	.drain = below_drain,
	.closed = below_closed,
};

int pl_throttle_open(pl_stream **result, pl_stream *below, const pl_throttle_rates *rates,
		     pl_throttle_total *total)
{
	throttle *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return PL_ENOMEM;
	pl_stream_init(&self->stream, &throttle_ops, below->loop);
	self->below = below;
	gate_init(&self->in, below->loop, rates->read, total ? &total->in : NULL, may_read);
	gate_init(&self->out, below->loop, rates->write, total ? &total->out : NULL, may_write);
	pl_stream_own(below, &below_events, self);
	*result = &self->stream;
	return PL_OK;
}
