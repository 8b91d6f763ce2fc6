#include "bytes.h"

#include "base/status.h"
#include "codec/socks.h"

static uint8_t out[PL_SOCKS_MAX];

static pl_socks_target target_of(const char *host, uint16_t port)
{
	pl_socks_target target = { .port = port };

	if (!pl_address_parse(&target.address, host))
		target.name = pl_slice_make(host, strlen(host));
	return target;
}

static const struct {
	const char *host, *user;
	pl_slice bytes;
} requests4[] = {
	{ "1.2.3.4", "", BYTES("\x04\x01\x01\xBB\x01\x02\x03\x04\0") },
	{ "1.2.3.4", "me", BYTES("\x04\x01\x01\xBB\x01\x02\x03\x04me\0") },
	{ "a.example", "me", BYTES("\x04\x01\x01\xBB\0\0\0\1me\0a.example\0") },
	{ "0.1.0.1", "", BYTES("\x04\x01\x01\xBB\0\1\0\1\0") },
};

static void test_requests4(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests4); i++) {
		pl_socks_target target = target_of(requests4[i].host, 443);
		pl_slice user = { requests4[i].user, strlen(requests4[i].user) };
		int len = pl_socks4_request_encode(out, &target, user);

		assert_int_equal(len, requests4[i].bytes.len);
		assert_memory_equal(out, requests4[i].bytes.at, (size_t)len);
	}
}

static const struct {
	const char *host;
	pl_slice bytes;
} requests5[] = {
	{ "1.2.3.4", BYTES("\x05\x01\0\x01\x01\x02\x03\x04\x01\xBB") },
	{ "::1", BYTES("\x05\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x01\xBB") },
	{ "a.example", BYTES("\x05\x01\0\x03\x09"
			     "a.example\x01\xBB") },
};

static void test_requests5(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests5); i++) {
		pl_socks_target target = target_of(requests5[i].host, 443);
		int len = pl_socks5_request_encode(out, &target);

		assert_int_equal(len, requests5[i].bytes.len);
		assert_memory_equal(out, requests5[i].bytes.at, (size_t)len);
	}
	assert_int_equal(pl_socks5_offer_encode(out, false), 3);
	assert_memory_equal(out, "\5\1\0", 3);
	assert_int_equal(pl_socks5_offer_encode(out, true), 4);
	assert_memory_equal(out, "\5\2\0\2", 4);
	assert_int_equal(pl_socks5_password_encode(out, PL_SLICE("me"), PL_SLICE("sesame")), 11);
	assert_memory_equal(out, "\1\2me\6sesame", 11);
}

static void test_what_cannot_be_said(void **state)
{
	char text[256];
	pl_slice most = pl_slice_make(text, 255), more = pl_slice_make(text, 256);
	pl_socks_target six = target_of("::1", 1), zero = target_of("0.0.0.7", 1);
	pl_socks_target name = target_of("a", 1), nothing = { .port = 1 };

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(pl_socks4_request_encode(out, &six, PL_SLICE("")), PL_EINVAL);
	assert_int_equal(pl_socks4_request_encode(out, &zero, PL_SLICE("")), PL_EINVAL);
	assert_int_equal(pl_socks4_request_encode(out, &nothing, PL_SLICE("")), PL_EINVAL);
	assert_int_equal(pl_socks4_request_encode(out, &name, more), PL_EINVAL);
	assert_int_equal(pl_socks4_request_encode(out, &name, PL_SLICE("a\0b")), PL_EINVAL);
	name.name = PL_SLICE("a\0b");
	assert_int_equal(pl_socks4_request_encode(out, &name, PL_SLICE("")), PL_EINVAL);
	assert_int_equal(pl_socks5_request_encode(out, &nothing), PL_EINVAL);
	name.name = more;
	assert_int_equal(pl_socks5_request_encode(out, &name), PL_EINVAL);
	name.name = most;
	assert_int_equal(pl_socks5_request_encode(out, &name), 4 + 1 + 255 + 2);
	assert_int_equal(pl_socks5_password_encode(out, PL_SLICE(""), most), PL_EINVAL);
	assert_int_equal(pl_socks5_password_encode(out, most, PL_SLICE("")), PL_EINVAL);
	assert_int_equal(pl_socks5_password_encode(out, more, most), PL_EINVAL);
	assert_int_equal(pl_socks5_password_encode(out, most, more), PL_EINVAL);
	assert_int_equal(pl_socks5_password_encode(out, most, most), 3 + 2 * 255);
	/* The longest request fits. */
	assert_int_equal(pl_socks4_request_encode(out, &name, most), PL_SOCKS_MAX - 1);
}

typedef int decoder(uint8_t *value, const uint8_t *buf, size_t len, const char **error);

