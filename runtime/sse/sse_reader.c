#include "sse/sse_reader.h"

#include <string.h>

#include "base/status.h"
#include "codec/utf8.h"

enum { KEPT_MAX = 64 * 1024 }; /* bytes of a buffer that stay allocated between events */

enum digits { DIGITS_NONE, DIGITS_GOOD, DIGITS_BAD };

void pl_sse_reader_init(pl_sse_reader *reader, const pl_sse_limits *limits)
{
	*reader = (pl_sse_reader){ .limits = *limits };
}

void pl_sse_reader_deinit(pl_sse_reader *reader)
{
	pl_buffer_deinit(&reader->id);
	pl_buffer_deinit(&reader->data);
	pl_buffer_deinit(&reader->type);
	pl_buffer_deinit(&reader->id_line);
	pl_buffer_deinit(&reader->id_next);
	pl_buffer_deinit(&reader->mended);
}

static int refuse(pl_sse_reader *reader, const char *error)
{
	reader->error = error;
	return PL_ELIMIT;
}

static void swap(pl_buffer *a, pl_buffer *b)
{
	pl_buffer old = *a;

	*a = *b;
	*b = old;
}

static void empty(pl_buffer *buffer)
{
	if (buffer->cap > KEPT_MAX)
		pl_buffer_deinit(buffer);
	buffer->len = 0;
}

/* Puts U+FFFD where the text is not UTF-8. */
static int mend(pl_sse_reader *reader, pl_buffer *text)
{
	int status;

	if (pl_utf8_valid(text->data, text->len))
		return PL_OK;
	empty(&reader->mended);
	status = pl_buffer_reserve(&reader->mended, 3 * text->len);
	if (status != PL_OK)
		return status;
	reader->mended.len = pl_utf8_repair(reader->mended.data, text->data, text->len);
	swap(&reader->mended, text);
	return PL_OK;
}

static int add(pl_sse_reader *reader, pl_buffer *to, const char *bytes, size_t len)
{
	if (len > reader->limits.event - reader->data.len - reader->type.len)
		return refuse(reader, "an event is longer than limits.event");
	return pl_buffer_append(to, bytes, len);
}

/* The values of a line follow each other; the last event type of an event counts. */
static int take_type(pl_sse_reader *reader, const pl_sse_piece *piece)
{
	if (!reader->value)
		reader->type.len = 0;
	return add(reader, &reader->type, piece->value.at, piece->value.len);
}

static int take_data(pl_sse_reader *reader, const pl_sse_piece *piece)
{
	int status = add(reader, &reader->data, piece->value.at, piece->value.len);

	return status == PL_OK && piece->end ? add(reader, &reader->data, "\n", 1) : status;
}

/* An id with a NUL is none. */
static int take_id(pl_sse_reader *reader, const pl_sse_piece *piece)
{
	pl_buffer *id = &reader->id_line;
	int status;

	if (!reader->value)
		id->len = 0;
	if (piece->value.len > reader->limits.id - id->len)
		return refuse(reader, "an event's id is longer than limits.id");
	status = pl_buffer_append(id, piece->value.at, piece->value.len);
	if (status != PL_OK || !piece->end || (id->len > 0 && memchr(id->data, 0, id->len)))
		return status;
	status = mend(reader, id);
	if (status == PL_OK) {
		swap(id, &reader->id_next);
		reader->id_changes = true;
	}
	return status;
}

/* Decimal digits only, at least one. */
static void take_retry(pl_sse_reader *reader, const pl_sse_piece *piece)
{
	if (!reader->value) {
		reader->number = 0;
		reader->digits = DIGITS_NONE;
	}
	for (size_t i = 0; i < piece->value.len && reader->digits != DIGITS_BAD; i++) {
		unsigned digit = (unsigned)(unsigned char)piece->value.at[i] - '0';

		reader->digits = digit > 9 ? DIGITS_BAD : DIGITS_GOOD;
		reader->number = reader->number * 10 + digit;
		if (reader->number > UINT32_MAX)
			reader->number = UINT32_MAX;
	}
	if (piece->end && reader->digits == DIGITS_GOOD) {
		reader->retry = (uint32_t)reader->number;
		reader->retries = true;
	}
}

static int take_field(pl_sse_reader *reader, const pl_sse_piece *piece)
{
	switch (piece->kind) {
	case PL_SSE_DATA:
		return take_data(reader, piece);
	case PL_SSE_EVENT:
		return take_type(reader, piece);
	case PL_SSE_ID:
		return take_id(reader, piece);
	case PL_SSE_RETRY:
		take_retry(reader, piece);
		return PL_OK;
	default:
		return PL_OK;
	}
}

static int take_piece(pl_sse_reader *reader, const pl_sse_piece *piece, size_t used)
{
	int status;

	reader->line += used;
	if (reader->line > reader->limits.line)
		return refuse(reader, "a line is longer than limits.line");
	status = take_field(reader, piece);
	reader->value = !piece->end && (reader->value || piece->kind != PL_SSE_NOTHING);
	if (piece->end)
		reader->line = 0;
	return status;
}

/* An empty line. An id counts also without data, a type does not. */
static int dispatch(pl_sse_reader *reader, pl_sse_event *event)
{
	int status;

	if (reader->id_changes)
		swap(&reader->id, &reader->id_next);
	reader->id_changes = false;
	reader->dispatched = true;
	if (reader->data.len == 0)
		return 0;
	reader->data.len--;
	status = mend(reader, &reader->data);
	if (status == PL_OK)
		status = mend(reader, &reader->type);
	event->data = pl_slice_make((char *)reader->data.data, reader->data.len);
	event->type = PL_SLICE("message");
	if (reader->type.len > 0)
		event->type = pl_slice_make((char *)reader->type.data, reader->type.len);
	return status == PL_OK ? 1 : status;
}

static void begin_event(pl_sse_reader *reader)
{
	empty(&reader->data);
	empty(&reader->type);
	empty(&reader->mended);
	reader->dispatched = false;
}

int pl_sse_reader_feed(pl_sse_reader *reader, const char *buf, size_t len, size_t *used,
		       pl_sse_event *event)
{
	pl_sse_piece piece;
	int status = 0;

	*used = 0;
	while (status == 0 && *used < len) {
		size_t count = pl_sse_decode(&reader->codec, buf + *used, len - *used, &piece);

		*used += count;
		if (reader->dispatched)
			begin_event(reader);
		status = take_piece(reader, &piece, count);
		if (status == PL_OK && piece.kind == PL_SSE_DISPATCH)
			status = dispatch(reader, event);
	}
	return status;
}
