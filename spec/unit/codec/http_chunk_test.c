#include "bytes.h"

#include "base/status.h"
#include "codec/http_chunk.h"

#define SIZE "malformed chunk size"
#define LARGE "chunk size is too large"
#define DATA "chunk data is not followed by CRLF"
#define BARE "bare CR in the chunked coding"
#define EXTENSION "malformed chunk extension"
#define TRAILER "malformed trailer"

#define REST "GET / HTTP/1.1\r\n"

static const struct {
	pl_slice bytes; /* a whole coding; REST comes behind it */
	pl_slice body;
} taken[] = {
	{ BYTES("0\r\n\r\n"), BYTES("") },
	{ BYTES("000\r\n\r\n"), BYTES("") },
	{ BYTES("5\r\nhello\r\n0\r\n\r\n"), BYTES("hello") },
	{ BYTES("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"), BYTES("abcdef") },
	{ BYTES("a\r\n0123456789\r\n0\r\n\r\n"), BYTES("0123456789") },
	{ BYTES("A\r\n0123456789\r\n0\r\n\r\n"), BYTES("0123456789") },
	{ BYTES("00000000000000000000000000000001\r\na\r\n0\r\n\r\n"), BYTES("a") },
	/* Data that looks like the coding */
	{ BYTES("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), BYTES("0\r\n\r\n") },
	{ BYTES("4\r\n\0\r\n\xFF\r\n0\r\n\r\n"), BYTES("\0\r\n\xFF") },
	/* Extensions (7.1.1) */
	{ BYTES("1;a\r\na\r\n0;b\r\n\r\n"), BYTES("a") },
	{ BYTES("1;a=b\r\na\r\n0\r\n\r\n"), BYTES("a") },
	{ BYTES("1;a;b=c;d\r\na\r\n0\r\n\r\n"), BYTES("a") },
	{ BYTES("1 \t; a \t= b ; c=\"d\" ;e\r\na\r\n0\r\n\r\n"), BYTES("a") },
	{ BYTES("1;a=\"\"\r\na\r\n0\r\n\r\n"), BYTES("a") },
	{ BYTES("1;a=\"b\";c\r\na\r\n0\r\n\r\n"), BYTES("a") },
	{ BYTES("1;a=\"; =:\t\\\"\\\\\\a\xC3\xA9\"\r\na\r\n0\r\n\r\n"), BYTES("a") },
	{ BYTES("1;x=xyz;f=f0x\r\na\r\n0\r\n\r\n"), BYTES("a") },
	{ BYTES("1;x=\"xyz f\\x\\f\\ \"\r\na\r\n0\r\n\r\n"), BYTES("a") },
	{ BYTES("1;f=f;!#$%&'*+-.^_`|~=0\r\na\r\n0\r\n\r\n"), BYTES("a") },
	/* Trailers */
	{ BYTES("0\r\nA: b\r\n\r\n"), BYTES("") },
	{ BYTES("0\r\nA:\r\nf:g\r\nB: \t c: d;\"=\\\xFF \r\n\r\n"), BYTES("") },
};

static const struct {
	pl_slice bytes;
	size_t used; /* bytes before the one that is refused */
	const char *error;
} refused[] = {
	/* Size */
	{ BYTES("\r\n"), 0, SIZE },
	{ BYTES(" 1\r\n"), 0, SIZE },
	{ BYTES("g\r\n"), 0, SIZE },
	{ BYTES("-1\r\n"), 0, SIZE },
	{ BYTES("+1\r\n"), 0, SIZE },
	{ BYTES("0x1\r\n"), 1, SIZE },
	{ BYTES("1g\r\n"), 1, SIZE },
	{ BYTES("1_0\r\n"), 1, SIZE },
	{ BYTES("1.0\r\n"), 1, SIZE },
	{ BYTES("1 0\r\n"), 2, EXTENSION },
	{ BYTES("1 \r\n"), 2, EXTENSION },
	{ BYTES("1\0\r\n"), 1, SIZE },
	{ BYTES("\xEF\xBC\x91\r\n"), 0, SIZE },
	{ BYTES(";a\r\n"), 0, SIZE },
	{ BYTES("8000000000000000\r\n"), 15, LARGE },
	{ BYTES("10000000000000000\r\n"), 16, LARGE },
	{ BYTES("ffffffffffffffff\r\n"), 15, LARGE },
	{ BYTES("00000000000000000000fffffffffffffffff\r\n"), 35, LARGE },
	{ BYTES("1\r\na\r\ng\r\n"), 6, SIZE },
	{ BYTES("1\r\na\r\n\r\n"), 6, SIZE },
	/* Bare LF, bare CR */
	{ BYTES("1\na\r\n"), 1, SIZE },
	{ BYTES("1\r\r\n"), 2, BARE },
	{ BYTES("1\ra\r\n"), 2, BARE },
	{ BYTES("1;a\na\r\n"), 3, EXTENSION },
	{ BYTES("1;a\ra\r\n"), 4, BARE },
	{ BYTES("0\r\n\n"), 3, TRAILER },
	{ BYTES("0\r\n\r\r\n"), 4, BARE },
	{ BYTES("0\r\nA: b\n\r\n"), 7, TRAILER },
	{ BYTES("0\r\nA: b\rc\r\n\r\n"), 8, BARE },
	/* Data not followed by CRLF */
	{ BYTES("1\r\nab\r\n"), 4, DATA },
	{ BYTES("1\r\na\n"), 4, DATA },
	{ BYTES("1\r\na\rb"), 5, DATA },
	{ BYTES("1\r\na0\r\n\r\n"), 4, DATA },
	/* Extensions */
	{ BYTES("1;\r\n"), 2, EXTENSION },
	{ BYTES("1;;a\r\n"), 2, EXTENSION },
	{ BYTES("1;a;\r\n"), 4, EXTENSION },
	{ BYTES("1;=b\r\n"), 2, EXTENSION },
	{ BYTES("1;a=\r\n"), 4, EXTENSION },
	{ BYTES("1;a= \r\n"), 5, EXTENSION },
	{ BYTES("1;a \r\n"), 4, EXTENSION },
	{ BYTES("1;a b\r\n"), 4, EXTENSION },
	{ BYTES("1;a=b \r\n"), 6, EXTENSION },
	{ BYTES("1;a=b c\r\n"), 6, EXTENSION },
	{ BYTES("1;a=b=c\r\n"), 5, EXTENSION },
	{ BYTES("1;a,b\r\n"), 3, EXTENSION },
	{ BYTES("1;a=\"b\r\n"), 6, EXTENSION },
	{ BYTES("1;a=\"b\n\"\r\n"), 6, EXTENSION },
	{ BYTES("1;a=\"b\\\r\n"), 7, EXTENSION },
	{ BYTES("1;a=\"b\0\"\r\n"), 6, EXTENSION },
	{ BYTES("1;a=\"b\"c\r\n"), 7, EXTENSION },
	{ BYTES("1;a=\"b\"=c\r\n"), 7, EXTENSION },
	{ BYTES("1;a\0\r\n"), 3, EXTENSION },
	{ BYTES("1;a\x7F\r\n"), 3, EXTENSION },
	{ BYTES("1;\xC3\xA9\r\n"), 2, EXTENSION },
	/* Trailers */
	{ BYTES("0\r\n: b\r\n\r\n"), 3, TRAILER },
	{ BYTES("0\r\n A: b\r\n\r\n"), 3, TRAILER },
	{ BYTES("0\r\nA : b\r\n\r\n"), 4, TRAILER },
	{ BYTES("0\r\nA\r\n\r\n"), 4, TRAILER },
	{ BYTES("0\r\nA: b\r\n c\r\n\r\n"), 9, TRAILER },
	{ BYTES("0\r\nA(: b\r\n\r\n"), 4, TRAILER },
	{ BYTES("0\r\nA: \0\r\n\r\n"), 6, TRAILER },
	{ BYTES("0\r\nA: \x7F\r\n\r\n"), 6, TRAILER },
};

struct result {
	ptrdiff_t status; /* 0 or what decode said at last */
	size_t used;
	size_t body_len;
	char body[64];
};

/* Decodes one piece, which ends where its memory ends. */
static void decode_piece(pl_http_chunk *chunk, const char *bytes, size_t len, struct result *result)
{
	char *copy = bytes_copy(bytes, len);
	pl_slice whole = { copy, len }, data;
	size_t at = 0;

	while (at < len && !chunk->done) {
		ptrdiff_t used = pl_http_chunk_decode(chunk, copy + at, len - at, &data);

		if (used <= 0) {
			result->status = used;
			break;
		}
		assert_true((size_t)used <= len - at && bytes_within(data, whole));
		assert_true(result->body_len + data.len <= sizeof(result->body));
		memcpy(result->body + result->body_len, data.at, data.len);
		result->body_len += data.len;
		at += (size_t)used;
	}
	result->used += at;
	free(copy);
}

/* Decodes bytes in a piece up to `first` and then pieces of `step`. */
static struct result decode(pl_http_chunk *chunk, pl_slice bytes, size_t first, size_t step)
{
	struct result result = { 0 };
	size_t from = 0, to = first < bytes.len ? first : bytes.len;

	for (;;) {
		decode_piece(chunk, bytes.at + from, to - from, &result);
		if (to == bytes.len || chunk->done || result.status != 0)
			return result;
		from = to;
		to = bytes.len - to < step ? bytes.len : to + step;
	}
}

static void check_taken(size_t row, pl_slice bytes, size_t first, size_t step)
{
	pl_http_chunk chunk = { 0 };
	struct result result = decode(&chunk, bytes, first, step);

	if (!chunk.done)
		fail_msg("row %zu, cut %zu, %zu: %s", row, first, step, chunk.error);
	assert_int_equal(result.used, taken[row].bytes.len);
	assert_int_equal(result.body_len, taken[row].body.len);
	assert_memory_equal(result.body, taken[row].body.at, result.body_len);
}

static void test_taken(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(taken); row++) {
		char text[128];
		pl_slice bytes = { text, taken[row].bytes.len + sizeof(REST) - 1 };

		memcpy(text, taken[row].bytes.at, taken[row].bytes.len);
		memcpy(text + taken[row].bytes.len, REST, sizeof(REST) - 1);
		for (size_t first = 0; first <= bytes.len; first++)
			check_taken(row, bytes, first, bytes.len);
		for (size_t step = 1; step < 8; step++)
			check_taken(row, bytes, step, step);
	}
}

static void test_incomplete(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(taken); row++)
		for (size_t len = 0; len < taken[row].bytes.len; len++) {
			pl_http_chunk chunk = { 0 };
			pl_slice part = { taken[row].bytes.at, len };

			assert_int_equal(decode(&chunk, part, len, 1).used, len);
			assert_false(chunk.done);
		}
}

