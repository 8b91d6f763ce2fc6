#include "unit/codec/bytes.h"

#include "base/alloc.h"
#include "base/status.h"
#include "sse/sse_reader.h"

/* The events of a stream as "type=data;", and what it leaves. */
static const struct {
	pl_slice bytes;
	const char *events;
	const char *id;
	int64_t retry; /* -1: none */
} table[] = {
	/* The examples of the standard, 9.2.6 */
	{ BYTES("data: YHOO\ndata: +2\ndata: 10\n\n"), "message=YHOO\n+2\n10;", "", -1 },
	{ BYTES(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
		"data:  third event\n"),
	  "message=first event;message=second event;", "", -1 },
	{ BYTES("data\n\ndata\ndata\n\ndata:"), "message=;message=\n;", "", -1 },
	{ BYTES("data:test\n\ndata: test\n\n"), "message=test;message=test;", "", -1 },
	/* Types: the last one counts, of one event, and not without data */
	{ BYTES("event: a\ndata: 1\n\ndata: 2\n\n"), "a=1;message=2;", "", -1 },
	{ BYTES("event: a\nevent: b\ndata: 1\n\n"), "b=1;", "", -1 },
	{ BYTES("event: a\nevent\ndata: 1\n\n"), "message=1;", "", -1 },
	{ BYTES("event: a\n\ndata: 1\n\n"), "message=1;", "", -1 },
	{ BYTES("data: 1\nevent: a\n\n"), "a=1;", "", -1 },
	/* Ids: with the empty line, also without data; kept from event to event */
	{ BYTES("id: 1\ndata: a\n\ndata: b\n\n"), "message=a;message=b;", "1", -1 },
	{ BYTES("id: 1\n\n"), "", "1", -1 },
	{ BYTES("id: 1\n\nid: 2\ndata: a\n"), "", "1", -1 },
	{ BYTES("id: 1\n\nid\n\n"), "", "", -1 },
	{ BYTES("id: 1\n\nid: \0\n\n"), "", "1", -1 },
	{ BYTES("id: 2\nid: 3\0"
		"4\n\n"),
	  "", "2", -1 },
	{ BYTES("id: 1\nid: 22\nid: 3\n\n"), "", "3", -1 },
	/* Times: digits alone */
	{ BYTES("retry: 1500\n"), "", "", 1500 },
	{ BYTES("retry: 0\n"), "", "", 0 },
	{ BYTES("retry: 007\n"), "", "", 7 },
	{ BYTES("retry: 1\nretry: x\nretry: -2\nretry: 3.5\nretry: 4 \nretry\nretry: 0x5\n"), "",
	  "", 1 },
	{ BYTES("retry:  1\nretry: \xD9\xA1\nretry: 1\0\n"), "", "", -1 },
	{ BYTES("retry: 4294967295\n"), "", "", UINT32_MAX },
	{ BYTES("retry: 99999999999999999999999999\n"), "", "", UINT32_MAX },
	/* What is not UTF-8 is replaced */
	{ BYTES("data: a\xFF"
		"b\xC3\ndata: \xA9\n\n"),
	  "message=a\xEF\xBF\xBD"
	  "b\xEF\xBF\xBD\n\xEF\xBF\xBD;",
	  "", -1 },
	{ BYTES("event: \x80\ndata: \xC3\xA9\nid: \xF0\x9F\n\n"), "\xEF\xBF\xBD=\xC3\xA9;",
	  "\xEF\xBF\xBD", -1 },
};

static const pl_sse_limits wide = { 1000, 1000, 100 };

typedef struct outcome {
	char events[256];
	size_t len;
	int status;
} outcome;

static void put(outcome *out, pl_slice text, const char *end)
{
	assert_true(text.len + 1 <= sizeof(out->events) - out->len);
	if (text.len > 0)
		memcpy(out->events + out->len, text.at, text.len);
	out->len += text.len;
	out->events[out->len++] = *end;
}

static void feed(pl_sse_reader *reader, const char *bytes, size_t len, outcome *out)
{
	char *copy = bytes_copy(bytes, len);
	size_t used = 0;

	for (size_t at = 0; at < len && out->status >= 0; at += used) {
		pl_sse_event event;

		out->status = pl_sse_reader_feed(reader, copy + at, len - at, &used, &event);
		if (out->status != 1)
			continue;
		put(out, event.type, "=");
		put(out, event.data, ";");
	}
	free(copy);
}

static outcome read_stream(pl_sse_reader *reader, pl_slice bytes, size_t first, size_t step)
{
	outcome out = { 0 };
	size_t len = first < bytes.len ? first : bytes.len;

	for (size_t at = 0; at < bytes.len && out.status >= 0; at += len, len = step) {
		if (len == 0 || len > bytes.len - at)
			len = at == 0 && len == 0 ? 1 : bytes.len - at;
		feed(reader, bytes.at + at, len, &out);
	}
	return out;
}