static const struct {
	decoder *decode;
	pl_slice bytes;
	int result; /* bytes used, 0 for more, or < 0 */
	uint8_t value;
} answers[] = {
	{ pl_socks4_reply_decode, BYTES("\0\x5A\1\2\3\4\5\6"), 8, 90 },
	{ pl_socks4_reply_decode, BYTES("\0\x5D\1\2\3\4\5\6x"), 8, 93 },
	{ pl_socks4_reply_decode, BYTES("\0\x5A\1\2\3\4\5"), 0, 0 },
	{ pl_socks4_reply_decode, BYTES("\4\x5A\1\2\3\4\5\6"), PL_EPROTO, 0 },
	{ pl_socks4_reply_decode, BYTES("\0\x59"), PL_EPROTO, 0 },
	{ pl_socks4_reply_decode, BYTES("\0\x5E"), PL_EPROTO, 0 },
	{ pl_socks4_reply_decode, BYTES("\5\0"), PL_EPROTO, 0 },
	{ pl_socks4_reply_decode, BYTES("HTTP/1.1"), PL_EPROTO, 0 },
	{ pl_socks5_choice_decode, BYTES("\5\0"), 2, 0 },
	{ pl_socks5_choice_decode, BYTES("\5\xFFx"), 2, 0xFF },
	{ pl_socks5_choice_decode, BYTES("\5"), 0, 0 },
	{ pl_socks5_choice_decode, BYTES("\4\0"), PL_EPROTO, 0 },
	{ pl_socks5_choice_decode, BYTES("\0\x5B\0\0\0\0\0\0"), PL_EPROTO, 0 },
	{ pl_socks5_status_decode, BYTES("\1\0"), 2, 0 },
	{ pl_socks5_status_decode, BYTES("\1\1"), 2, 1 },
	{ pl_socks5_status_decode, BYTES("\5\0"), PL_EPROTO, 0 },
	{ pl_socks5_reply_decode, BYTES("\5\0\0\1\1\2\3\4\5\6"), 10, 0 },
	{ pl_socks5_reply_decode, BYTES("\5\0\0\1\1\2\3\4\5"), 0, 0 },
	{ pl_socks5_reply_decode, BYTES("\5\0\0\3\0\1\2"), 7, 0 },
	{ pl_socks5_reply_decode, BYTES("\5\0\0\3\2ab\1\2z"), 9, 0 },
	{ pl_socks5_reply_decode,
	  BYTES("\5\0\0\3\xFF"
		"ab\1\2"),
	  0, 0 },
	{ pl_socks5_reply_decode, BYTES("\5\0\0\3"), 0, 0 },
	{ pl_socks5_reply_decode,
	  BYTES("\5\0\0\4"
		"0123456789abcdef\1\2"),
	  22, 0 },
	{ pl_socks5_reply_decode, BYTES("\5\0\0\2"), PL_EPROTO, 0 },
	{ pl_socks5_reply_decode, BYTES("\5\0\0\0"), PL_EPROTO, 0 },
	{ pl_socks5_reply_decode, BYTES("\5\0\1"), PL_EPROTO, 0 },
	{ pl_socks5_reply_decode, BYTES("\4"), PL_EPROTO, 0 },
	{ pl_socks5_reply_decode, BYTES("\5\5"), 2, 5 },
	{ pl_socks5_reply_decode, BYTES("\5\5\0\1\0\0\0\0\0\0"), 2, 5 },
};

static void test_answers_in_pieces(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(answers); row++) {
		pl_slice bytes = answers[row].bytes;
		int result = 0;

		for (size_t len = 0; len <= bytes.len && result == 0; len++) {
			uint8_t *memory = bytes_copy(bytes.at, len);
			const char *error = NULL;
			uint8_t value = 0;

			result = answers[row].decode(&value, memory, len, &error);
			free(memory);
			assert_int_equal(result < 0, error != NULL);
			if (result > 0)
				assert_int_equal(value, answers[row].value);
			if (result > 0)
				assert_int_equal(len, (size_t)result);
		}
		if (result != answers[row].result)
			fail_msg("row %zu: %d", row, result);
	}
}

static void test_codes(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 256; code++) {
		assert_non_null(pl_socks4_text((uint8_t)code));
		assert_non_null(pl_socks5_text((uint8_t)code));
		assert_int_equal(pl_socks5_status((uint8_t)code) == PL_OK, code == 0);
	}
	assert_int_equal(pl_socks5_status(2), PL_EACCES);
	assert_int_equal(pl_socks5_status(6), PL_ETIMEDOUT);
	assert_string_equal(pl_socks5_text(5), "the host refuses the connection");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests4),
		cmocka_unit_test(test_requests5),
		cmocka_unit_test(test_what_cannot_be_said),
		cmocka_unit_test(test_answers_in_pieces),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
