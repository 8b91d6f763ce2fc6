#include "codec/binary_header.h"

#include <stdbool.h>

#include "base/status.h"
#include "codec/utf8.h"

static bool is_space(uint8_t byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static int refuse(const char **error, const char *phrase)
{
	*error = phrase;
	return PL_EPROTO;
}

int64_t pl_binary_header_decode(pl_slice *text, const uint8_t *message, size_t len,
				const char **error)
{
	size_t at = 0, begin;
	uint64_t number = 0;

	if (len < PL_BINARY_HEADER_DIGITS)
		return refuse(error, "it is shorter than a header");
	while (at < PL_BINARY_HEADER_DIGITS && is_space(message[at]))
		at++;
	begin = at;
	while (at < PL_BINARY_HEADER_DIGITS && message[at] >= '0' && message[at] <= '9')
		number = number * 10 + (message[at++] - '0');
	if (at == begin)
		return refuse(error, "it does not begin with a number");
	if (number > len - PL_BINARY_HEADER_DIGITS)
		return refuse(error, "its header is longer than itself");
	if (!pl_utf8_valid(message + PL_BINARY_HEADER_DIGITS, (size_t)number))
		return refuse(error, "its header is no UTF-8");
	*text = pl_slice_make((const char *)message + PL_BINARY_HEADER_DIGITS, (size_t)number);
	return PL_BINARY_HEADER_DIGITS + (int64_t)number;
}

void pl_binary_header_encode(uint8_t out[PL_BINARY_HEADER_DIGITS], size_t text_len)
{
	for (int i = PL_BINARY_HEADER_DIGITS - 1; i >= 0; i--) {
		out[i] = (uint8_t)('0' + text_len % 10);
		text_len /= 10;
	}
}
