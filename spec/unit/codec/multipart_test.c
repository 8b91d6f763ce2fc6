#include "bytes.h"

#include "base/status.h"
#include "codec/multipart.h"

#define TYPE "multipart/form-data; boundary=AaB03x"
#define FORM "Content-Disposition: form-data; "
#define B "--AaB03x\r\n"
#define END "\r\n--AaB03x--"

/* What comes out: "name|filename|type:" where a part begins, its bytes, "." where it ends. */
static const struct {
	pl_slice bytes;
	pl_slice outcome;
} taken[] = {
	{ BYTES(B FORM "name=a\r\n\r\n1" END), BYTES("a||:1.") },
	{ BYTES(B FORM "name=\"a\"\r\n\r\n1" END "\r\n"), BYTES("a||:1.") },
	{ BYTES("--AaB03x--"), BYTES("") },
	{ BYTES("--AaB03x--\r\n"), BYTES("") },
	{ BYTES(B FORM "name=a\r\n\r\n" END), BYTES("a||:.") },
	{ BYTES("preamble\r\nmore\r\n" B FORM "name=a\r\n\r\n1" END " \t\r\nepilogue\r\n" B),
	  BYTES("a||:1.") },
	{ BYTES("\r\n" B FORM "name=a\r\n\r\n1" END), BYTES("a||:1.") },
	{ BYTES("--AaB03y\r\n" B FORM "name=a\r\n\r\n1" END), BYTES("a||:1.") },
	{ BYTES(B FORM "name=a\r\n\r\n1\r\n" B FORM "name=b; filename=\"c d\"\r\n"
		       "Content-Type: image/png\r\n\r\n\r\n\r\n--AaB03\r\n-" END),
	  BYTES("a||:1.b|c d|image/png:\r\n\r\n--AaB03\r\n-.") },
	{ BYTES(B "content-disposition:form-data;name=\"\";filename=\"\"\r\n\r\n\r\r\n\r" END),
	  BYTES("||:\r\r\n\r.") },
	{ BYTES("--AaB03x \t\r\n" FORM "name=a\r\n\r\n1" END), BYTES("a||:1.") },
	{ BYTES(B "X-Other: yes\r\nContent-Transfer-Encoding: Binary\r\n" FORM
		  "name=a; size=3; filename*=UTF-8''x; filename=y\r\n\r\n1" END),
	  BYTES("a|y|:1.") },
	{ BYTES(B FORM "name=\"a\\\"b;\\\\c%22%0d%25\"; filename=\"C:\\x\\y.txt\"\r\n\r\n" END),
	  BYTES("a\"b;\\c\"\r%25|C:\\x\\y.txt|:.") },
	{ BYTES(B FORM "name=\"\xC3\xA9\xFF\"\r\n\r\n" END), BYTES("\xC3\xA9\xFF||:.") },
};

#define LINE "a line only begins with the boundary"
#define FIELDS "malformed fields of a part"
#define DISPOSITION "malformed Content-Disposition"
#define TWICE "a parameter of Content-Disposition is there twice"