static void check_refused(size_t row, size_t first, size_t step)
{
	pl_http_chunk chunk = { 0 };
	struct result result = decode(&chunk, refused[row].bytes, first, step);

	if (result.status != PL_EPROTO)
		fail_msg("row %zu, cut %zu, %zu: taken", row, first, step);
	assert_false(chunk.done);
	assert_string_equal(chunk.error, refused[row].error);
	/* In pieces the error comes with the byte itself. */
	assert_true(result.used <= refused[row].used);
	if (step == 1)
		assert_int_equal(result.used, refused[row].used);
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(refused); row++) {
		for (size_t first = 0; first <= refused[row].bytes.len; first++)
			check_refused(row, first, refused[row].bytes.len);
		check_refused(row, 1, 1);
	}
}

static void test_largest_size(void **state)
{
	pl_http_chunk chunk = { 0 };
	pl_slice bytes = PL_SLICE("7fffffffffffffff\r\nab"), data;

	(void)state;
	assert_int_equal(pl_http_chunk_decode(&chunk, bytes.at, bytes.len, &data), bytes.len);
	assert_true(pl_slice_equal(data, PL_SLICE("ab")));
	assert_true(chunk.left == INT64_MAX - 2);
}

/* Decodes all of bytes; returns how many were taken before an error. */
static size_t feed(pl_http_chunk *chunk, pl_slice bytes)
{
	size_t at = 0;
	pl_slice data;

	while (at < bytes.len) {
		ptrdiff_t used = pl_http_chunk_decode(chunk, bytes.at + at, bytes.len - at, &data);

		if (used < 0)
			break;
		at += (size_t)used;
	}
	return at;
}

