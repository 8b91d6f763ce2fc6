#include "unit/codec/bytes.h"

#include <zlib.h>

#include "base/alloc.h"
#include "base/status.h"
#include "http/decoder.h"

#define TEXT "hello, hello, hello, hello"
#define BROTLI                                                                                     \
	"\x1b\x19\x00\xf8\x8d\x94\x6e\xde\x44\x09\x52\x86\x96\x6c\x2c\x6f\x31\x4f\x24\xb0\xe3\x00"
/* 16 MiB of zeros. */
#define BOMB "\x9f\xff\xff\xff\xf8\x27\x00\xe2\xb1\x40\x20\xf7\xfe\x1f"

enum { ZLIB = 15, GZIP = 15 + 16, BARE = -15, ROOM = 4096 };

typedef struct sample {
	enum pl_decoder_coding coding;
	uint8_t bytes[256];
	size_t len;
	const char *text;
} sample;

static size_t deflated(uint8_t *out, size_t room, const void *text, size_t len, int window)
{
	z_stream stream = { .next_in = (uint8_t *)(uintptr_t)text, .avail_in = (unsigned)len };

	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_out = out;
	stream.avail_out = (unsigned)room;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return room - stream.avail_out;
}

static sample zlib_sample(enum pl_decoder_coding coding, int window, const char *text)
{
	sample made = { .coding = coding, .text = text };

	made.len = deflated(made.bytes, sizeof(made.bytes), text, strlen(text), window);
	return made;
}

static size_t samples(sample out[8])
{
	size_t second;

	out[0] = zlib_sample(PL_DECODER_GZIP, GZIP, TEXT);
	out[1] = zlib_sample(PL_DECODER_DEFLATE, ZLIB, TEXT);
	out[2] = zlib_sample(PL_DECODER_DEFLATE, BARE, TEXT);
	out[3] = (sample){ .coding = PL_DECODER_BR, .len = sizeof(BROTLI) - 1, .text = TEXT };
	memcpy(out[3].bytes, BROTLI, sizeof(BROTLI) - 1);
	out[4] = zlib_sample(PL_DECODER_GZIP, GZIP, "");
	out[5] = zlib_sample(PL_DECODER_DEFLATE, BARE, "");
	out[6] = (sample){ .coding = PL_DECODER_BR, .bytes = { 0x3b }, .len = 1, .text = "" };
	out[7] = zlib_sample(PL_DECODER_GZIP, GZIP, TEXT); /* two members */
	second = deflated(out[7].bytes + out[7].len, 100, "!", 1, GZIP);
	out[7].len += second;
	out[7].text = TEXT "!";
	return 8;
}

/* Gives bytes in pieces of `step`, takes them by `room`; the outcome is in `out`. */
static int decode(pl_decoder *decoder, const uint8_t *bytes, size_t len, size_t step, size_t room,
		  char out[ROOM])
{
	size_t total = 0;
	int status = PL_OK;

	for (size_t at = 0; at < len && !status;) {
		size_t piece = len - at < step ? len - at : step;
		char *copy = bytes_copy(bytes + at, piece);
		pl_slice in = pl_slice_make(copy, piece);
		size_t made;

		at += piece;
		do {
			uint8_t *exact = malloc(room);

			assert_non_null(exact);
			made = room;
			status = pl_decoder_run(decoder, &in, exact, &made);
			assert_true(made <= room && total + made < ROOM);
			memcpy(out + total, exact, made);
			total += made;
			free(exact);
		} while (!status && made == room);
		assert_true(status || in.len == 0);
		free(copy);
	}
	out[total] = '\0';
	return status;
}

static void every_cut_and_room_give_the_same(void **state)
{
	static const size_t rooms[] = { 1, 3, 1000 };
	sample all[8];
	size_t count = samples(all);
	char out[ROOM];

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t step = 1; step <= all[i].len; step++)
			for (size_t room = 0; room < COUNT(rooms); room++) {
				pl_decoder *decoder;

				assert_int_equal(pl_decoder_new(&decoder, all[i].coding), PL_OK);
				assert_true(pl_decoder_whole(decoder));
				assert_int_equal(decode(decoder, all[i].bytes, all[i].len, step,
							rooms[room], out),
						 PL_OK);
				assert_string_equal(out, all[i].text);
				assert_true(pl_decoder_whole(decoder));
				pl_decoder_free(decoder);
			}
}

static void a_part_is_not_whole(void **state)
{
	sample all[8];
	size_t first;
	char out[ROOM];

	(void)state;
	samples(all);
	first = all[0].len; /* the first member of all[7] */
	for (size_t i = 0; i < 8; i++)
		for (size_t len = 1; len < all[i].len; len++) {
			pl_decoder *decoder;

			assert_int_equal(pl_decoder_new(&decoder, all[i].coding), PL_OK);
			assert_int_equal(decode(decoder, all[i].bytes, len, len, 100, out), PL_OK);
			assert_int_equal(pl_decoder_whole(decoder), i == 7 && len == first);
			assert_memory_equal(out, all[i].text, strlen(out));
			pl_decoder_free(decoder);
		}
}