static void check(size_t row, size_t first, size_t step)
{
	pl_sse_reader reader;
	outcome out;

	pl_sse_reader_init(&reader, &wide);
	out = read_stream(&reader, table[row].bytes, first, step);
	if (out.status < 0 || out.len != strlen(table[row].events) ||
	    memcmp(out.events, table[row].events, out.len) != 0)
		fail_msg("row %zu, cut %zu, %zu: %.*s", row, first, step, (int)out.len, out.events);
	assert_int_equal(reader.id.len, strlen(table[row].id));
	if (reader.id.len > 0)
		assert_memory_equal(reader.id.data, table[row].id, reader.id.len);
	assert_int_equal(reader.retries ? (int64_t)reader.retry : -1, table[row].retry);
	pl_sse_reader_deinit(&reader);
}

static void test_split_at_every_offset(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(table); row++)
		for (size_t first = 0; first <= table[row].bytes.len; first++) {
			check(row, first, table[row].bytes.len);
			check(row, first, 1);
		}
}

static const struct {
	pl_slice bytes;
	const char *error; /* NULL: just within */
} limits[] = {
	{ BYTES("data: 34567890123456\n\n"), NULL },
	{ BYTES("data: 345678901234567\n\n"), "a line is longer than limits.line" },
	{ BYTES("data: 3456789012345678"), "a line is longer than limits.line" },
	{ BYTES(":2345678901234567890\n\n"), NULL },
	{ BYTES(":234567890123456789012"), "a line is longer than limits.line" },
	{ BYTES(":234567890\n:234567890\n:234567890\n:234567890\n\n"), NULL },
	{ BYTES("data: 1234567890\ndata: 123456789\n\ndata: 1234567890\ndata: 123456789\n\n"),
	  "an event is longer than limits.event" },
	{ BYTES("data: 1234567\ndata: 12345678\n\ndata: 12345678\ndata: 1234567\n\n"), NULL },
	{ BYTES("event: abcdef\ndata: 12345678\ndata\n\n"), NULL },
	{ BYTES("event: abcdef\ndata: 12345678\ndata: 12\n\n"),
	  "an event is longer than limits.event" },
	{ BYTES("event: abcdef\nevent: a\ndata: 1234567890\n\n"), NULL },
	{ BYTES("id: 1234\n\n"), NULL },
	{ BYTES("id: 12345\n\n"), "an event's id is longer than limits.id" },
};

static void test_limits(void **state)
{
	static const pl_sse_limits small = { 21, 17, 4 };

	(void)state;
	for (size_t row = 0; row < COUNT(limits); row++)
		for (size_t step = 1; step <= limits[row].bytes.len; step++) {
			pl_sse_reader reader;
			outcome out;

			pl_sse_reader_init(&reader, &small);
			out = read_stream(&reader, limits[row].bytes, step, step);
			if ((out.status == PL_ELIMIT) != (limits[row].error != NULL))
				fail_msg("row %zu, step %zu: %d", row, step, out.status);
			if (limits[row].error)
				assert_string_equal(reader.error, limits[row].error);
			pl_sse_reader_deinit(&reader);
		}
}

static void test_an_id_from_before(void **state)
{
	static const pl_slice stream = BYTES("data: a\n\n");
	pl_sse_reader reader;

	(void)state;
	pl_sse_reader_init(&reader, &wide);
	assert_int_equal(pl_buffer_append(&reader.id, "7", 1), PL_OK);
	read_stream(&reader, stream, 0, 3);
	assert_int_equal(reader.id.len, 1);
	pl_sse_reader_deinit(&reader);
}

/* What a large event took is given back with the next. */
static void test_memory_is_given_back(void **state)
{
	static const pl_sse_limits large = { 1 << 20, 1 << 20, 100 };
	size_t len = 300000;
	char *bytes = malloc(len);
	pl_sse_reader reader;
	pl_sse_event event;
	size_t used;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'x', len);
	memcpy(bytes, "data:", 5);
	memcpy(bytes + len - 2, "\n\n", 2);
	pl_sse_reader_init(&reader, &large);
	assert_int_equal(pl_sse_reader_feed(&reader, bytes, len, &used, &event), 1);
	assert_int_equal(event.data.len, len - 7);
	assert_int_equal(pl_sse_reader_feed(&reader, ":\n", 2, &used, &event), 0);
	assert_int_equal(reader.data.cap, 0);
	pl_sse_reader_deinit(&reader);
	free(bytes);
}

static void test_out_of_memory(void **state)
{
	static const pl_slice stream =
		BYTES("event: \xFF\nid: 1\xFF\ndata: a\xFF\n\nid: 2\nevent: e\ndata: b\n\n");
	int64_t live = pl_alloc_live();
	int status = PL_ENOMEM;

	(void)state;
	for (int64_t n = 1; status == PL_ENOMEM; n++) {
		pl_sse_reader reader;

		assert_true(n < 100);
		pl_sse_reader_init(&reader, &wide);
		pl_alloc_fail_at(n);
		status = read_stream(&reader, stream, 0, 5).status;
		pl_alloc_fail_at(0);
		pl_sse_reader_deinit(&reader);
		assert_int_equal(pl_alloc_live(), live);
	}
	assert_true(status >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_at_every_offset),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_an_id_from_before),
		cmocka_unit_test(test_memory_is_given_back),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
