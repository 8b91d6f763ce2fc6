#include "codec/http_range.h"

#include <stdbool.h>
#include <string.h>

/* Digits, at least one; what does not fit is as good as the largest number. */
static bool read_position(pl_slice text, uint64_t *value)
{
	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
	if (!pl_slice_to_u64(text, UINT64_MAX, value))
		*value = UINT64_MAX;
	return true;
}

/* "-N": the last N bytes. */
static bool read_suffix(pl_slice text, uint64_t size, pl_http_range *range)
{
	uint64_t len;

	if (!read_position(text, &len))
		return false;
	range->len = len < size ? len : size;
	range->first = size - range->len;
	return true;
}

/* "N-" or "N-M". */
static bool read_positions(pl_slice first, pl_slice last, uint64_t size, pl_http_range *range)
{
	uint64_t end = UINT64_MAX;

	if (!read_position(first, &range->first) ||
	    (last.len > 0 && (!read_position(last, &end) || end < range->first)))
		return false;
	range->len = 0;
	if (range->first < size)
		range->len = (end < size ? end + 1 : size) - range->first;
	return true;
}

/* One range-spec; its len is 0 when it cannot be satisfied. */
static bool read_spec(pl_slice spec, uint64_t size, pl_http_range *range)
{
	size_t dash = pl_slice_find(spec, '-');
	pl_slice behind;

	if (dash == spec.len)
		return false;
	behind = pl_slice_make(spec.at + dash + 1, spec.len - dash - 1);
	if (dash == 0)
		return read_suffix(behind, size, range);
	return read_positions(pl_slice_make(spec.at, dash), behind, size, range);
}

/* What is behind "bytes=". */
static bool read_unit(pl_slice *value)
{
	size_t equals = pl_slice_find(*value, '=');

	if (equals == value->len ||
	    !pl_slice_equal_nocase(pl_slice_make(value->at, equals), PL_SLICE("bytes")))
		return false;
	*value = pl_slice_make(value->at + equals + 1, value->len - equals - 1);
	return true;
}

int pl_http_range_decode(pl_http_range *ranges, size_t max, pl_slice value, uint64_t size)
{
	size_t asked = 0;
	size_t count = 0;
	bool suffix_of_nothing = false;
	pl_slice spec;

	if (!read_unit(&value))
		return PL_HTTP_RANGE_IGNORED;
	while (pl_slice_next_element(&value, &spec)) {
		pl_http_range range;

		if (asked++ == max || !read_spec(spec, size, &range))
			return PL_HTTP_RANGE_IGNORED;
		if (range.len > 0)
			ranges[count++] = range;
		else if (size == 0 && spec.at[0] == '-')
			suffix_of_nothing = true;
	}
	/* The last bytes of nothing are all of it, which no Content-Range can say (14.1.2). */
	if (asked == 0 || (count == 0 && suffix_of_nothing))
		return PL_HTTP_RANGE_IGNORED;
	return count > 0 ? (int)count : PL_HTTP_RANGE_OUTSIDE;
}

static char *put_text(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	return at + len;
}

static char *put_number(char *at, uint64_t value)
{
	char room[PL_SLICE_DIGITS];
	pl_slice digits = pl_slice_from_u64(room, value);

	return put_text(at, digits.at, digits.len);
}

size_t pl_http_content_range_encode(char out[PL_HTTP_CONTENT_RANGE_MAX], const pl_http_range *range,
				    uint64_t size)
{
	char *at = put_text(out, "bytes ", 6);

	at = put_number(at, range->first);
	*at++ = '-';
	at = put_number(at, range->first + range->len - 1);
	*at++ = '/';
	return (size_t)(put_number(at, size) - out);
}

size_t pl_http_unsatisfied_range_encode(char out[PL_HTTP_CONTENT_RANGE_MAX], uint64_t size)
{
	return (size_t)(put_number(put_text(out, "bytes */", 8), size) - out);
}