static void what_stands_behind_is_refused(void **state)
{
	sample all[8];
	size_t count = samples(all);
	char out[ROOM];

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t step = 1; step <= all[i].len + 1; step++) {
			pl_decoder *decoder;

			all[i].bytes[all[i].len] = 'x';
			assert_int_equal(pl_decoder_new(&decoder, all[i].coding), PL_OK);
			assert_int_equal(
				decode(decoder, all[i].bytes, all[i].len + 1, step, 100, out),
				i == 0 || i == 4 || i == 7 ? PL_OK : PL_EPROTO);
			/* gzip may go on with another member, which this is not */
			assert_false(pl_decoder_whole(decoder) && all[i].coding == PL_DECODER_GZIP);
			pl_decoder_free(decoder);
		}
}

static void what_is_broken_is_refused(void **state)
{
	static const struct {
		enum pl_decoder_coding coding;
		pl_slice bytes;
	} rows[] = {
		{ PL_DECODER_GZIP, BYTES("hello") },
		{ PL_DECODER_GZIP, BYTES("\x1f\x8c\x08") },
		{ PL_DECODER_GZIP, BYTES("\x78\x9c\x03\x00\x00\x00\x00\x01") },
		{ PL_DECODER_DEFLATE, BYTES("\x1f\x8b\x08\x00\x00\x00\x00\x00") },
		{ PL_DECODER_DEFLATE, BYTES("\xff\xff\xff") },
		{ PL_DECODER_DEFLATE, BYTES("\x78\xbb\x03\x00\x03\x00") }, /* a dictionary */
		{ PL_DECODER_BR, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff") },
	};
	sample all[8];
	pl_decoder *decoder;
	char out[ROOM];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(pl_decoder_new(&decoder, rows[i].coding), PL_OK);
		assert_int_equal(decode(decoder, (const uint8_t *)rows[i].bytes.at,
					rows[i].bytes.len, 100, 100, out),
				 PL_EPROTO);
		assert_int_equal(decode(decoder, (const uint8_t *)"x", 1, 1, 100, out), PL_EPROTO);
		pl_decoder_free(decoder);
	}
	samples(all); /* the sums at the end */
	for (size_t i = 0; i < 2; i++) {
		all[i].bytes[all[i].len - 1] ^= 1;
		assert_int_equal(pl_decoder_new(&decoder, all[i].coding), PL_OK);
		assert_int_equal(decode(decoder, all[i].bytes, all[i].len, 100, 100, out),
				 PL_EPROTO);
		pl_decoder_free(decoder);
	}
}

/* No more is made than there is room for, whatever the input would give. */
static void bombs_are_made_as_asked_for(void **state)
{
	static uint8_t room[65536];
	pl_slice in = pl_slice_make(BOMB, sizeof(BOMB) - 1);
	pl_decoder *decoder;
	size_t total = 0, made;

	(void)state;
	assert_int_equal(pl_decoder_new(&decoder, PL_DECODER_BR), PL_OK);
	do {
		made = sizeof(room);
		assert_int_equal(pl_decoder_run(decoder, &in, room, &made), PL_OK);
		total += made;
	} while (made == sizeof(room));
	assert_int_equal(total, 1 << 24);
	assert_true(pl_decoder_whole(decoder));
	pl_decoder_free(decoder);
}

static void codings_have_names(void **state)
{
	static const struct {
		const char *name;
		int coding; /* -1: unknown */
	} rows[] = { { "gzip", PL_DECODER_GZIP },
		     { "X-GZip", PL_DECODER_GZIP },
		     { "deflate", PL_DECODER_DEFLATE },
		     { "BR", PL_DECODER_BR },
		     { "identity", PL_DECODER_IDENTITY },
		     { "", PL_DECODER_IDENTITY },
		     { "gzip, br", -1 },
		     { "zstd", -1 },
		     { "gzi", -1 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum pl_decoder_coding coding = PL_DECODER_IDENTITY;
		bool known =
			pl_decoder_find(&coding, pl_slice_make(rows[i].name, strlen(rows[i].name)));

		assert_int_equal(known, rows[i].coding >= 0);
		assert_int_equal(coding, known ? rows[i].coding : PL_DECODER_IDENTITY);
	}
}

static void every_allocation_may_fail(void **state)
{
	sample all[8];
	int64_t live = pl_alloc_live();
	char out[ROOM];

	(void)state;
	samples(all);
	for (size_t i = 0; i < 4; i++) {
		int status = PL_ENOMEM;

		for (uint64_t nth = 1; status; nth++) {
			pl_decoder *decoder;

			pl_alloc_fail_at(nth);
			status = pl_decoder_new(&decoder, all[i].coding);
			if (!status) {
				status = decode(decoder, all[i].bytes, all[i].len, 5, 100, out);
				pl_decoder_free(decoder);
			}
			pl_alloc_fail_at(0);
			assert_true(status == PL_OK || status == PL_ENOMEM);
			assert_int_equal(pl_alloc_live(), live);
			assert_true(nth < 50);
		}
		assert_string_equal(out, TEXT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_and_room_give_the_same),
		cmocka_unit_test(a_part_is_not_whole),
		cmocka_unit_test(what_stands_behind_is_refused),
		cmocka_unit_test(what_is_broken_is_refused),
		cmocka_unit_test(bombs_are_made_as_asked_for),
		cmocka_unit_test(codings_have_names),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