static const struct {
	pl_slice bytes;
	int status;
	const char *error;
} refused[] = {
	{ BYTES("--AaB03xy\r\n"), 400, LINE },
	{ BYTES("--AaB03x-\r\n"), 400, LINE },
	{ BYTES("--AaB03x\n"), 400, LINE },
	{ BYTES("--AaB03x\r\r\n"), 400, LINE },
	{ BYTES(B FORM "name=a\r\n\r\n1\r\n--AaB03xy"), 400, LINE },
	{ BYTES(B FORM "name=a\r\n\r\n1\r\n--AaB03x -- "), 400, LINE },
	{ BYTES("--AaB03x--x"), 400, "something is behind the last boundary" },
	{ BYTES("--AaB03x--\r\r"), 400, "something is behind the last boundary" },
	{ BYTES("--AaB03x                                                                 \r\n"),
	  400, "too many blanks behind a boundary" },
	{ BYTES(B "\r\n1" END), 400, "a part has no Content-Disposition" },
	{ BYTES(B "X: y\r\n\r\n1" END), 400, "a part has no Content-Disposition" },
	{ BYTES(B "\n1"), 400, FIELDS },
	{ BYTES(B FORM "name=a\n\n1"), 400, FIELDS },
	{ BYTES(B FORM "name=a\r\n folded\r\n\r\n1"), 400, FIELDS },
	{ BYTES(B FORM "name=\"a\0\"\r\n\r\n1"), 400, FIELDS },
	{ BYTES(B FORM "name=\"a\rb\"\r\n\r\n1"), 400, FIELDS },
	{ BYTES(B "X Y: z\r\n\r\n1"), 400, FIELDS },
	{ BYTES(B ": z\r\n\r\n1"), 400, FIELDS },
	{ BYTES(B FORM "name=a\r\n" FORM "name=b\r\n\r\n"), 400, "several Content-Disposition" },
	{ BYTES(B FORM "name=a\r\nContent-Type: a/b\r\ncontent-type: a/b\r\n\r\n"), 400,
	  "several Content-Type of a part" },
	{ BYTES(B FORM "name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n"), 400,
	  "Content-Transfer-Encoding must not be used" },
	{ BYTES(B "Content-Disposition: attachment; name=a\r\n\r\n"), 400,
	  "Content-Disposition is not form-data" },
	{ BYTES(B "Content-Disposition: form-data\r\n\r\n"), 400,
	  "Content-Disposition has no name" },
	{ BYTES(B FORM "filename=a\r\n\r\n"), 400, "Content-Disposition has no name" },
	{ BYTES(B FORM "name=a; name=b\r\n\r\n"), 400, TWICE },
	{ BYTES(B FORM "name=a; filename=b; FileName=c\r\n\r\n"), 400, TWICE },
	{ BYTES(B FORM "name=a; filename*=UTF-8''b\r\n\r\n"), 400,
	  "filename* must not be used in multipart/form-data" },
	{ BYTES(B FORM "name\r\n\r\n"), 400, DISPOSITION },
	{ BYTES(B FORM "name=\r\n\r\n"), 400, DISPOSITION },
	{ BYTES(B FORM "name=\"a\r\n\r\n"), 400, DISPOSITION },
	{ BYTES(B FORM "name=\"a\\\"\r\n\r\n"), 400, DISPOSITION },
	{ BYTES(B FORM "name=a b\r\n\r\n"), 400, DISPOSITION },
	{ BYTES(B FORM "name=\"a\"b\r\n\r\n"), 400, DISPOSITION },
	{ BYTES(B FORM "name=a;\r\n\r\n"), 400, DISPOSITION },
	{ BYTES(B FORM "name = a\r\n\r\n"), 400, DISPOSITION },
	{ BYTES(B "Content-Disposition: form-data, name=a\r\n\r\n"), 400, DISPOSITION },
	{ BYTES(B FORM
		"name=a; x=\"0123456789012345678901234567890123456789012345678901234567890123456"
		"789012345678901234567890123456789012345678901234567890123456789\"\r\n\r\n"),
	  431, "the fields of a part are too long" },
	{ BYTES(B FORM "name=a\r\n\r\n\r\n" B FORM "name=a\r\n\r\n\r\n" B FORM
		       "name=a\r\n\r\n\r\n" B),
	  413, "too many parts" },
};

static const struct {
	pl_slice type;
	int status;
	const char *error;
} types[] = {
	{ BYTES("multipart/form-data;boundary=a"), PL_OK, NULL },
	{ BYTES("Multipart/Form-Data ; charset=utf-8; BOUNDARY=\"a b:(')+_,-./=?c\""), PL_OK,
	  NULL },
	{ BYTES("multipart/form-data; boundary="
		"0123456789012345678901234567890123456789012345678901234567890123456789"),
	  PL_OK, NULL },
	{ BYTES(""), PL_ENOTSUP, NULL },
	{ BYTES("multipart/mixed; boundary=a"), PL_ENOTSUP, NULL },
	{ BYTES("multipart/form-datax; boundary=a"), PL_ENOTSUP, NULL },
	{ BYTES("multipart/form-data"), PL_EPROTO, "no boundary of 1 to 70 characters" },
	{ BYTES("multipart/form-data; boundary=\"\""), PL_EPROTO,
	  "no boundary of 1 to 70 characters" },
	{ BYTES("multipart/form-data; boundary=\"a \""), PL_EPROTO,
	  "no boundary of 1 to 70 characters" },
	{ BYTES("multipart/form-data; boundary=\"a\\\"b\""), PL_EPROTO,
	  "no boundary of 1 to 70 characters" },
	{ BYTES("multipart/form-data; boundary=a%b"), PL_EPROTO,
	  "no boundary of 1 to 70 characters" },
	{ BYTES("multipart/form-data; boundary="
		"01234567890123456789012345678901234567890123456789012345678901234567890"),
	  PL_EPROTO, "no boundary of 1 to 70 characters" },
	{ BYTES("multipart/form-data; boundary=a; boundary=b"), PL_EPROTO,
	  "the boundary is there twice" },
	{ BYTES("multipart/form-data; boundary"), PL_EPROTO,
	  "malformed parameters of multipart/form-data" },
	{ BYTES("multipart/form-data; boundary=a b"), PL_EPROTO,
	  "malformed parameters of multipart/form-data" },
	{ BYTES("multipart/form-data; boundary=\"a"), PL_EPROTO,
	  "malformed parameters of multipart/form-data" },
};

