#include "codec/frame_end.h"

#include <string.h>

bool pl_frame_end_set(pl_frame_end *end, enum pl_frame_scan scan, pl_slice bytes)
{
	*end = (pl_frame_end){ .scan = (uint8_t)scan };
	if (scan == PL_FRAME_SCAN_NONE)
		return bytes.len == 0;
	if (bytes.len == 0 || bytes.len > PL_FRAME_END_MAX)
		return false;
	memcpy(end->bytes, bytes.at, bytes.len);
	end->len = (uint8_t)bytes.len;
	return true;
}

static size_t smaller(size_t one, size_t other)
{
	return one < other ? one : other;
}

/* Not memmem: a thread sanitizer takes all of the data for read by each call, which are as many as
 * there are frames. */
static const uint8_t *find(const uint8_t *data, size_t len, const pl_frame_end *end)
{
	const uint8_t *stop = data + len;

	while ((size_t)(stop - data) >= end->len) {
		data = memchr(data, end->bytes[0], (size_t)(stop - data) - end->len + 1);
		if (!data || memcmp(data, end->bytes, end->len) == 0)
			return data;
		data++;
	}
	return NULL;
}

/* An end that begins in `before` and ends in `data`; only the bytes around the border count. */
static size_t find_across(const pl_frame_end *end, const uint8_t *before, size_t before_len,
			  const uint8_t *data, size_t len)
{
	uint8_t border[2 * PL_FRAME_END_MAX];
	size_t left = smaller(before_len, end->len - 1u), right = smaller(len, end->len - 1u);
	const uint8_t *found;

	if (left == 0)
		return 0;
	memcpy(border, before + before_len - left, left);
	memcpy(border + left, data, right);
	found = find(border, left + right, end);
	return found ? (size_t)(found - border) + end->len - left : 0;
}

static size_t find_anywhere(const pl_frame_end *end, const uint8_t *before, size_t before_len,
			    const uint8_t *data, size_t len)
{
	size_t across = find_across(end, before, before_len, data, len);
	const uint8_t *found;

	if (across > 0)
		return across;
	found = find(data, len, end);
	return found ? (size_t)(found - data) + end->len : 0;
}

static size_t find_last(const pl_frame_end *end, const uint8_t *before, size_t before_len,
			const uint8_t *data, size_t len)
{
	size_t right = smaller(len, end->len), left = end->len - right;
	bool ends = before_len >= left && memcmp(data + len - right, end->bytes + left, right) == 0;

	if (ends && left > 0)
		ends = memcmp(before + before_len - left, end->bytes, left) == 0;
	return ends ? len : 0;
}

size_t pl_frame_end_find(const pl_frame_end *end, const uint8_t *before, size_t before_len,
			 const uint8_t *data, size_t len)
{
	if (len == 0 || end->scan == PL_FRAME_SCAN_NONE)
		return len;
	return (end->scan == PL_FRAME_SCAN_ALL ? find_anywhere : find_last)(end, before, before_len,
									    data, len);
}
