#include "unit/codec/bytes.h"

#include "codec/http_pack.h"

/* Packs text, checks that it comes back, and tells the size. */
static size_t pack(const char *text, size_t len)
{
	char *given = bytes_copy(text, len);
	size_t size = pl_http_pack(NULL, given, len);
	char *packed = malloc(size + 1);
	char *back;

	packed[size] = '#';
	assert_true(size <= 2 * len);
	assert_int_equal(pl_http_pack(packed, given, len), size);
	assert_int_equal(packed[size], '#');
	assert_int_equal(pl_http_unpack(NULL, packed, size), len);
	back = malloc(len + 1);
	back[len] = '#';
	assert_int_equal(pl_http_unpack(back, packed, size), len);
	assert_memory_equal(back, text, len);
	assert_int_equal(back[len], '#');
	free(back);
	free(packed);
	free(given);
	return size;
}

#define PACK(literal) pack(literal, sizeof(literal) - 1)

static void heads_become_small(void **state)
{
	(void)state;
	assert_int_equal(
		PACK("GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nUpgrade: websocket\r\n"
		     "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		     "Sec-WebSocket-Version: 13\r\n\r\n"),
		5 + 1 + 4 + 1 + 24 + 1);
	assert_int_equal(
		PACK("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		     "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
		     "Server: Perilune\r\n\r\n"),
		8 + 1 + 28 + 1);
	assert_in_range(
		PACK("GET /chat HTTP/1.1\r\nHost: chat.example:8080\r\nConnection: Upgrade\r\n"
		     "Pragma: no-cache\r\nCache-Control: no-cache\r\n"
		     "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
		     "(KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n"
		     "Upgrade: websocket\r\nOrigin: https://chat.example\r\n"
		     "Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
		     "Accept-Language: en-US,en;q=0.9\r\n"
		     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		     "Sec-WebSocket-Extensions: permessage-deflate; "
		     "client_max_window_bits\r\n\r\n"),
		1, 100);
}

static void the_longest_word_is_taken(void **state)
{
	(void)state;
	assert_int_equal(PACK("\r\nAccept-Encoding: gzip, deflate, br, zstd"), 1);
	assert_int_equal(PACK("\r\nAccept-Encoding: gzip, deflate, br"), 1);
	assert_int_equal(PACK("\r\nAccept-Encoding: gzip"), 1 + 4);
	assert_int_equal(PACK("\r\nConnection: Upgrade"), 1);
	assert_int_equal(PACK("\r\nX-Real-IP: "), 1);
	assert_int_equal(PACK(" HTTP/1.1\r\nHost: "), 1);
	assert_int_equal(PACK(" HTTP/1.1"), 1);
	assert_int_equal(PACK(" (KHTML, like Gecko)"), 1);
	assert_int_equal(PACK(" like Mac OS X)"), 1);
	assert_int_equal(PACK("\r\n\r\n"), 1);
}

static void any_bytes_come_back(void **state)
{
	char text[512];

	(void)state;
	assert_int_equal(pack("", 0), 0);
	for (int i = 0; i < 256; i++) {
		text[2 * i] = (char)i;
		text[2 * i + 1] = (char)(255 - i);
	}
	assert_int_equal(pack(text, sizeof(text)), sizeof(text) + 2 * (128 + 1));
	assert_int_equal(PACK("\xff"), 2);
	assert_int_equal(PACK("\x01\x01"), 4);
	assert_int_equal(PACK(" \r \n\r\n"), 6);
}

/* Every packed byte stands for what packs to it again: no word of the tables is out of its order.
 */
static void every_word_is_found(void **state)
{
	char packed, word[256];
	int count = 0;

	(void)state;
	for (int byte = 0x80; byte < 256; byte++) {
		size_t len;

		packed = (char)byte;
		len = pl_http_unpack(NULL, &packed, 1);
		assert_true(len < sizeof(word));
		if (len == 0)
			continue;
		pl_http_unpack(word, &packed, 1);
		print_message("%.*s\n", (int)len, word);
		assert_int_equal(pack(word, len), 1);
		count++;
	}
	assert_in_range(count, 60, 128);
}

static void every_part_of_a_head_comes_back(void **state)
{
	static const char head[] =
		"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 (X11)\r\n\r\n";

	(void)state;
	for (size_t from = 0; from < sizeof(head); from++)
		for (size_t to = from; to < sizeof(head); to++)
			pack(head + from, to - from);
}

static void what_was_not_packed_does_no_harm(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(pl_http_unpack(out, "\x01", 1), 1); /* nothing behind it */
	assert_int_equal(pl_http_unpack(out, "\xff", 1), 0); /* no such word */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_become_small),
		cmocka_unit_test(the_longest_word_is_taken),
		cmocka_unit_test(any_bytes_come_back),
		cmocka_unit_test(every_word_is_found),
		cmocka_unit_test(every_part_of_a_head_comes_back),
		cmocka_unit_test(what_was_not_packed_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