enum { MAX_HEAD = 160, MAX_PARTS = 3, ROOM = 512 };

typedef struct run {
	pl_multipart codec;
	char rest[ROOM]; /* what was not used */
	size_t rest_len;
	char out[ROOM];
	size_t len;
} run;

static void put(run *self, pl_slice text)
{
	assert_true(self->len + text.len < ROOM);
	if (text.len > 0)
		memcpy(self->out + self->len, text.at, text.len);
	self->len += text.len;
}

static void put_text(run *self, pl_slice text)
{
	char out[ROOM];

	put(self, pl_slice_make(out, pl_multipart_text(out, text)));
}

static void put_piece(run *self, const pl_multipart_piece *piece)
{
	if (piece->kind == PL_MULTIPART_PART) {
		put_text(self, piece->part.name);
		put(self, PL_SLICE("|"));
		put_text(self, piece->part.filename);
		put(self, PL_SLICE("|"));
		put(self, piece->part.content_type);
		put(self, PL_SLICE(":"));
	} else if (piece->kind == PL_MULTIPART_DATA) {
		put(self, piece->data);
	} else if (piece->kind == PL_MULTIPART_PART_ENDS) {
		put(self, PL_SLICE("."));
	}
}

/* Gives bytes to the decoder as its owner does. */
static int feed(run *self, const char *data, size_t len)
{
	size_t size = self->rest_len + len, at = 0;
	char *copy = bytes_copy(self->rest, size);
	ptrdiff_t used = 0;

	memcpy(copy + self->rest_len, data, len);
	do {
		pl_multipart_piece piece;

		used = pl_multipart_decode(&self->codec, copy + at, size - at, &piece);
		assert_true(used <= (ptrdiff_t)(size - at));
		if (used < 0)
			break;
		assert_true(bytes_within(piece.data, pl_slice_make(copy + at, size - at)));
		put_piece(self, &piece);
		at += (size_t)used;
	} while (used > 0);
	self->rest_len = size - at;
	assert_true(used < 0 || self->rest_len <= MAX_HEAD + 256);
	memcpy(self->rest, copy + at, self->rest_len);
	free(copy);
	return used < 0 ? (int)used : PL_OK;
}

static int decode(run *self, pl_slice bytes, size_t first, size_t step)
{
	size_t from = 0, to = first < bytes.len ? first : bytes.len;
	int status;

	memset(self, 0, sizeof(*self));
	assert_int_equal(pl_multipart_init(&self->codec, PL_SLICE(TYPE)), PL_OK);
	self->codec.max_head = MAX_HEAD;
	self->codec.max_parts = MAX_PARTS;
	for (;;) {
		status = feed(self, bytes.at + from, to - from);
		if (status || to == bytes.len)
			return status;
		from = to;
		to = bytes.len - to < step ? bytes.len : to + step;
	}
}

static void check_taken(size_t row, size_t first, size_t step)
{
	run self;

	if (decode(&self, taken[row].bytes, first, step))
		fail_msg("row %zu, cut %zu, %zu: %s", row, first, step, self.codec.error);
	assert_true(pl_multipart_done(&self.codec));
	assert_int_equal(self.len, taken[row].outcome.len);
	assert_memory_equal(self.out, taken[row].outcome.at, self.len);
}

static void test_taken(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(taken); row++) {
		for (size_t first = 0; first <= taken[row].bytes.len; first++)
			check_taken(row, first, taken[row].bytes.len);
		for (size_t step = 1; step < 8; step++)
			check_taken(row, step, step);
	}
}

static void test_not_done_before_the_last_boundary(void **state)
{
	pl_slice bytes = taken[0].bytes;
	run self;

	(void)state;
	for (size_t len = 0; len < bytes.len; len++) {
		assert_int_equal(decode(&self, pl_slice_make(bytes.at, len), len, 1), PL_OK);
		assert_false(pl_multipart_done(&self.codec));
	}
}

static void check_refused(size_t row, size_t first, size_t step)
{
	run self;

	if (decode(&self, refused[row].bytes, first, step) != PL_EPROTO)
		fail_msg("row %zu, cut %zu, %zu: taken", row, first, step);
	assert_string_equal(self.codec.error, refused[row].error);
	assert_int_equal(self.codec.error_status, refused[row].status);
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

static void test_types(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(types); row++) {
		pl_multipart codec;
		int status = pl_multipart_init(&codec, types[row].type);

		if (status != types[row].status)
			fail_msg("row %zu: %s", row, pl_status_name(status));
		if (types[row].error)
			assert_string_equal(codec.error, types[row].error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_not_done_before_the_last_boundary),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
