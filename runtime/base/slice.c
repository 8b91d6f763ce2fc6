/* slice.c - looking at borrowed text. */
#include "base/slice.h"

static unsigned char lower(char c)
{
	unsigned char byte = (unsigned char)c;

	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

bool pl_slice_equal(pl_slice a, pl_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool pl_slice_equal_nocase(pl_slice a, pl_slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.at[i]) != lower(b.at[i]))
			return false;
	return true;
}

size_t pl_slice_find(pl_slice a, char c)
{
	const char *found = a.len > 0 ? memchr(a.at, c, a.len) : NULL;

	return found ? (size_t)(found - a.at) : a.len;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

pl_slice pl_slice_trim(pl_slice a)
{
	while (a.len > 0 && is_blank(a.at[a.len - 1]))
		a.len--;
	while (a.len > 0 && is_blank(a.at[0])) {
		a.at++;
		a.len--;
	}
	return a;
}

static pl_slice take_to_comma(pl_slice *rest)
{
	size_t comma = pl_slice_find(*rest, ',');
	size_t used = comma < rest->len ? comma + 1 : comma;
	pl_slice taken = { rest->at, comma };

	if (used > 0)
		rest->at += used;
	rest->len -= used;
	return taken;
}

bool pl_slice_next_element(pl_slice *rest, pl_slice *element)
{
	while (rest->len > 0) {
		*element = pl_slice_trim(take_to_comma(rest));
		if (element->len > 0)
			return true;
	}
	return false;
}

bool pl_slice_has_element(pl_slice list, pl_slice element)
{
	pl_slice candidate;

	while (pl_slice_next_element(&list, &candidate))
		if (pl_slice_equal_nocase(candidate, element))
			return true;
	return false;
}

bool pl_slice_to_u64(pl_slice a, uint64_t max, uint64_t *value)
{
	uint64_t most = max / 10;
	uint64_t sum = 0;

	if (a.len == 0)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		unsigned digit = (unsigned char)a.at[i] - (unsigned)'0';

		if (digit > 9 || sum > most || (sum == most && digit > max % 10))
			return false;
		sum = sum * 10 + digit;
	}
	*value = sum;
	return true;
}

pl_slice pl_slice_from_u64(char room[PL_SLICE_DIGITS], uint64_t value)
{
	size_t first = PL_SLICE_DIGITS;

	do {
		room[--first] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return pl_slice_make(room + first, PL_SLICE_DIGITS - first);
}

int pl_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}
