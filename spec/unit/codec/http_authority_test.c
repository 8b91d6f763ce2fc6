#include "bytes.h"

#include "codec/http_authority.h"

static const struct {
	pl_slice text;
	pl_slice port;
} valid[] = {
	{ BYTES("a"), BYTES("") },
	{ BYTES("localhost"), BYTES("") },
	{ BYTES("example.com"), BYTES("") },
	{ BYTES("example.com."), BYTES("") },
	{ BYTES("example.com:80"), BYTES("80") },
	{ BYTES("example.com:"), BYTES("") },
	{ BYTES("example.com:0"), BYTES("0") },
	{ BYTES("example.com:00080"), BYTES("00080") },
	{ BYTES("example.com:1929"), BYTES("1929") },
	{ BYTES("example.com:65535"), BYTES("65535") },
	{ BYTES("127.0.0.1:8080"), BYTES("8080") },
	/* Not IPv4, so a reg-name (RFC 3986 3.2.2) */
	{ BYTES("999.1.1.1"), BYTES("") },
	{ BYTES("8080"), BYTES("") },
	{ BYTES("under_score.example"), BYTES("") },
	{ BYTES("xn--bcher-kva.example"), BYTES("") },
	{ BYTES("b%C3%BCcher.example:81"), BYTES("81") },
	{ BYTES("!$&'()*+,;=-._~"), BYTES("") },
	/* IPv6 */
	{ BYTES("[::]"), BYTES("") },
	{ BYTES("[::1]"), BYTES("") },
	{ BYTES("[::1]:443"), BYTES("443") },
	{ BYTES("[::1]:"), BYTES("") },
	{ BYTES("[1::]"), BYTES("") },
	{ BYTES("[1:2:3:4:5:6:7:8]"), BYTES("") },
	{ BYTES("[1:2:3:4:5:6:7::]"), BYTES("") },
	{ BYTES("[::2:3:4:5:6:7:8]"), BYTES("") },
	{ BYTES("[1:2:3::5:6:7:8]"), BYTES("") },
	{ BYTES("[2001:DB8::00fF]:1"), BYTES("1") },
	{ BYTES("[::ffff:192.0.2.255]"), BYTES("") },
	{ BYTES("[1:2:3:4:5:6:0.0.0.0]"), BYTES("") },
	{ BYTES("[1:2:3:4:5::1.2.3.4]"), BYTES("") },
	{ BYTES("[::1.2.3.4]"), BYTES("") },
};

static const pl_slice refused[] = {
	BYTES(""),
	BYTES(":"),
	BYTES(":80"),
	BYTES("a:b"),
	BYTES("a:8a"),
	BYTES("a:+8"),
	BYTES("a: 8"),
	BYTES("a:65536"),
	BYTES("a:18446744073709551696"),
	BYTES("a:80:80"),
	BYTES("::1"),
	BYTES("1::2"),
	/* userinfo, path and others that end an authority */
	BYTES("user@a"),
	BYTES("user:pass@a"),
	BYTES("a/"),
	BYTES("a?b"),
	BYTES("a#b"),
	BYTES("a\\b"),
	/* Bytes */
	BYTES("a b"),
	BYTES(" a"),
	BYTES("a\0"),
	BYTES("a\t"),
	BYTES("a\""),
	BYTES("<a>"),
	BYTES("a\x7F"),
	BYTES("b\xC3\xBC"),
	/* Escapes */
	BYTES("a%"),
	BYTES("a%4"),
	BYTES("a%4g"),
	BYTES("%g1"),
	BYTES("a%%41"),
	/* IPv6 */
	BYTES("["),
	BYTES("[]"),
	BYTES("[::1"),
	BYTES("::1]"),
	BYTES("[::1]x"),
	BYTES("[::1]80"),
	BYTES("[::1]]"),
	BYTES("[[::1]]"),
	BYTES("x[::1]"),
	BYTES("[:]"),
	BYTES("[:::]"),
	BYTES("[1]"),
	BYTES("[1:]"),
	BYTES("[:1]"),
	BYTES("[1:2:3:4:5:6:7]"),
	BYTES("[1:2:3:4:5:6:7:]"),
	BYTES("[1:2:3:4:5:6:7:8:]"),
	BYTES("[1:2:3:4:5:6:7:8:9]"),
	BYTES("[1:2:3:4:5:6:7:8::]"),
	BYTES("[::1:2:3:4:5:6:7:8]"),
	BYTES("[1::2::3]"),
	BYTES("[1:::2]"),
	BYTES("[12345::]"),
	BYTES("[::g]"),
	BYTES("[::1.2.3]"),
	BYTES("[::1.2.3.4.5]"),
	BYTES("[::1.2.3.256]"),
	BYTES("[::01.2.3.4]"),
	BYTES("[::1.2.3.]"),
	BYTES("[::a.2.3.4]"),
	BYTES("[::1.2.3.4:5]"),
	BYTES("[1:2:3:4:5:6:7:1.2.3.4]"),
	BYTES("[1:2:3:4:5:6::1.2.3.4]"),
	BYTES("[1:2:3:4:5:1.2.3.4]"),
	BYTES("[1.2.3.4]"),
	BYTES("[fe80::1%25eth0]"),
	BYTES("[v1.a]"),
};

static bool check(pl_slice text)
{
	char *copy = bytes_copy(text.at, text.len);
	bool answer = pl_http_authority_valid(pl_slice_make(copy, text.len));

	free(copy);
	return answer;
}

static void test_valid(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(valid); i++) {
		pl_slice port = pl_http_authority_port(valid[i].text);

		if (!check(valid[i].text))
			fail_msg("row %zu: \"%s\" was refused", i, valid[i].text.at);
		assert_true(pl_slice_equal(port, valid[i].port));
		assert_true(bytes_within(port, valid[i].text));
	}
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++)
		if (check(refused[i]))
			fail_msg("row %zu: \"%s\" was taken", i, refused[i].at);
}

/* No byte outside the grammar is taken at the start, in the middle or at the end. */
static void test_every_byte(void **state)
{
	static const char extra[] = "-._~!$&'()*+,;=";

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		char c = (char)byte;
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool fits = letter || (c >= '0' && c <= '9') || (c != 0 && strchr(extra, c));
		char first[] = { c, 'a' }, middle[] = { 'a', c, 'b' }, last[] = { 'a', c };

		assert_int_equal(check(pl_slice_make(first, 2)), fits);
		assert_int_equal(check(pl_slice_make(middle, 3)), fits);
		assert_int_equal(check(pl_slice_make(last, 2)), fits || c == ':');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
