#include "bytes.h"

#include <stdio.h>

#include "base/status.h"
#include "codec/hixie_frame.h"

/* What a flow gave, in words: "text:hello close ", an error, and then nothing more. */
typedef struct flow {
	pl_hixie_decoder decoder;
	char words[512];
	size_t len;
	bool within; /* a text */
	bool failed;
} flow_state;

static void word(flow_state *flow, const char *text, size_t len)
{
	assert_true(flow->len + len < sizeof(flow->words));
	memcpy(flow->words + flow->len, text, len);
	flow->len += len;
}

static void note(flow_state *flow, const pl_hixie_piece *piece)
{
	if (piece->part == PL_HIXIE_CLOSE)
		word(flow, "close ", 6);
	if (piece->part != PL_HIXIE_TEXT)
		return;
	if (!flow->within)
		word(flow, "text:", 5);
	word(flow, (const char *)piece->text, piece->len);
	flow->within = !piece->last;
	if (piece->last)
		word(flow, " ", 1);
}

static void feed(flow_state *flow, size_t limit, const char *data, size_t len)
{
	uint8_t *copy = bytes_copy(data, len);
	size_t at = 0;

	while (at < len && !flow->failed) {
		pl_hixie_piece piece;
		int64_t used = pl_hixie_decode(&flow->decoder, limit, copy + at, len - at, &piece);

		if (used < 0) {
			const char *name = pl_status_name((int)used);

			assert_non_null(piece.error);
			word(flow, name, strlen(name));
			flow->failed = true;
		} else {
			assert_in_range(used, 1, len - at);
			note(flow, &piece);
			at += (size_t)used;
		}
	}
	free(copy);
}

/* The flow in two pieces, split everywhere, and byte by byte. */
static void expect(size_t limit, pl_slice bytes, const char *words)
{
	for (size_t split = 0; split <= bytes.len + 1; split++) {
		flow_state flow = { .len = 0 };
		size_t step = split > bytes.len ? 1 : split;

		if (split > 0 && split <= bytes.len) {
			feed(&flow, limit, bytes.at, split);
			feed(&flow, limit, bytes.at + split, bytes.len - split);
		} else {
			for (size_t at = 0; at < bytes.len; at += step ? step : bytes.len)
				feed(&flow, limit, bytes.at + at, step ? step : bytes.len);
		}
		flow.words[flow.len] = '\0';
		/* Of a text that is refused more or less has been given out. */
		if (flow.failed && flow.within)
			assert_non_null(strstr(flow.words, words));
		else
			assert_string_equal(flow.words, words);
	}
}

static void texts(void **state)
{
	(void)state;
	expect(100, PL_SLICE("\x00Hi\xFF"), "text:Hi ");
	expect(100, PL_SLICE("\x00\xFF"), "text: ");
	expect(100, PL_SLICE("\x00one\xFF\x00two\xFF\x00thr"), "text:one text:two text:thr");
	expect(100, PL_SLICE("\x00\x01\x80\xFE\xFF"), "text:\x01\x80\xFE ");
}

static void closing(void **state)
{
	(void)state;
	expect(100, PL_SLICE("\xFF\x00"), "close ");
	expect(100, PL_SLICE("\xFF\x80\x80\x00"), "close ");
	expect(100, PL_SLICE("\x00Hi\xFF\xFF\x00\x00Ho\xFF"), "text:Hi close text:Ho ");
}

static void passed_over(void **state)
{
	(void)state;
	expect(100, PL_SLICE("\x01Hi\xFF\x00Ho\xFF"), "text:Ho ");
	expect(100, PL_SLICE("\x7F\xFF\x00Ho\xFF"), "text:Ho ");
	expect(100, PL_SLICE("\x80\x02Hi\x00Ho\xFF"), "text:Ho ");
	expect(100, PL_SLICE("\x80\x00\x00Ho\xFF"), "text:Ho ");
	expect(100, PL_SLICE("\xFE\x80\x02\xFF\x00\x00Ho\xFF"), "text:Ho ");
	expect(100, PL_SLICE("\xFF\x02\xFF\x00\x00Ho\xFF"), "text:Ho ");
}

static void limits(void **state)
{
	(void)state;
	expect(2, PL_SLICE("\x00Hi\xFF\x01Hi\xFF\x80\x02Hi\x00Ho\xFF"), "text:Hi text:Ho ");
	expect(2, PL_SLICE("\x00Hi!\xFF"), "ETOOBIG");
	expect(2, PL_SLICE("\x01Hi!\xFF"), "ETOOBIG");
	expect(2, PL_SLICE("\x80\x03Hi!"), "ETOOBIG");
	expect(200, PL_SLICE("\x80\x81\x49"), "ETOOBIG"); /* 201 */
	expect((size_t)1 << 30, PL_SLICE("\x80\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"),
	       "ETOOBIG");
}

/* A length may say less than it has bytes for, but not without end. */
static void long_lengths(void **state)
{
	(void)state;
	expect(100, PL_SLICE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02Hi\x00Ho\xFF"), "text:Ho ");
	expect(100, PL_SLICE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), "EPROTO");
	expect(100, PL_SLICE("\xFF\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), "EPROTO");
}

static void encode(void **state)
{
	uint8_t frame[4];

	(void)state;
	pl_hixie_encode(frame, "Hi", 2);
	assert_memory_equal(frame, "\x00Hi\xFF", 4);
	pl_hixie_encode(frame, NULL, 0);
	assert_memory_equal(frame, "\x00\xFF", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),  cmocka_unit_test(closing), cmocka_unit_test(passed_over),
		cmocka_unit_test(limits), cmocka_unit_test(encode),  cmocka_unit_test(long_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
