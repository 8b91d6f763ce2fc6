#include "http/call_http1_internal.h"

#include "base/status.h"
#include "http/http1_put.h"

enum { HEAD_FIXED = 192 }; /* what a head has besides method, target, host and fields, at most */

/* A method that is about content says that there is none (RFC 9110 8.6). */
static bool content_expected(pl_slice method)
{
	return pl_slice_equal(method, PL_SLICE("POST")) ||
	       pl_slice_equal(method, PL_SLICE("PUT")) || pl_slice_equal(method, PL_SLICE("PATCH"));
}

static char *put_framing(char *at, const pl_call_request *request)
{
	char room[PL_SLICE_DIGITS];

	if (request->length == PL_CALL_UNKNOWN)
		return pl_http1_put_field(at, PL_SLICE("Transfer-Encoding"), PL_SLICE("chunked"));
	if (request->length >= 0)
		return pl_http1_put_field(at, PL_SLICE("Content-Length"),
					  pl_slice_from_u64(room, (uint64_t)request->length));
	if (content_expected(request->method))
		return pl_http1_put_field(at, PL_SLICE("Content-Length"), PL_SLICE("0"));
	return at;
}

/* What is for this connection alone says so (RFC 9110 7.6.1). */
static char *put_connection(char *at, const pl_call_request *request)
{
	bool upgrade = request->upgrade.len > 0;

	if (upgrade)
		at = pl_http1_put_field(at, PL_SLICE("Upgrade"), request->upgrade);
	if (request->trailers)
		at = pl_http1_put_field(at, PL_SLICE("TE"), PL_SLICE("trailers"));
	if (!upgrade && !request->trailers)
		return at;
	return pl_http1_put_field(at, PL_SLICE("Connection"),
				  !upgrade	      ? PL_SLICE("TE")
				  : request->trailers ? PL_SLICE("Upgrade, TE")
						      : PL_SLICE("Upgrade"));
}

static size_t head_size(const pl_call_request *request)
{
	size_t size = HEAD_FIXED + request->method.len + request->target.len + request->host.len +
		      request->upgrade.len;

	for (size_t i = 0; i < request->count; i++)
		size += request->fields[i].name.len + request->fields[i].value.len + 4;
	return size;
}

int pl_call_http1_write_head(pl_call_http1 *self, const pl_call_request *request)
{
	char *out = (char *)pl_stream_reserve(self->stream, head_size(request));
	char *at = out;

	if (!out)
		return self->stream->closing ? PL_ECLOSED : PL_ENOMEM;
	at = pl_http1_put(at, request->method);
	*at++ = ' ';
	at = pl_http1_put(at, request->target);
	at = pl_http1_put(at, PL_SLICE(" HTTP/1.1\r\n"));
	if (!pl_http_field_find(request->fields, request->count, PL_SLICE("host")).at)
		at = pl_http1_put_field(at, PL_SLICE("Host"), request->host);
	for (size_t i = 0; i < request->count; i++)
		at = pl_http1_put_field(at, request->fields[i].name, request->fields[i].value);
	at = put_connection(at, request);
	at = put_framing(at, request);
	at = pl_http1_put(at, PL_SLICE("\r\n"));
	pl_stream_commit(self->stream, (size_t)(at - out));
	return PL_OK;
}

/* The body. */

static int admit(const pl_call_http1 *self, size_t len)
{
	if (self->phase == PL_CALL_CLOSING || self->stream->closing)
		return PL_ECLOSED;
	if (self->stopped)
		return PL_EANSWERED;
	if (self->sent)
		return PL_ESTATE;
	return self->unsent >= 0 && len > (uint64_t)self->unsent ? PL_ETOOBIG : PL_OK;
}

/* Sent in time it is no queue; what then is left makes `drain` come. */
static bool output_full(pl_call_http1 *self)
{
	if (pl_stream_queued(self->stream) >= (size_t)self->limits->high_water)
		pl_stream_flush_now(self->stream);
	return self->stream->blocked;
}

/* A half-written piece cannot be taken back: the stream ends, and with it the call. */
static int checked(pl_call_http1 *self, int status)
{
	if (status && !self->stream->closing)
		pl_stream_abort(self->stream, status);
	return status;
}

static int send_write(pl_call *call, const void *data, size_t len)
{
	pl_call_http1 *self = PL_CONTAINER(call, pl_call_http1, call);
	int status = admit(self, len);

	if (status || len == 0)
		return status;
	status = self->unsent == PL_CALL_UNKNOWN ? pl_http1_write_chunk(self->stream, data, len)
						 : pl_stream_write(self->stream, data, len);
	if (checked(self, status))
		return status;
	if (self->unsent > 0)
		self->unsent -= (int64_t)len;
	call->sent += len;
	self->blocked = output_full(self);
	return self->blocked ? PL_CALL_BLOCKED : PL_OK;
}

static int send_finish(pl_call *call)
{
	pl_call_http1 *self = PL_CONTAINER(call, pl_call_http1, call);
	int status = admit(self, 0);

	if (status)
		return status;
	if (self->unsent > 0)
		return PL_ESTATE;
	if (self->unsent == PL_CALL_UNKNOWN)
		status = checked(self, pl_stream_write(self->stream, "0\r\n\r\n", 5));
	if (status)
		return status;
	self->sent = true;
	self->asked = pl_loop_now(self->stream->loop);
	pl_call_http1_time(self);
	return PL_OK;
}

/* What waits is not for the server any more; how long it takes to take what has begun to leave is
 * no matter, for its answer is timed. */
void pl_call_http1_stop(pl_call_http1 *self)
{
	self->stopped = true;
	self->stream->write_timeout = UINT32_MAX;
	if (self->stream->blocked)
		pl_stream_cut(self->stream);
}

const pl_call_ops pl_call_http1_ops = {
	.write = send_write,
	.finish = send_finish,
	.pause = pl_call_http1_pause,
	.abort = pl_call_http1_abort,
};
