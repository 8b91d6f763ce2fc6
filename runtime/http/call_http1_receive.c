#include "http/call_http1_internal.h"

#include "base/status.h"

enum { MAX_SECONDS = 86400 };

/* The head. */

static int decode_head(pl_call_http1 *self, pl_http_response *response, const pl_call_input *input)
{
	const pl_http_rules rules = {
		.max_line = (size_t)self->limits->request_line,
		.max_block = (size_t)self->limits->header_block,
		.max_fields = (size_t)self->limits->header_count,
	};

	return pl_http_response_decode(response, &rules, (const char *)input->at, input->len,
				       self->scanned);
}

/* "timeout=5, max=100" (RFC 2068 19.7.1.1). */
static uint32_t patience_of(const pl_http_response *response)
{
	pl_slice list =
		pl_http_field_find(response->fields, response->field_count, PL_SLICE("keep-alive"));
	const pl_slice name = PL_SLICE("timeout=");
	pl_slice element;
	uint64_t seconds;

	while (list.at && pl_slice_next_element(&list, &element)) {
		if (element.len <= name.len ||
		    !pl_slice_equal_nocase(pl_slice_make(element.at, name.len), name))
			continue;
		if (pl_slice_to_u64(pl_slice_make(element.at + name.len, element.len - name.len),
				    MAX_SECONDS, &seconds))
			return (uint32_t)seconds * 1000;
	}
	return 0;
}

static void frame(pl_call_http1 *self, const pl_http_response *response)
{
	enum pl_http_body body =
		pl_http_response_body(response, self->is_head ? PL_SLICE("HEAD") : PL_SLICE("GET"));

	self->keep_alive = response->keep_alive;
	self->patience = patience_of(response);
	self->left = body == PL_HTTP_BODY_LENGTH ? (uint64_t)response->content_length : 0;
	self->phase = body == PL_HTTP_BODY_CHUNKED	 ? PL_CALL_CHUNKS
		      : body == PL_HTTP_BODY_UNTIL_CLOSE ? PL_CALL_UNTIL_CLOSE
							 : PL_CALL_LENGTH;
}

/* The server has said no before it had all: it will not read the rest (RFC 9112 9.3, 9.5), and who
 * waits to write it is told so. */
static void stop_sending(pl_call_http1 *self)
{
	pl_call_http1_stop(self);
	if (!self->blocked)
		return;
	self->blocked = false;
	self->call.events->drain(self->call.owner);
}

static pl_call_step refuse(pl_call_http1 *self, int status, const char *why)
{
	pl_call_http1_fail(self, status, why);
	return PL_CALL_DONE;
}

/* RFC 9110 7.8: it names the protocol, in the field and as an option of the connection. */
static bool is_change(const pl_call_http1 *self, const pl_http_response *response)
{
	const pl_http_field *fields = response->fields;
	size_t count = response->field_count;

	return self->upgrade && response->minor > 0 &&
	       pl_http_field_find(fields, count, PL_SLICE("upgrade")).len > 0 &&
	       pl_http_field_has(fields, count, PL_SLICE("connection"), PL_SLICE("upgrade"));
}

static pl_call_step change(pl_call_http1 *self, const pl_http_response *response, pl_slice raw,
			   const pl_call_input *rest)
{
	const pl_call_changed changed = { .response = response,
					  .raw = raw,
					  .stream = self->stream,
					  .rest = rest->at,
					  .len = rest->len };

	if (!is_change(self, response))
		return refuse(self, PL_EPROTO,
			      "the server changes the protocol, which was not asked for");
	pl_call_http1_leave(self);
	self->call.events->changed(self->call.owner, &changed);
	return PL_CALL_DONE;
}

static pl_call_step inform(pl_call_http1 *self, const pl_http_response *response)
{
	if (++self->informational > PL_CALL_INFORMATIONAL)
		return refuse(self, PL_ELIMIT, "the server sends too many informational responses");
	if (self->call.events->informed)
		self->call.events->informed(self->call.owner, response);
	return PL_CALL_NEXT;
}

static pl_call_step raise_head(pl_call_http1 *self, const pl_http_response *response, pl_slice raw)
{
	frame(self, response);
	self->call.events->head(self->call.owner, response, raw);
	if (response->status >= 300 && !self->sent && self->phase != PL_CALL_CLOSING)
		stop_sending(self);
	return PL_CALL_NEXT;
}

