#include "http/http1_internal.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

typedef struct head_move {
	const char *from;
	size_t len;
	char *to;
} head_move;

/* The same text in the copied head. What does not lie in the head (NULL, a constant) stays. */
static pl_slice moved(const head_move *move, pl_slice slice)
{
	uintptr_t offset = (uintptr_t)slice.at - (uintptr_t)move->from;

	return offset <= move->len ? pl_slice_make(move->to + offset, slice.len) : slice;
}

static void move_request(pl_http1_exchange *exchange, const pl_http_request *from,
			 const head_move *move)
{
	pl_exchange_request *to = &exchange->request;

	to->method = moved(move, from->method);
	to->target = moved(move, from->target);
	to->path = moved(move, from->path);
	to->query = moved(move, from->query);
	to->host = moved(move, from->host);
	to->raw.at = to->method.at; /* an empty line in front is not part of it */
	to->raw.len = (size_t)(move->to + move->len - to->raw.at);
	to->minor = from->minor;
	to->chunked = from->chunked;
	to->content_length = from->content_length;
	to->field_count = from->field_count;
	to->fields = exchange->fields;
	for (size_t i = 0; i < from->field_count; i++) {
		pl_slice name = from->fields[i].name;

		exchange->fields[i].name = moved(move, name);
		/* An absolute target's authority replaces that of the field (RFC 9112 3.2.2). */
		exchange->fields[i].value = pl_slice_equal_nocase(name, PL_SLICE("host"))
						    ? to->host
						    : moved(move, from->fields[i].value);
	}
}

pl_http1_exchange *pl_http1_exchange_new(pl_http1 *http1, const pl_http_request *request,
					 const char *head, size_t len)
{
	size_t fields = request->field_count * sizeof(pl_http_field);
	pl_http1_exchange *exchange = pl_alloc(sizeof(*exchange) + fields + len);
	head_move move = { head, len, NULL };

	if (!exchange)
		return NULL;
	memset(exchange, 0, sizeof(*exchange));
	move.to = (char *)exchange->fields + fields;
	memcpy(move.to, head, len);
	move_request(exchange, request, &move);
	exchange->base.ops = &pl_http1_exchange_ops;
	exchange->base.loop = http1->stream->loop;
	exchange->base.request = &exchange->request;
	exchange->http1 = http1;
	exchange->keep_alive = request->keep_alive;
	exchange->left = request->content_length > 0 ? (uint64_t)request->content_length : 0;
	exchange->expect_continue = request->expect_continue && !pl_http1_body_whole(exchange);
	exchange->patience = (uint64_t)http1->settings->limits->body_timeout;
	pl_http1_body_resume(exchange);
	return exchange;
}

bool pl_http1_body_whole(const pl_http1_exchange *exchange)
{
	return exchange->request.chunked ? exchange->chunk.done : exchange->left == 0;
}

bool pl_http1_body_excess(const pl_http1_exchange *exchange)
{
	return exchange->discarded + exchange->left > PL_HTTP1_DISCARD;
}

static void hand_on(pl_http1_exchange *exchange, const void *data, size_t len)
{
	if (len == 0)
		return;
	if (exchange->ended)
		exchange->discarded += len;
	else
		exchange->base.events->data(exchange->base.owner, &exchange->base, data, len);
}

static void use(pl_http1_exchange *exchange, pl_http1_input *input, size_t len)
{
	uint64_t timeout = (uint64_t)exchange->http1->settings->limits->body_timeout;
	uint64_t patience = pl_http1_body_patience(exchange) + len * PL_HTTP1_BODY_BYTE;

	input->at += len;
	input->len -= len;
	exchange->patience = patience < timeout ? patience : timeout;
	/* Who sends the body does not wait for permission any more (RFC 9110 10.1.1). */
	exchange->expect_continue = false;
}

/* Between pieces a receiver can pause, so that it is never given a whole read. */
static size_t piece_size(const pl_http1_input *input)
{
	return input->len < PL_EXCHANGE_PIECE ? input->len : PL_EXCHANGE_PIECE;
}

static pl_http1_step read_sized(pl_http1_exchange *exchange, pl_http1_input *input)
{
	const uint8_t *data = input->at;
	size_t len = piece_size(input);

	if (len > exchange->left)
		len = (size_t)exchange->left;
	use(exchange, input, len);
	exchange->left -= len;
	hand_on(exchange, data, len);
	return PL_HTTP1_NEXT;
}

static pl_http1_step read_chunked(pl_http1_exchange *exchange, pl_http1_input *input)
{
	pl_slice data;
	ptrdiff_t used = pl_http_chunk_decode(&exchange->chunk, (const char *)input->at,
					      piece_size(input), &data);

	if (used < 0) {
		pl_http1_fail_body(exchange->http1, PL_EPROTO, 400, exchange->chunk.error);
		return PL_HTTP1_DONE;
	}
	use(exchange, input, (size_t)used);
	hand_on(exchange, data.at, data.len);
	return PL_HTTP1_NEXT;
}

static pl_http1_step await_more(pl_http1_exchange *exchange)
{
	const pl_exchange_events *events = exchange->base.events;

	if (!exchange->ended && events->starved) {
		events->starved(exchange->base.owner, &exchange->base);
		if (exchange->ended || exchange->http1->closing)
			return PL_HTTP1_NEXT;
		if (exchange->paused)
			return PL_HTTP1_HOLD;
	}
	pl_http1_continue(exchange);
	return PL_HTTP1_READ;
}

pl_http1_step pl_http1_read_body(pl_http1_exchange *exchange, pl_http1_input *input)
{
	if (exchange->paused && !exchange->ended)
		return PL_HTTP1_HOLD;
	if (pl_http1_body_whole(exchange)) {
		exchange->base.received = true;
		if (!exchange->ended)
			exchange->base.events->end(exchange->base.owner, &exchange->base);
		return PL_HTTP1_NEXT;
	}
	if (input->len == 0)
		return await_more(exchange);
	if (exchange->request.chunked)
		return read_chunked(exchange, input);
	return read_sized(exchange, input);
}

uint64_t pl_http1_body_patience(pl_http1_exchange *exchange)
{
	uint64_t now = pl_loop_now(exchange->base.loop);
	uint64_t spent = now - exchange->since;

	exchange->since = now;
	exchange->patience = exchange->patience > spent ? exchange->patience - spent : 0;
	return exchange->patience;
}

void pl_http1_body_resume(pl_http1_exchange *exchange)
{
	exchange->since = pl_loop_now(exchange->base.loop);
}
