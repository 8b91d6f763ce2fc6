#include "ws/ws_opening.h"

#include "base/alloc.h"
#include "base/status.h"
#include "net/tls.h"

struct pl_ws_opening {
	pl_ws_opening_settings settings;
	pl_stream *stream;
	pl_timer timer;
	pl_buffer input; /* an answer that is not whole yet */
	size_t scanned;	 /* bytes of it that have been looked at */
	size_t passed;	 /* bytes of informational responses before it */
	bool ended;	 /* `done` was called, or is not wanted */
	pl_http_response response;
};

static void release(pl_ws_opening *self)
{
	pl_loop_stop_timer(self->stream->loop, &self->timer);
	pl_buffer_deinit(&self->input);
	pl_free(self);
}

/* The receiver may cancel within `done`. */
static void tell(pl_ws_opening *self, int status, const pl_ws_opened *opened)
{
	if (self->ended)
		return;
	self->ended = true;
	pl_loop_stop_timer(self->stream->loop, &self->timer);
	self->settings.done(self->settings.owner, status, opened);
}

/* The stream's `closed` frees. */
static void fail_with(pl_ws_opening *self, int status, const pl_ws_opened *opened)
{
	pl_stream *stream = self->stream;

	tell(self, status, opened);
	if (!stream->closing)
		pl_stream_abort(stream, status);
}

static void fail(pl_ws_opening *self, int status, const char *why)
{
	const pl_ws_opened opened = { .why = why };

	fail_with(self, status, &opened);
}

static void on_timer(pl_timer *timer)
{
	fail(PL_CONTAINER(timer, pl_ws_opening, timer), PL_ETIMEDOUT,
	     "the server does not answer the handshake in time");
}

/* `opened` may point into `input`, which outlives `done` with it. */
static void hand_on(pl_ws_opening *self, pl_ws_opened *opened)
{
	opened->stream = self->stream;
	self->ended = true;
	pl_loop_stop_timer(self->stream->loop, &self->timer);
	self->settings.done(self->settings.owner, PL_OK, opened);
	release(self);
}

/* A whole head, with the bytes behind it. */
static void take_answer(pl_ws_opening *self, pl_slice head, uint8_t *rest, size_t len)
{
	const pl_http_response *response = &self->response;
	pl_ws_opened opened = { .response = response, .head = head, .rest = rest, .len = len };
	int status;

	if (response->status != 101) {
		opened.why = "the server does not open a WebSocket here";
		fail_with(self, PL_ENOTSUP, &opened);
		return;
	}
	status = response->minor == 0 ? PL_EPROTO
				      : pl_ws_call_check(&opened.called, self->settings.call,
							 response->fields, response->field_count);
	if (status) {
		opened.why = opened.called.error ? opened.called.error
						 : "the handshake cannot be checked";
		if (response->minor == 0)
			opened.why = "the server answers with HTTP/1.0";
		fail_with(self, status, &opened);
	} else {
		hand_on(self, &opened);
	}
}

static bool is_informational(const pl_http_response *response)
{
	return response->status < 200 && response->status != 101;
}

/* Looks at what is there; false when the opening is over. *used: bytes that are done with. */
static bool look(pl_ws_opening *self, uint8_t *data, size_t len, size_t *used)
{
	const pl_limits *limits = self->settings.limits;
	size_t block = (size_t)limits->header_block;
	pl_http_rules rules = { .max_line = (size_t)limits->request_line,
				.max_block = block,
				.max_fields = (size_t)limits->header_count };
	int result;

	*used = 0;
	for (;;) {
		char *head = (char *)data + *used;

		result = pl_http_response_decode(&self->response, &rules, head, len - *used,
						 self->scanned);
		if (result <= 0)
			break;
		self->scanned = 0;
		*used += (size_t)result;
		if (!is_informational(&self->response)) {
			take_answer(self, pl_slice_make(head, (size_t)result), data + *used,
				    len - *used);
			return false;
		}
		self->passed += (size_t)result;
		if (self->passed > block) {
			fail(self, PL_ELIMIT, "the server sends too many informational responses");
			return false;
		}
	}
	if (result < 0) {
		fail(self, result, self->response.error);
		return false;
	}
	self->scanned = len - *used;
	return true;
}

static void on_data(void *owner, uint8_t *data, size_t len)
{
	pl_ws_opening *self = owner;
	bool fresh = self->input.len == 0;
	size_t used;

	if (self->ended)
		return;
	if (!fresh && pl_buffer_append(&self->input, data, len)) {
		fail(self, PL_ENOMEM, "out of memory");
		return;
	}
	if (!look(self, fresh ? data : self->input.data, fresh ? len : self->input.len, &used))
		return;
	if (!fresh)
		pl_buffer_consume(&self->input, used);
	else if (pl_buffer_append(&self->input, data + used, len - used))
		fail(self, PL_ENOMEM, "out of memory");
}

static void on_end(void *owner)
{
	fail(owner, PL_ECLOSED, "the server ended the connection without an answer");
}

static void on_drain(void *owner)
{
	(void)owner;
}

static void on_closed(void *owner, int status)
{
	pl_ws_opening *self = owner;
	const char *failure = pl_tls_failure(self->stream);
	const pl_ws_opened opened = {
		.why = failure ? failure : "the connection ended within the handshake"
	};

	tell(self, status ? status : PL_ECLOSED, &opened);
	release(self);
}

static const pl_stream_events stream_events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

int pl_ws_opening_start(pl_ws_opening **opening, pl_stream *stream,
			const pl_ws_opening_settings *settings)
{
	pl_ws_opening *self = pl_calloc(1, sizeof(*self));
	pl_buffer request = { 0 };
	int status;

	if (!self)
		return PL_ENOMEM;
	status = pl_ws_call_encode(settings->call, &request);
	if (!status)
		status = pl_stream_write(stream, request.data, request.len);
	pl_buffer_deinit(&request);
	if (status) {
		pl_free(self);
		return status;
	}
	self->settings = *settings;
	self->stream = stream;
	pl_timer_init(&self->timer, on_timer);
	pl_stream_own(stream, &stream_events, self);
	pl_stream_resume(stream);
	pl_loop_start(stream->loop, &self->timer, settings->timeout);
	*opening = self;
	return PL_OK;
}

void pl_ws_opening_cancel(pl_ws_opening *self)
{
	self->ended = true;
	pl_loop_stop_timer(self->stream->loop, &self->timer);
	if (!self->stream->closing)
		pl_stream_abort(self->stream, PL_ECANCELED);
}
