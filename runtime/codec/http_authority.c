#include "codec/http_authority.h"

#include "codec/http_char.h"

static pl_slice skip(pl_slice text, size_t count)
{
	return pl_slice_make(text.at + count, text.len - count);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* dec-octet: 0 to 255 without leading zeros. */
static bool octet_valid(pl_slice text)
{
	uint64_t value;

	return pl_slice_to_u64(text, 255, &value) && (text.len == 1 || text.at[0] != '0');
}

static bool ipv4_valid(pl_slice text)
{
	for (int dots = 0; dots < 3; dots++) {
		size_t dot = pl_slice_find(text, '.');

		if (dot == text.len || !octet_valid(pl_slice_make(text.at, dot)))
			return false;
		text = skip(text, dot + 1);
	}
	return octet_valid(text);
}

/* The hex digits at the front of text, at most four. */
static size_t group_length(pl_slice text)
{
	size_t len = 0;

	while (len < 4 && len < text.len && pl_hex_digit(text.at[len]) >= 0)
		len++;
	return len;
}

static bool starts_with(pl_slice text, pl_slice start)
{
	return text.len >= start.len && memcmp(text.at, start.at, start.len) == 0;
}

/* IPv6address: eight groups, or fewer with one "::"; the last two may be written as IPv4. */
static bool ipv6_valid(pl_slice text)
{
	bool gap = starts_with(text, PL_SLICE("::"));
	unsigned groups = 0;

	if (gap)
		text = skip(text, 2);
	while (text.len > 0) {
		size_t len = group_length(text);

		if (len < text.len && text.at[len] == '.') {
			groups += 2;
			return ipv4_valid(text) && (gap ? groups < 8 : groups == 8);
		}
		if (len == 0 || ++groups > 8)
			return false;
		text = skip(text, len);
		if (text.len == 0)
			break;
		if (starts_with(text, PL_SLICE("::")) && !gap) {
			gap = true;
			text = skip(text, 2);
		} else if (text.at[0] == ':' && text.len > 1) {
			text = skip(text, 1);
		} else {
			return false;
		}
	}
	return gap ? groups < 8 : groups == 8;
}

/* The length of a reg-name, an IPv4 address among them, at the front of text. */
static size_t name_length(pl_slice text)
{
	size_t i = 0;

	while (i < text.len) {
		if (pl_http_is(text.at[i], PL_HTTP_NAME))
			i++;
		else if (text.at[i] == '%' && group_length(skip(text, i + 1)) >= 2)
			i += 3;
		else
			break;
	}
	return i;
}

/* The length of the host at the front of text; 0 when there is none. */
static size_t host_length(pl_slice text)
{
	size_t close;

	if (text.len == 0 || text.at[0] != '[')
		return name_length(text);
	close = pl_slice_find(text, ']');
	if (close == text.len || !ipv6_valid(pl_slice_make(text.at + 1, close - 1)))
		return 0;
	return close + 1;
}

bool pl_http_authority_valid(pl_slice text)
{
	size_t host = host_length(text);
	uint64_t port;

	if (host == 0 || host == text.len)
		return host > 0;
	if (text.at[host] != ':')
		return false;
	text = skip(text, host + 1);
	return text.len == 0 || pl_slice_to_u64(text, UINT16_MAX, &port);
}

pl_slice pl_http_authority_port(pl_slice authority)
{
	size_t start = authority.len;

	while (start > 0 && is_digit(authority.at[start - 1]))
		start--;
	if (start == 0 || authority.at[start - 1] != ':')
		start = authority.len;
	return skip(authority, start);
}