/* How many bytes of `unit`, again and again behind `start`, are taken before an error. */
static size_t endure_with(pl_http_chunk chunk, pl_slice start, pl_slice unit, size_t most)
{
	size_t total = 0, used = unit.len;

	assert_int_equal(feed(&chunk, start), start.len);
	while (total < most && used == unit.len) {
		used = feed(&chunk, unit);
		total += used;
	}
	return total;
}

static size_t endure(pl_slice start, pl_slice unit, size_t most)
{
	return endure_with((pl_http_chunk){ 0 }, start, unit, most);
}

static void test_overhead(void **state)
{
	/* 1024 bytes of data for 7 others: far below an eighth */
	char big[5 + 1024 + 2] = "400\r\n";
	const size_t most = 16 << 20;

	(void)state;
	memcpy(big + 5 + 1024, "\r\n", 2);
	/* Without end: leading zeros, an extension, trailers */
	assert_int_equal(endure(PL_SLICE("0"), PL_SLICE("0"), most), PL_HTTP_CHUNK_OVERHEAD - 1);
	assert_int_equal(endure(PL_SLICE("1;a"), PL_SLICE("a"), most), PL_HTTP_CHUNK_OVERHEAD - 3);
	assert_true(endure(PL_SLICE("1;a=\""), PL_SLICE("a"), most) < PL_HTTP_CHUNK_OVERHEAD);
	assert_true(endure(PL_SLICE("0\r\n"), PL_SLICE("a: b\r\n"), most) < PL_HTTP_CHUNK_OVERHEAD);
	/* Tiny chunks: 5 bytes for one of data */
	assert_true(endure(PL_SLICE("1\r\na\r\n"), PL_SLICE("1\r\na\r\n"), most) <
		    PL_HTTP_CHUNK_OVERHEAD * 6 / 4);
	/* Chunks of a decent size last for ever */
	assert_true(endure(PL_SLICE("1\r\na\r\n"), pl_slice_make(big, sizeof(big)), most) >= most);
}

