#include "bytes.h"

#include <stdio.h>

#include "codec/sse.h"

/* What a stream comes to: "d<value>|" for data, e, i and r likewise, ";" for an empty line, "." for
 * a line that means nothing, "..." at the end of the stream within a line. */
static const struct {
	pl_slice bytes;
	const char *lines;
} table[] = {
	/* Ends of lines, 9.2.5 */
	{ BYTES("data:a\n\n"), "da|;" },
	{ BYTES("data:a\r\r"), "da|;" },
	{ BYTES("data:a\r\n\r\n"), "da|;" },
	{ BYTES("data:a\n\r\ndata:b\r\n\n"), "da|;db|;" },
	{ BYTES("data:a\r\ndata:b\rdata:c\n\n"), "da|db|dc|;" },
	{ BYTES("\n\n\r\r\n\n\r"), ";;;;;;" },
	{ BYTES("\r\n"), ";" },
	/* What ends within a line */
	{ BYTES(""), "" },
	{ BYTES("da"), "..." },
	{ BYTES("data"), "..." },
	{ BYTES("data:"), "..." },
	{ BYTES("data: a"), "..." },
	{ BYTES("data:a\nid"), "da|..." },
	/* Names and values, 9.2.6 */
	{ BYTES("data: a\n"), "da|" },
	{ BYTES("data:  a\n"), "d a|" },
	{ BYTES("data:\ta\n"), "d\ta|" },
	{ BYTES("data: \n"), "d|" },
	{ BYTES("data:\n"), "d|" },
	{ BYTES("data\n"), "d|" },
	{ BYTES("data:a:b: c\n"), "da:b: c|" },
	{ BYTES("event: e\nid: 7\nretry: 10\ndata: d\n\n"), "ee|i7|r10|dd|;" },
	{ BYTES("event\nid\nretry\n"), "e|i|r|" },
	{ BYTES("id: \0a\n"), "i\0a|" },
	/* What means nothing */
	{ BYTES(":\n"), "." },
	{ BYTES(": data: a\n"), "." },
	{ BYTES(" data: a\n"), "." },
	{ BYTES("data : a\n"), "." },
	{ BYTES("Data: a\nDATA:a\n"), ".." },
	{ BYTES("dat: a\ndata1: a\ndatadata: a\nretrys:1\n"), "...." },
	{ BYTES("x\ndata\n"), ".d|" },
	{ BYTES("dat\0:a\n"), "." },
	{ BYTES("events: a\n\nevent:a\n"), ".;ea|" },
	/* The byte order mark */
	{ BYTES("\xEF\xBB\xBF"
		"data:a\n"),
	  "da|" },
	{ BYTES("\xEF\xBB\xBF\n"), ";" },
	{ BYTES("\xEF\xBB\xBF\xEF\xBB\xBF"
		"data:a\n"),
	  "." },
	{ BYTES("\n\xEF\xBB\xBF"
		"data:a\n"),
	  ";." },
	{ BYTES("\xEF\xBB"
		"data:a\ndata:b\n"),
	  ".db|" },
	{ BYTES("\xEF"
		"data:a\n"),
	  "." },
	{ BYTES("\xEF:a\n"), "." },
	{ BYTES("\xEF\n"), "." },
	{ BYTES("\xEF\xBB\r\n\n"), ".;" },
	{ BYTES("\xBB\xBF"
		"data:a\n"),
	  "." },
	{ BYTES("data:\xEF\xBB\xBF\n"), "d\xEF\xBB\xBF|" },
};

typedef struct outcome {
	char text[128];
	size_t len;
	bool within; /* a line */
} outcome;

static void put(outcome *out, const char *bytes, size_t len)
{
	assert_true(len <= sizeof(out->text) - out->len);
	memcpy(out->text + out->len, bytes, len);
	out->len += len;
}

static void take(outcome *out, const pl_sse_piece *piece, bool *begun)
{
	static const char letters[] = { '.', ';', 'd', 'e', 'i', 'r' };
	bool field = piece->kind > PL_SSE_DISPATCH;

	if ((field || piece->end) && !*begun)
		put(out, &letters[piece->kind], 1);
	*begun = field || piece->end;
	if (field)
		put(out, piece->value.at, piece->value.len);
	if (field && piece->end)
		put(out, "|", 1);
	if (piece->end)
		*begun = false;
}

/* Decodes bytes in a piece up to `first` and then pieces of `step`. */
static outcome decode(pl_slice bytes, size_t first, size_t step)
{
	pl_sse sse = { 0 };
	outcome out = { 0 };
	bool begun = false;
	size_t to = first < bytes.len ? first : bytes.len;

	for (size_t from = 0; from < bytes.len; from = to) {
		char *copy;

		to = from == 0 && first > 0    ? to
		     : from + step < bytes.len ? from + step
					       : bytes.len;
		copy = bytes_copy(bytes.at + from, to - from);
		for (size_t at = 0, used; at < to - from; at += used) {
			pl_sse_piece piece;
			pl_slice whole;

			used = pl_sse_decode(&sse, copy + at, to - from - at, &piece);
			whole = pl_slice_make(copy + at, used);
			assert_true(used > 0 && used <= to - from - at);
			assert_true(bytes_within(piece.value, whole));
			/* A LF behind a CR is of the line before. */
			out.within = !piece.end && !(used == 1 && copy[at] == '\n');
			take(&out, &piece, &begun);
		}
		free(copy);
	}
	return out;
}

static void check(size_t row, size_t first, size_t step)
{
	pl_slice bytes = table[row].bytes;
	outcome out = decode(bytes, first, step);
	size_t want = strlen(table[row].lines);
	char last = bytes.len > 0 ? bytes.at[bytes.len - 1] : '\n';
	bool ends = last == '\n' || last == '\r';

	if (out.within == ends)
		fail_msg("row %zu, cut %zu, %zu: within a line or not", row, first, step);
	if (!ends)
		return;
	if (memchr(bytes.at, 0, bytes.len) && table[row].lines[0] == 'i')
		want = 4;
	if (out.len != want || memcmp(out.text, table[row].lines, want) != 0)
		fail_msg("row %zu, cut %zu, %zu: %.*s", row, first, step, (int)out.len, out.text);
}

static void test_split_at_every_offset(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(table); row++)
		for (size_t first = 0; first <= table[row].bytes.len; first++) {
			check(row, first, table[row].bytes.len + 1);
			check(row, first, 1);
			check(row, first, 3);
		}
}

/* A value is handed on as it comes: of a line without an end nothing is kept. */
static void test_pieces_of_a_value(void **state)
{
	pl_sse sse = { 0 };
	pl_sse_piece piece;

	(void)state;
	assert_int_equal(pl_sse_decode(&sse, "data: ab", 8, &piece), 8);
	assert_int_equal(piece.kind, PL_SSE_DATA);
	assert_true(pl_slice_equal(piece.value, PL_SLICE("ab")));
	assert_false(piece.end);
	assert_int_equal(pl_sse_decode(&sse, "cd\nid:", 6, &piece), 3);
	assert_int_equal(piece.kind, PL_SSE_DATA);
	assert_true(pl_slice_equal(piece.value, PL_SLICE("cd")));
	assert_true(piece.end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_at_every_offset),
		cmocka_unit_test(test_pieces_of_a_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
