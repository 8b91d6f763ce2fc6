#include <string.h>

#include "base/status.h"
#include "lua/lua_http_internal.h"

enum { PIECE = 65536 }; /* what is decoded at a time */

static size_t unread(const pl_lua_call *self)
{
	return self->body.len - self->used;
}

static size_t undecoded(const pl_lua_call *self)
{
	return self->coded.len - self->coded_used;
}

/* Several codings, one on top of the other, are not undone. */
static pl_slice coding_of(const pl_http_response *response)
{
	pl_slice found = pl_slice_make("", 0);

	for (size_t i = 0; i < response->field_count; i++) {
		const pl_http_field *field = &response->fields[i];

		if (!pl_slice_equal_nocase(field->name, PL_SLICE("content-encoding")))
			continue;
		if (found.len > 0)
			return PL_SLICE("several");
		found = field->value;
	}
	return found;
}

int pl_lua_call_begin_body(pl_lua_call *self, const pl_http_response *response)
{
	enum pl_decoder_coding coding;

	if (!self->decode)
		return PL_OK;
	self->unknown = !pl_decoder_find(&coding, coding_of(response));
	if (self->unknown || coding == PL_DECODER_IDENTITY)
		return PL_OK;
	return pl_decoder_new(&self->decoder, coding);
}

/* Drops what was used at the front. */
static void make_room(pl_buffer *buffer, size_t *used)
{
	if (*used > 0)
		pl_buffer_consume(buffer, *used);
	*used = 0;
}

/* No more is taken from the wire than the window and what the reader waits for. */
static void balance(pl_lua_call *self)
{
	size_t waiting = undecoded(self) + unread(self);
	bool full = waiting >= (size_t)self->limits.body_window &&
		    (!self->reader.begun || unread(self) >= self->wanted);

	if (!self->call || self->paused == full)
		return;
	self->paused = full;
	pl_call_pause(self->call, full);
}

static int count(pl_lua_call *self, size_t len)
{
	self->content += len;
	return self->content > self->content_max ? PL_ELIMIT : PL_OK;
}

int pl_lua_call_take(pl_lua_call *self, const uint8_t *data, size_t len)
{
	pl_buffer *to = self->decoder ? &self->coded : &self->body;
	int status = self->unknown ? PL_ENOTSUP : self->decoder ? PL_OK : count(self, len);

	make_room(to, self->decoder ? &self->coded_used : &self->used);
	if (!status)
		status = pl_buffer_append(to, data, len);
	if (!status)
		balance(self);
	return status;
}

/* Decodes a piece. PL_OK, and whether it made or used anything. */
static int decode(pl_lua_call *self, bool *more)
{
	pl_slice in =
		pl_slice_make((const char *)self->coded.data + self->coded_used, undecoded(self));
	size_t before = in.len, len = PIECE;
	int status;

	make_room(&self->body, &self->used);
	status = pl_buffer_reserve(&self->body, PIECE);
	if (status)
		return status;
	status = pl_decoder_run(self->decoder, &in, self->body.data + self->body.len, &len);
	self->body.len += len;
	self->coded_used += before - in.len;
	if (undecoded(self) == 0)
		self->coded.len = self->coded_used = 0;
	*more = len > 0 || before > in.len;
	return status ? status : count(self, len);
}

static size_t goal(const pl_lua_call *self)
{
	return self->wanted > 0 ? self->wanted : 1;
}

const char *pl_lua_call_reason(int status)
{
	switch (status) {
	case PL_EPROTO:
		return "the content is not of its coding";
	case PL_ELIMIT:
		return "the content is too large";
	case PL_ENOTSUP:
		return "the content has a coding that is not known";
	default:
		return pl_status_text(status);
	}
}

/* It cannot go on. What was decoded before is read first, and a failure that was there before it
 * stays the reason. */
static void give_up(pl_lua_call *self, int status)
{
	pl_decoder_free(self->decoder);
	self->decoder = NULL;
	if (!self->status)
		pl_lua_call_break(self, status, pl_lua_call_reason(status));
}

static void decode_enough(pl_lua_call *self)
{
	bool more = true;

	while (self->decoder && more && unread(self) < goal(self)) {
		int status = decode(self, &more);

		if (status)
			give_up(self, status);
	}
}

bool pl_lua_call_readable(pl_lua_call *self)
{
	decode_enough(self);
	if (unread(self) >= goal(self) || self->status || self->ended)
		return true;
	balance(self);
	return false;
}

/* The content has ended: has it, for the decoder? */
static int push_end(lua_State *L, pl_lua_call *self)
{
	if (!self->status && self->decoder && !pl_decoder_whole(self->decoder))
		pl_lua_call_break(self, PL_EPROTO, "the content ends within its coding");
	if (self->status)
		return pl_lua_call_push_failure(L, self);
	lua_pushnil(L);
	return 1;
}

int pl_lua_call_push_piece(lua_State *L, pl_lua_call *self)
{
	size_t len = unread(self);

	if (len == 0)
		return push_end(L, self);
	if (self->wanted > 0 && len > self->wanted)
		len = self->wanted;
	lua_pushlstring(L, (const char *)self->body.data + self->used, len);
	self->used += len;
	if (unread(self) == 0)
		self->body.len = self->used = 0;
	self->wanted = 0;
	balance(self);
	return 1;
}

void pl_lua_call_drop_body(pl_lua_call *self)
{
	pl_decoder_free(self->decoder);
	self->decoder = NULL;
	pl_buffer_deinit(&self->coded);
	pl_buffer_deinit(&self->body);
	self->coded_used = self->used = 0;
}
