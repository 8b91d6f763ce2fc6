#include "bytes.h"

#include "codec/sse.h"
#include "codec/sse_write.h"

static char *written(size_t (*write)(char *, const pl_sse_fields *, pl_slice),
		     const pl_sse_fields *fields, pl_slice payload, size_t *len)
{
	char *out;

	*len = write(NULL, fields, payload);
	out = test_malloc(*len + 1);
	assert_int_equal(write(out, fields, payload), *len);
	out[*len] = '\0';
	return out;
}

static void expect(size_t (*write)(char *, const pl_sse_fields *, pl_slice),
		   const pl_sse_fields *fields, pl_slice payload, pl_slice event)
{
	size_t len;
	char *out = written(write, fields, payload, &len);

	assert_int_equal(len, event.len);
	assert_memory_equal(out, event.at, len);
	test_free(out);
}

static void texts(void **state)
{
	static const struct {
		pl_slice text;
		pl_slice event;
	} rows[] = {
		{ BYTES(""), BYTES("data: \n\n") },
		{ BYTES("a"), BYTES("data: a\n\n") },
		{ BYTES(" a"), BYTES("data:  a\n\n") },
		{ BYTES("a\nb"), BYTES("data: a\ndata: b\n\n") },
		{ BYTES("a\r\nb"), BYTES("data: a\ndata: b\n\n") },
		{ BYTES("a\rb"), BYTES("data: a\ndata: b\n\n") },
		{ BYTES("a\r\r\nb"), BYTES("data: a\ndata: \ndata: b\n\n") },
		{ BYTES("a\n\rb"), BYTES("data: a\ndata: \ndata: b\n\n") },
		{ BYTES("a\n"), BYTES("data: a\ndata: \n\n") },
		{ BYTES("a\r"), BYTES("data: a\ndata: \n\n") },
		{ BYTES("\n"), BYTES("data: \ndata: \n\n") },
		{ BYTES("\n\nid: 1"), BYTES("data: \ndata: \ndata: id: 1\n\n") },
		{ BYTES("a\0b"), BYTES("data: a\0b\n\n") },
		{ BYTES("data: a"), BYTES("data: data: a\n\n") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		expect(pl_sse_write_text, NULL, rows[i].text, rows[i].event);
}

static void fields(void **state)
{
	const pl_sse_fields all = { PL_SLICE("7"), PL_SLICE("note"), 1500 };
	const pl_sse_fields forget = { PL_SLICE(""), { NULL, 0 }, -1 };
	const pl_sse_fields none = { .retry = -1 };
	const pl_sse_fields at_once = { .retry = 0 };

	(void)state;
	expect(pl_sse_write_text, &all, PL_SLICE("a"),
	       PL_SLICE("event: note\nid: 7\nretry: 1500\ndata: a\n\n"));
	expect(pl_sse_write_text, &forget, PL_SLICE("a"), PL_SLICE("id: \ndata: a\n\n"));
	expect(pl_sse_write_text, &none, PL_SLICE("a"), PL_SLICE("data: a\n\n"));
	expect(pl_sse_write_text, &at_once, PL_SLICE("a"), PL_SLICE("retry: 0\ndata: a\n\n"));
	expect(pl_sse_write_bytes, NULL, PL_SLICE("abc"),
	       PL_SLICE("event: sgc@binary\ndata: sgc@b64:YWJj\n\n"));
	expect(pl_sse_write_bytes, &all, PL_SLICE("\xff"),
	       PL_SLICE("event: note\nid: 7\nretry: 1500\ndata: sgc@b64:/w==\n\n"));
	expect(pl_sse_write_bytes, NULL, PL_SLICE(""),
	       PL_SLICE("event: sgc@binary\ndata: sgc@b64:\n\n"));
}

static void what_a_field_may_be(void **state)
{
	static const pl_slice bad[] = { BYTES("\n"),   BYTES("a\nb"), BYTES("a\r"),
					BYTES("a\0b"), BYTES("\xff"), BYTES("\xed\xa0\x80"),
					BYTES("\xc3") };
	static const pl_slice good[] = { BYTES(""), BYTES("a: b"), BYTES("\xc3\xa4"), BYTES("\t") };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(pl_sse_field_valid(bad[i]));
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(pl_sse_field_valid(good[i]));
}

static size_t write_fields(char *out, const pl_sse_fields *fields, pl_slice text)
{
	(void)fields;
	return pl_sse_write_fields(out, text);
}

static void texts_that_are_fields(void **state)
{
	static const struct {
		pl_slice text;
		pl_slice event;
	} rows[] = {
		{ BYTES("data: a"), BYTES("data: a\n\n") },
		{ BYTES("data:a"), BYTES("data: a\n\n") },
		{ BYTES("data:  a "), BYTES("data:  a \n\n") },
		{ BYTES("data:"), BYTES("data: \n\n") },
		{ BYTES("id: 1 \r data: a"), BYTES("id: 1\ndata: a\n\n") },
		{ BYTES("id: 1\ndata: a\r\ndata: b\n\n"), BYTES("id: 1\ndata: a\ndata: b\n\n") },
		{ BYTES("event: e\nretry: 10\ndata: a\n\r\n"),
		  BYTES("event: e\nretry: 10\ndata: a\n\n") },
	};
	static const pl_slice others[] = {
		BYTES(""),
		BYTES("\n"),
		BYTES("a"),
		BYTES("data"),
		BYTES("a\ndata: b"),
		BYTES("data: a\nb"),
		BYTES("data: a\n\nid: 2"),
		BYTES("Data: a"),
		BYTES("datas: a"),
		BYTES(": data: a"),
		BYTES("data : a"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(pl_sse_is_fields(rows[i].text));
		expect(write_fields, NULL, rows[i].text, rows[i].event);
	}
	for (size_t i = 0; i < COUNT(others); i++)
		assert_false(pl_sse_is_fields(others[i]));
}

/* Whatever a text is, our decoder reads one event from it: its lines, and nothing else. */
static void no_text_ends_an_event(void **state)
{
	static const char bytes[] = "\r\n:a d\0";
	char text[6];

	(void)state;
	for (int n = 0; n < 7 * 7 * 7 * 7 * 7 * 7; n++) {
		size_t len, used = 0;
		pl_sse sse = { 0 };
		int whole = 0, rest = n;
		char *out;

		for (int i = 0; i < 6; i++, rest /= 7)
			text[i] = bytes[rest % 7];
		out = written(pl_sse_write_text, NULL, pl_slice_make(text, 6), &len);
		while (used < len) {
			pl_sse_piece piece;

			used += pl_sse_decode(&sse, out + used, len - used, &piece);
			assert_true(piece.kind == PL_SSE_DATA || piece.kind == PL_SSE_DISPATCH);
			whole += piece.kind == PL_SSE_DISPATCH;
		}
		assert_int_equal(whole, 1);
		assert_memory_equal(out + len - 2, "\n\n", 2);
		test_free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(fields),
		cmocka_unit_test(what_a_field_may_be),
		cmocka_unit_test(texts_that_are_fields),
		cmocka_unit_test(no_text_ends_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