/* A stream of small events is one chunk for each, and has no end. */
static void test_patience(void **state)
{
	static const pl_slice greedy[][2] = {
		{ BYTES("0"), BYTES("0") },
		{ BYTES("1;a"), BYTES("a") },
		{ BYTES("0\r\n"), BYTES("a: b\r\n") },
		{ BYTES("1;a=0123456789abcdef\r\na\r\n"), BYTES("1;a=0123456789abcdef\r\na\r\n") },
		{ BYTES("1\r\na\r\n"), BYTES("00000000000000001\r\na\r\n") },
	};
	const pl_http_chunk patient = { .patient = true };
	const pl_slice tiny = PL_SLICE("1\r\na\r\n");
	const size_t most = 16 << 20;

	(void)state;
	assert_true(endure_with(patient, tiny, tiny, most) >= most);
	for (size_t i = 0; i < COUNT(greedy); i++)
		assert_true(endure_with(patient, greedy[i][0], greedy[i][1], most) < most);
	/* What was saved is not for later */
	assert_int_equal(
		endure_with(patient, PL_SLICE("1\r\na\r\n1\r\na\r\n0"), PL_SLICE("0"), most),
		PL_HTTP_CHUNK_OVERHEAD - 3);
}

static void test_encode(void **state)
{
	static const struct {
		uint64_t len;
		const char *line;
	} rows[] = {
		{ 1, "1\r\n" },
		{ 9, "9\r\n" },
		{ 10, "a\r\n" },
		{ 15, "f\r\n" },
		{ 16, "10\r\n" },
		{ 26, "1a\r\n" },
		{ 255, "ff\r\n" },
		{ 65536, "10000\r\n" },
		{ 0xFFFFFFFF, "ffffffff\r\n" },
		{ INT64_MAX, "7fffffffffffffff\r\n" },
		{ UINT64_MAX, "ffffffffffffffff\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[PL_HTTP_CHUNK_HEAD_MAX];
		size_t len = pl_http_chunk_encode(out, rows[i].len);

		assert_int_equal(len, strlen(rows[i].line));
		assert_memory_equal(out, rows[i].line, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),	 cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_largest_size),
		cmocka_unit_test(test_overhead), cmocka_unit_test(test_patience),
		cmocka_unit_test(test_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
