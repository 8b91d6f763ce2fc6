/* multipart_fuzz.c - multipart/form-data: the same parts, bytes and error whole and in pieces; and
 * what safe names are made of. The first line of the input is the Content-Type's parameters. */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/file_name.h"
#include "codec/multipart.h"

enum { MAX_HEAD = 256, MAX_PARTS = 8 };

typedef struct outcome {
	pl_multipart codec;
	char *rest;
	size_t rest_len;
	ptrdiff_t status;
	fuzz_cuts sum;
} outcome;

static void add(outcome *out, const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out->sum.state = out->sum.state * 31 + (uint8_t)at[i];
}

static void add_text(outcome *out, pl_slice text)
{
	char *room = fuzz_copy(text.at, text.len);
	char name[PL_FILE_NAME_MAX];
	size_t len = pl_multipart_text(room, text);

	FUZZ_CHECK(len <= text.len);
	add(out, room, len);
	len = pl_file_name_safe(name, pl_slice_make(room, len));
	FUZZ_CHECK(len <= PL_FILE_NAME_MAX && pl_file_name_valid(pl_slice_make(name, len)));
	free(room);
}

static void add_piece(outcome *out, const pl_multipart_piece *piece)
{
	if (piece->kind == PL_MULTIPART_PART) {
		add(out, "P", 1);
		add_text(out, piece->part.name);
		add_text(out, piece->part.filename);
		add_text(out, piece->part.content_type);
	} else if (piece->kind == PL_MULTIPART_DATA) {
		add(out, piece->data.at, piece->data.len);
	} else if (piece->kind == PL_MULTIPART_PART_ENDS) {
		add(out, "E", 1);
	}
}

static void decode(outcome *out, const uint8_t *data, size_t len)
{
	size_t size = out->rest_len + len, at = 0;
	char *copy = malloc(size + 1);
	char *exact;

	FUZZ_CHECK(copy);
	if (out->rest_len > 0)
		memcpy(copy, out->rest, out->rest_len);
	memcpy(copy + out->rest_len, data, len);
	exact = fuzz_copy(copy, size);
	do {
		pl_multipart_piece piece;

		out->status = pl_multipart_decode(&out->codec, exact + at, size - at, &piece);
		FUZZ_CHECK(out->status <= (ptrdiff_t)(size - at));
		if (out->status < 0)
			break;
		FUZZ_CHECK(fuzz_within(piece.data, pl_slice_make(exact + at, size - at)));
		add_piece(out, &piece);
		at += (size_t)out->status;
	} while (out->status > 0);
	free(copy);
	free(out->rest);
	out->rest_len = size - at;
	FUZZ_CHECK(out->status < 0 || out->rest_len <= MAX_HEAD + 256);
	out->rest = fuzz_copy(exact + at, out->rest_len);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_cuts cuts = fuzz_cuts_of(data, size);
	outcome whole = { 0 }, pieces = { 0 };
	size_t line = pl_slice_find(pl_slice_make((const char *)data, size), '\n');
	char type[128] = "multipart/form-data;";
	size_t len = line < 100 ? line : 100;

	if (line == size)
		return 0;
	memcpy(type + 20, data, len);
	if (pl_multipart_init(&whole.codec, pl_slice_make(type, 20 + len)))
		return 0;
	whole.codec.max_head = MAX_HEAD;
	whole.codec.max_parts = MAX_PARTS;
	pieces.codec = whole.codec;
	data += line + 1;
	size -= line + 1;
	decode(&whole, data, size);
	for (size_t at = 0; at < size && pieces.status >= 0; at += len) {
		len = fuzz_cut(&cuts, size - at);
		decode(&pieces, data + at, len);
	}
	FUZZ_CHECK((whole.status < 0) == (pieces.status < 0));
	FUZZ_CHECK(whole.codec.error == pieces.codec.error);
	FUZZ_CHECK(whole.codec.parts == pieces.codec.parts);
	FUZZ_CHECK(whole.sum.state == pieces.sum.state);
	FUZZ_CHECK(pl_multipart_done(&whole.codec) == pl_multipart_done(&pieces.codec));
	free(whole.rest);
	free(pieces.rest);
	return 0;
}
