#include "codec/http_pack.h"

#include <stdint.h>
#include <string.h>

#include "base/slice.h"

enum { FIRST_WORD = 0x80, LITERAL = 0x01 };

/* Words begin with a line end or a blank, and are sorted by the byte that follows; of those that
 * begin alike the longest comes first. */
static const pl_slice lines[] = {
	PL_SLICE("\r\n\r\n"),
	PL_SLICE("\r\nAccept-Encoding: gzip, deflate, br, zstd"),
	PL_SLICE("\r\nAccept-Encoding: gzip, deflate, br"),
	PL_SLICE("\r\nAccept-Encoding: gzip, deflate"),
	PL_SLICE("\r\nAccept-Encoding: "),
	PL_SLICE("\r\nAccept-Language: en-US,en;q=0.9"),
	PL_SLICE("\r\nAccept-Language: en-US,en;q=0.5"),
	PL_SLICE("\r\nAccept-Language: "),
	PL_SLICE("\r\nAccept: */*"),
	PL_SLICE("\r\nAccept: "),
	PL_SLICE("\r\nAuthorization: Basic "),
	PL_SLICE("\r\nAuthorization: Bearer "),
	PL_SLICE("\r\nAuthorization: "),
	PL_SLICE("\r\nCache-Control: no-cache"),
	PL_SLICE("\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "),
	PL_SLICE("\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "),
	PL_SLICE("\r\nConnection: Upgrade"),
	PL_SLICE("\r\nConnection: keep-alive, Upgrade"),
	PL_SLICE("\r\nConnection: "),
	PL_SLICE("\r\nCookie: "),
	PL_SLICE("\r\nHost: "),
	PL_SLICE("\r\nOrigin: http://"),
	PL_SLICE("\r\nOrigin: https://"),
	PL_SLICE("\r\nOrigin: "),
	PL_SLICE("\r\nPragma: no-cache"),
	PL_SLICE("\r\nSec-Fetch-Dest: empty"),
	PL_SLICE("\r\nSec-Fetch-Dest: websocket"),
	PL_SLICE("\r\nSec-Fetch-Mode: websocket"),
	PL_SLICE("\r\nSec-Fetch-Site: cross-site"),
	PL_SLICE("\r\nSec-Fetch-Site: same-origin"),
	PL_SLICE("\r\nSec-Fetch-Site: same-site"),
	PL_SLICE("\r\nSec-GPC: 1"),
	PL_SLICE("\r\nSec-WebSocket-Accept: "),
	PL_SLICE("\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
		 "client_no_context_takeover"),
	PL_SLICE("\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
	PL_SLICE("\r\nSec-WebSocket-Extensions: permessage-deflate"),
	PL_SLICE("\r\nSec-WebSocket-Extensions: "),
	PL_SLICE("\r\nSec-WebSocket-Key: "),
	PL_SLICE("\r\nSec-WebSocket-Protocol: "),
	PL_SLICE("\r\nSec-WebSocket-Version: 13\r\n\r\n"),
	PL_SLICE("\r\nSec-WebSocket-Version: 13"),
	PL_SLICE("\r\nServer: Perilune\r\n\r\n"),
	PL_SLICE("\r\nServer: "),
	PL_SLICE("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "),
	PL_SLICE("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "),
	PL_SLICE("\r\nUpgrade: websocket\r\nConnection: Upgrade"),
	PL_SLICE("\r\nUpgrade: websocket"),
	PL_SLICE("\r\nUser-Agent: Mozilla/5.0"),
	PL_SLICE("\r\nUser-Agent: "),
	PL_SLICE("\r\nX-Forwarded-For: "),
	PL_SLICE("\r\nX-Forwarded-Proto: https"),
	PL_SLICE("\r\nX-Forwarded-Proto: "),
	PL_SLICE("\r\nX-Real-IP: "),
};

static const pl_slice words[] = {
	PL_SLICE(" (KHTML, like Gecko) Chrome/"),
	PL_SLICE(" (KHTML, like Gecko) Version/"),
	PL_SLICE(" (KHTML, like Gecko)"),
	PL_SLICE(" (Linux; Android 10; K)"),
	PL_SLICE(" (Macintosh; Intel Mac OS X 10_15_7)"),
	PL_SLICE(" (Windows NT 10.0; Win64; x64)"),
	PL_SLICE(" (Windows NT 10.0; Win64; x64; rv:"),
	PL_SLICE(" (X11; Linux x86_64)"),
	PL_SLICE(" (X11; Linux x86_64; rv:"),
	PL_SLICE(" (iPhone; CPU iPhone OS "),
	PL_SLICE(" 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Accept: "),
	PL_SLICE(" AppleWebKit/537.36"),
	PL_SLICE(" AppleWebKit/605.1.15"),
	PL_SLICE(" Gecko/20100101 Firefox/"),
	PL_SLICE(" HTTP/1.1\r\nHost: 127.0.0.1:"),
	PL_SLICE(" HTTP/1.1\r\nHost: localhost:"),
	PL_SLICE(" HTTP/1.1\r\nHost: "),
	PL_SLICE(" HTTP/1.1"),
	PL_SLICE(" Mobile Safari/537.36"),
	PL_SLICE(" Safari/537.36"),
	PL_SLICE(" Safari/604.1"),
	PL_SLICE(" like Mac OS X)"),
};

enum { LINES = sizeof(lines) / sizeof(lines[0]), WORDS = sizeof(words) / sizeof(words[0]) };

_Static_assert(FIRST_WORD + LINES + WORDS <= 256, "a byte for each word");

/* Index of the word at the front of text, or -1. `key` is where words that begin alike differ. */
static int find(const pl_slice *table, int count, size_t key, pl_slice text)
{
	int low = 0, high = count;

	if (text.len <= key)
		return -1;
	while (low < high) {
		int middle = (low + high) / 2;

		if (table[middle].at[key] < text.at[key])
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < count && table[low].at[key] == text.at[key]; low++)
		if (table[low].len <= text.len &&
		    memcmp(table[low].at, text.at, table[low].len) == 0)
			return low;
	return -1;
}

/* The word at the front of text; 0: none. */
static uint8_t word_of(pl_slice text, size_t *len)
{
	int index = -1;

	if (text.at[0] == '\r') {
		index = find(lines, LINES, 2, text);
		*len = index < 0 ? 0 : lines[index].len;
	} else if (text.at[0] == ' ') {
		index = find(words, WORDS, 1, text);
		*len = index < 0 ? 0 : words[index].len;
		index = index < 0 ? -1 : index + LINES;
	}
	return index < 0 ? 0 : (uint8_t)(FIRST_WORD + index);
}

size_t pl_http_pack(char *out, const char *text, size_t len)
{
	size_t used = 0;
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		uint8_t byte = word_of(pl_slice_make(text + i, len - i), &step);

		if (!byte) {
			byte = (uint8_t)text[i];
			step = 1;
			if (byte >= FIRST_WORD || byte == LITERAL) {
				if (out)
					out[used] = LITERAL;
				used++;
			}
		}
		if (out)
			out[used] = (char)byte;
		used++;
	}
	return used;
}

size_t pl_http_unpack(char *out, const char *packed, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)packed[i];
		pl_slice word = { packed + i, 1 };

		if (byte == LITERAL && i + 1 < len)
			word.at = packed + ++i;
		else if (byte >= FIRST_WORD + LINES + WORDS)
			word.len = 0; /* no packing makes it */
		else if (byte >= FIRST_WORD + LINES)
			word = words[byte - FIRST_WORD - LINES];
		else if (byte >= FIRST_WORD)
			word = lines[byte - FIRST_WORD];
		if (out)
			memcpy(out + used, word.at, word.len);
		used += word.len;
	}
	return used;
}
