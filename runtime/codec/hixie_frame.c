#include "codec/hixie_frame.h"

#include <string.h>

#include "base/status.h"

enum { BETWEEN, ENDED, LENGTH, SKIP };

static int fail(pl_hixie_piece *piece, int status, const char *error)
{
	piece->error = error;
	return status;
}

static int too_big(pl_hixie_piece *piece)
{
	return fail(piece, PL_ETOOBIG, "a frame is longer than limits.message");
}

static int64_t begin(pl_hixie_decoder *decoder, uint8_t type)
{
	*decoder = (pl_hixie_decoder){ .type = type, .state = type < 0x80 ? ENDED : LENGTH };
	return 1;
}

/* What goes on until 0xFF: a text, or what is passed over. */
static int64_t take_ended(pl_hixie_decoder *decoder, size_t limit, const uint8_t *data, size_t len,
			  pl_hixie_piece *piece)
{
	const uint8_t *end = memchr(data, PL_HIXIE_TEXT_END, len);
	size_t taken = end ? (size_t)(end - data) : len;

	if (taken > limit || decoder->length > limit - taken)
		return too_big(piece);
	decoder->length += taken;
	if (end)
		decoder->state = BETWEEN;
	if (decoder->type == PL_HIXIE_TEXT_BEGIN)
		*piece = (pl_hixie_piece){
			.part = PL_HIXIE_TEXT, .text = data, .len = taken, .last = end != NULL
		};
	return (int64_t)(end ? taken + 1 : taken);
}

/* A group of seven bits; the high bit says that another one follows. */
static int64_t take_length(pl_hixie_decoder *decoder, size_t limit, uint8_t group,
			   pl_hixie_piece *piece)
{
	if (decoder->groups++ == PL_HIXIE_LENGTH_MAX)
		return fail(piece, PL_EPROTO, "the length of a frame has too many bytes");
	/* Nine groups fit into 63 bits. */
	decoder->length = decoder->length << 7 | (group & 0x7F);
	if (decoder->length > limit)
		return too_big(piece);
	if (group & 0x80)
		return 1;
	decoder->state = decoder->length > 0 ? SKIP : BETWEEN;
	if (decoder->length == 0 && decoder->type == PL_HIXIE_CLOSING)
		piece->part = PL_HIXIE_CLOSE;
	return 1;
}

static int64_t skip(pl_hixie_decoder *decoder, size_t len)
{
	size_t taken = len < decoder->length ? len : decoder->length;

	decoder->length -= taken;
	if (decoder->length == 0)
		decoder->state = BETWEEN;
	return (int64_t)taken;
}

int64_t pl_hixie_decode(pl_hixie_decoder *decoder, size_t limit, const uint8_t *data, size_t len,
			pl_hixie_piece *piece)
{
	*piece = (pl_hixie_piece){ .part = PL_HIXIE_NOTHING };
	switch (decoder->state) {
	case BETWEEN:
		return begin(decoder, data[0]);
	case ENDED:
		return take_ended(decoder, limit, data, len, piece);
	case LENGTH:
		return take_length(decoder, limit, data[0], piece);
	default:
		return skip(decoder, len);
	}
}

void pl_hixie_encode(uint8_t *out, const void *text, size_t len)
{
	out[0] = PL_HIXIE_TEXT_BEGIN;
	if (len > 0)
		memcpy(out + 1, text, len);
	out[len + 1] = PL_HIXIE_TEXT_END;
}
