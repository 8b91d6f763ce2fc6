/*
 * call_http1_fuzz.c - a client's HTTP/1.1 session over memory; the input is what the server says.
 * The first byte says how that is cut, the method, and what the owner does meanwhile.
 *
 * Each input is taken whole and in pieces: head, content and outcome must be the same. Then it is
 * given to owners that pause, write late, break off, ask again.
 */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "http/call_http1.h"
#include "net/memory.h"

enum { CUT = 1, HEAD = 2, POST = 4, PAUSE = 8, ABORT = 16, AGAIN = 32, END = 64, BLOCK = 128 };
enum { TURNS = 64 };

typedef struct caller {
	pl_memory memory;
	pl_call_http1 *session;
	pl_call *call;
	uint8_t how;
	uint64_t sum; /* of all that was told */
	int ends;
	int status;
	bool paused;
} caller;

static pl_loop *loop;
static pl_limits limits;

static void add(caller *self, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		self->sum = self->sum * 31 + ((const uint8_t *)data)[i];
}

static void on_head(void *owner, const pl_http_response *response, pl_slice raw)
{
	FUZZ_CHECK(response->status >= 200);
	add(owner, raw.at, raw.len);
}

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	caller *self = owner;

	FUZZ_CHECK(len > 0 && self->call);
	add(self, data, len);
	if (self->how & ABORT) {
		pl_call_abort(self->call);
		self->call = NULL;
	} else if (self->how & PAUSE) {
		pl_call_pause(self->call, true);
		self->paused = true;
	}
}

static void on_drain(void *owner)
{
	FUZZ_CHECK(((caller *)owner)->call);
}

static void on_end(void *owner, pl_slice trailers)
{
	caller *self = owner;

	FUZZ_CHECK(self->call);
	add(self, trailers.at, trailers.len);
	self->call = NULL;
	self->ends++;
}

static void on_failed(void *owner, int status, const char *why)
{
	caller *self = owner;

	FUZZ_CHECK(self->call && status < 0 && why);
	self->call = NULL;
	self->status = status;
}

static const pl_call_events events = {
	.head = on_head, .data = on_data, .drain = on_drain, .end = on_end, .failed = on_failed
};

static void begin(caller *self)
{
	const pl_call_request request = { .method = self->how & HEAD   ? PL_SLICE("HEAD")
						    : self->how & POST ? PL_SLICE("POST")
								       : PL_SLICE("GET"),
					  .target = PL_SLICE("/"),
					  .host = PL_SLICE("a"),
					  .length = self->how & POST ? PL_CALL_UNKNOWN
								     : PL_CALL_NO_BODY };
	const pl_call_order order = {
		.request = &request, .limits = &limits, .events = &events, .owner = self
	};

	self->paused = false;
	FUZZ_CHECK(pl_call_http1_begin(&self->call, self->session, &order) == PL_OK);
}

static void on_idle(void *owner)
{
	FUZZ_CHECK(pl_call_http1_ready(((caller *)owner)->session));
}

static void on_closed(void *owner)
{
	((caller *)owner)->session = NULL;
}

static void turn(caller *self)
{
	if (self->call && self->paused) {
		self->paused = false;
		pl_call_pause(self->call, false);
	}
	if (self->call && self->how & POST && pl_call_write(self->call, "abc", 3) < 0)
		self->how &= (uint8_t)~POST;
	pl_loop_turn(loop);
	if (self->how & BLOCK)
		pl_memory_open(&self->memory, 64);
	if (self->how & AGAIN && self->session && pl_call_http1_ready(self->session))
		begin(self);
	pl_loop_turn(loop);
}

static void feed(caller *self, const uint8_t *data, size_t len)
{
	for (int i = 0; i < TURNS && !self->memory.stream.closing; i++) {
		if (pl_memory_feed(&self->memory, data, len))
			return;
		turn(self);
	}
}

static void start(caller *self, uint8_t how)
{
	static const pl_call_http1_events session_events = { .idle = on_idle, .closed = on_closed };

	memset(self, 0, sizeof(*self));
	self->how = how;
	pl_memory_init(&self->memory, loop);
	if (how & BLOCK)
		self->memory.room = 64;
	FUZZ_CHECK(pl_call_http1_start(&self->session, &self->memory.stream, &session_events,
				       self) == PL_OK);
	begin(self);
	pl_loop_turn(loop);
}

static void finish(caller *self)
{
	for (int i = 0; i < TURNS && self->memory.stream.paused; i++)
		turn(self);
	if (self->session && !self->memory.stream.paused)
		pl_memory_end(&self->memory);
	self->how &= (uint8_t)~AGAIN;
	turn(self);
	if (self->session)
		pl_call_http1_close(self->session);
	pl_memory_open(&self->memory, SIZE_MAX);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(loop);
	FUZZ_CHECK(!self->session && !self->call);
	pl_memory_deinit(&self->memory);
}

static void run(caller *self, const uint8_t *data, size_t size, uint8_t how)
{
	fuzz_cuts cuts = fuzz_cuts_of(data, size);

	start(self, how);
	for (size_t at = 0, len; at < size; at += len) {
		len = how & CUT ? fuzz_cut(&cuts, size - at) : size - at;
		feed(self, data + at, len);
		if (how & (AGAIN | POST))
			turn(self);
	}
	/* Brings out what is wrong with a line: that may be said early or at the line's end. */
	feed(self, (const uint8_t *)"\r\n\r\n", 4);
	finish(self);
}

static void prepare(void)
{
	if (loop)
		return;
	FUZZ_CHECK(pl_loop_new(&loop) == PL_OK);
	pl_limits_init(&limits);
	limits.request_line = 64;
	limits.header_block = 512;
	limits.header_count = 6;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	caller whole, pieces;

	if (size < 1)
		return 0;
	prepare();
	run(&whole, data + 1, size - 1, data[0] & HEAD);
	run(&pieces, data + 1, size - 1, (data[0] & HEAD) | CUT);
	FUZZ_CHECK(whole.ends == pieces.ends && whole.status == pieces.status);
	FUZZ_CHECK(whole.ends == 0 || whole.sum == pieces.sum);
	run(&pieces, data + 1, size - 1, data[0]);
	return 0;
}
