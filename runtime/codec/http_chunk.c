#include "codec/http_chunk.h"

#include "base/status.h"
#include "codec/http_char.h"

/* The transitions below are the grammar of RFC 9112 7.1 and 7.1.1, a byte a step. */
enum kind {
	CONTROL,
	HEX, /* a tchar too */
	TOKEN,
	BLANK,
	SEMICOLON,
	EQUALS,
	QUOTE,
	BACKSLASH,
	COLON,
	CR,
	LF,
	TEXT, /* anything else that may stand in a field value */
	KINDS
};

enum state {
	START, /* of the first chunk's size */
	NEXT,  /* of a later chunk's size */
	SIZE,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	EXTENSION,
	EXTENSION_NAME,
	EXTENSION_NAME_END,
	EXTENSION_VALUE,
	EXTENSION_TOKEN,
	EXTENSION_QUOTED,
	EXTENSION_ESCAPED,
	EXTENSION_QUOTED_END,
	EXTENSION_END,
	TRAILER,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF,
	DONE,
	STATES
};

#define WORD(next) [HEX] = (next), [TOKEN] = (next)
#define TEXTUAL(next)                                                                              \
	WORD(next), [BLANK] = (next), [SEMICOLON] = (next), [EQUALS] = (next), [COLON] = (next),   \
		    [TEXT] = (next)

/* clang-format off */
/* 0 where the byte is not allowed: nothing leads back to START. */
static const uint8_t transitions[STATES][KINDS] = {
	[START] = { [HEX] = SIZE },
	[NEXT] = { [HEX] = SIZE },
	[SIZE] = { [HEX] = SIZE, [BLANK] = EXTENSION_END, [SEMICOLON] = EXTENSION, [CR] = SIZE_LF },
	[SIZE_LF] = { [LF] = DATA },
	[DATA_CR] = { [CR] = DATA_LF },
	[DATA_LF] = { [LF] = NEXT },

	[EXTENSION] = { WORD(EXTENSION_NAME), [BLANK] = EXTENSION },
	[EXTENSION_NAME] = { WORD(EXTENSION_NAME), [BLANK] = EXTENSION_NAME_END,
		[EQUALS] = EXTENSION_VALUE, [SEMICOLON] = EXTENSION, [CR] = SIZE_LF },
	[EXTENSION_NAME_END] = { [BLANK] = EXTENSION_NAME_END, [EQUALS] = EXTENSION_VALUE,
		[SEMICOLON] = EXTENSION },
	[EXTENSION_VALUE] = { WORD(EXTENSION_TOKEN), [BLANK] = EXTENSION_VALUE,
		[QUOTE] = EXTENSION_QUOTED },
	[EXTENSION_TOKEN] = { WORD(EXTENSION_TOKEN), [BLANK] = EXTENSION_END,
		[SEMICOLON] = EXTENSION, [CR] = SIZE_LF },
	[EXTENSION_QUOTED] = { TEXTUAL(EXTENSION_QUOTED), [BACKSLASH] = EXTENSION_ESCAPED,
		[QUOTE] = EXTENSION_QUOTED_END },
	[EXTENSION_ESCAPED] = { TEXTUAL(EXTENSION_QUOTED), [BACKSLASH] = EXTENSION_QUOTED,
		[QUOTE] = EXTENSION_QUOTED },
	[EXTENSION_QUOTED_END] = { [BLANK] = EXTENSION_END, [SEMICOLON] = EXTENSION, [CR] = SIZE_LF },
	[EXTENSION_END] = { [BLANK] = EXTENSION_END, [SEMICOLON] = EXTENSION },

	[TRAILER] = { WORD(TRAILER_NAME), [CR] = LAST_LF },
	[TRAILER_NAME] = { WORD(TRAILER_NAME), [COLON] = TRAILER_VALUE },
	[TRAILER_VALUE] = { TEXTUAL(TRAILER_VALUE), [BACKSLASH] = TRAILER_VALUE,
		[QUOTE] = TRAILER_VALUE, [CR] = TRAILER_LF },
	[TRAILER_LF] = { [LF] = TRAILER },
	[LAST_LF] = { [LF] = DONE },
};
/* clang-format on */

static enum kind classify(char c)
{
	switch (c) {
	case ' ':
	case '\t':
		return BLANK;
	case ';':
		return SEMICOLON;
	case '=':
		return EQUALS;
	case '"':
		return QUOTE;
	case '\\':
		return BACKSLASH;
	case ':':
		return COLON;
	case '\r':
		return CR;
	case '\n':
		return LF;
	}
	if (pl_http_is(c, PL_HTTP_TCHAR))
		return pl_hex_digit(c) >= 0 ? HEX : TOKEN;
	return pl_http_is(c, PL_HTTP_VALUE) ? TEXT : CONTROL;
}

static const char *describe(uint8_t state)
{
	if (state <= SIZE)
		return "malformed chunk size";
	if (state == DATA_CR || state == DATA_LF)
		return "chunk data is not followed by CRLF";
	if (state == SIZE_LF || state == TRAILER_LF || state == LAST_LF)
		return "bare CR in the chunked coding";
	return state < TRAILER ? "malformed chunk extension" : "malformed trailer";
}

static void forgive(pl_http_chunk *chunk)
{
	chunk->overhead = chunk->overhead > PL_HTTP_CHUNK_FORGIVEN
				  ? chunk->overhead - PL_HTTP_CHUNK_FORGIVEN
				  : 0;
}

/* Takes one byte that is not data; returns what is wrong with it, or NULL. */
static const char *step(pl_http_chunk *chunk, char c)
{
	uint8_t next = transitions[chunk->state][classify(c)];

	if (++chunk->overhead > PL_HTTP_CHUNK_OVERHEAD + chunk->data / 8)
		return "too little data for the size of the chunked coding";
	if (next == START)
		return describe(chunk->state);
	if (next == SIZE) {
		if (chunk->left > INT64_MAX >> 4)
			return "chunk size is too large";
		chunk->left = chunk->left << 4 | (unsigned)pl_hex_digit(c);
	}
	if (next == DATA && chunk->left == 0) {
		next = TRAILER;
		chunk->last = true;
	}
	if (next == DATA && chunk->patient)
		forgive(chunk);
	chunk->state = next;
	chunk->done = next == DONE;
	return NULL;
}

ptrdiff_t pl_http_chunk_decode(pl_http_chunk *chunk, const char *buf, size_t len, pl_slice *data)
{
	size_t used = 0, count = 0;
	bool last = chunk->last;

	while (used < len && chunk->state != DATA && !chunk->done && chunk->last == last) {
		chunk->error = step(chunk, buf[used]);
		if (chunk->error)
			return PL_EPROTO;
		used++;
	}
	if (chunk->state == DATA) {
		count = len - used < chunk->left ? len - used : (size_t)chunk->left;
		chunk->left -= count;
		chunk->data += count;
		if (chunk->left == 0)
			chunk->state = DATA_CR;
	}
	*data = pl_slice_make(buf + used, count);
	return (ptrdiff_t)(used + count);
}

size_t pl_http_chunk_encode(char out[PL_HTTP_CHUNK_HEAD_MAX], uint64_t len)
{
	size_t digits = 1;

	while (digits < 16 && len >> (4 * digits) != 0)
		digits++;
	for (size_t i = digits; i-- > 0; len >>= 4)
		out[i] = "0123456789abcdef"[len & 0xF];
	out[digits] = '\r';
	out[digits + 1] = '\n';
	return digits + 2;
}