static pl_call_step receive_head(pl_call_http1 *self, pl_call_input *input)
{
	pl_slice raw = pl_slice_make((const char *)input->at, 0);
	pl_http_response response;
	int used;

	if (input->len == 0)
		return PL_CALL_READ;
	used = decode_head(self, &response, input);
	if (used < 0)
		return refuse(self, used, response.error);
	if (used == 0) {
		self->scanned = input->len;
		return PL_CALL_READ;
	}
	self->scanned = 0;
	raw.len = (size_t)used;
	input->at += used;
	input->len -= raw.len;
	if (response.status == 101)
		return change(self, &response, raw, input);
	if (response.status < 200)
		return inform(self, &response);
	return raise_head(self, &response, raw);
}

/* The body. */

static void raise_data(pl_call_http1 *self, const uint8_t *data, size_t len)
{
	self->call.received += len;
	if (len > 0)
		self->call.events->data(self->call.owner, data, len);
}

static pl_call_step end(pl_call_http1 *self, const pl_call_input *input)
{
	pl_call_http1_end(self, input);
	return PL_CALL_NEXT;
}

static pl_call_step receive_length(pl_call_http1 *self, pl_call_input *input)
{
	size_t len = input->len < self->left ? input->len : (size_t)self->left;
	const uint8_t *data = input->at;

	if (self->left == 0)
		return end(self, input);
	if (len == 0)
		return PL_CALL_READ;
	input->at += len;
	input->len -= len;
	self->left -= len;
	raise_data(self, data, len);
	return PL_CALL_NEXT;
}

static size_t trailer_room(const pl_call_http1 *self)
{
	return (size_t)self->limits->header_block - self->trailers.len;
}

static int keep_trailers(pl_call_http1 *self, const uint8_t *data, size_t len)
{
	if (len > trailer_room(self))
		return PL_ELIMIT;
	return pl_buffer_append(&self->trailers, data, len);
}

static pl_call_step receive_chunks(pl_call_http1 *self, pl_call_input *input)
{
	const uint8_t *start = input->at;
	size_t most = input->len;
	bool last = self->chunk.last;
	ptrdiff_t used;
	pl_slice data;
	int status = PL_OK;

	if (self->chunk.done)
		return end(self, input);
	if (input->len == 0)
		return PL_CALL_READ;
	if (last && most > trailer_room(self))
		most = trailer_room(self) + 1; /* which is one too much */
	used = pl_http_chunk_decode(&self->chunk, (const char *)start, most, &data);
	if (used < 0)
		return refuse(self, PL_EPROTO, self->chunk.error);
	input->at += used;
	input->len -= (size_t)used;
	if (last)
		status = keep_trailers(self, start, (size_t)used);
	if (status)
		return refuse(self, status,
			      status == PL_ELIMIT ? "the response's trailers are too long"
						  : pl_status_text(status));
	raise_data(self, (const uint8_t *)data.at, data.len);
	return PL_CALL_NEXT;
}

static pl_call_step receive_until_close(pl_call_http1 *self, pl_call_input *input)
{
	pl_call_input all = *input;

	if (all.len == 0 && self->peer_ended)
		return end(self, input);
	if (all.len == 0)
		return PL_CALL_READ;
	input->at += all.len;
	input->len = 0;
	raise_data(self, all.at, all.len);
	return PL_CALL_NEXT;
}

/* Whether what is next has to wait for the owner: an end that needs no more input does not. */
static bool waits(const pl_call_http1 *self, const pl_call_input *input)
{
	return self->paused && input->len > 0 &&
	       !(self->phase == PL_CALL_LENGTH && self->left == 0);
}

pl_call_step pl_call_http1_receive(pl_call_http1 *self, pl_call_input *input)
{
	if (waits(self, input))
		return PL_CALL_HOLD;
	switch (self->phase) {
	case PL_CALL_HEAD:
		return receive_head(self, input);
	case PL_CALL_LENGTH:
		return receive_length(self, input);
	case PL_CALL_CHUNKS:
		return receive_chunks(self, input);
	default:
		return receive_until_close(self, input);
	}
}
