/* buffer.c - growing and using up. */
#include "base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

enum { FIRST_CAP = 64 };

void pl_buffer_deinit(pl_buffer *buffer)
{
	pl_free(buffer->data);
	*buffer = (pl_buffer){ 0 };
}

/* The capacity after as many doublings as `need` takes; need itself when one more
 * would go beyond the largest object there can be. */
static size_t grown(size_t cap, size_t need)
{
	if (cap < FIRST_CAP)
		cap = FIRST_CAP;
	while (cap < need) {
		if (cap > PTRDIFF_MAX / 2)
			return need;
		cap *= 2;
	}
	return cap;
}

int pl_buffer_grow(pl_buffer *buffer, size_t cap)
{
	uint8_t *data = cap <= PTRDIFF_MAX ? pl_realloc(buffer->data, cap) : NULL;

	if (!data)
		return PL_ENOMEM;
	buffer->data = data;
	buffer->cap = cap;
	return PL_OK;
}

int pl_buffer_reserve(pl_buffer *buffer, size_t extra)
{
	if (extra <= buffer->cap - buffer->len)
		return PL_OK;
	if (extra > PTRDIFF_MAX - buffer->len)
		return PL_ENOMEM;
	return pl_buffer_grow(buffer, grown(buffer->cap, buffer->len + extra));
}

int pl_buffer_append(pl_buffer *buffer, const void *data, size_t len)
{
	int status = pl_buffer_reserve(buffer, len);

	if (status != PL_OK || len == 0)
		return status;
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	return PL_OK;
}

/* Formats into the room there is. *len receives what the whole text takes. */
static int format_into(pl_buffer *buffer, size_t *len, const char *format, va_list args)
{
	size_t room = buffer->cap - buffer->len;
	int wanted = vsnprintf((char *)buffer->data + buffer->len, room, format, args);

	if (wanted < 0)
		return PL_EINVAL;
	*len = (size_t)wanted;
	return *len < room ? PL_OK : PL_ETOOBIG;
}

static int format_end(pl_buffer *buffer, size_t *len, const char *format, va_list args)
{
	int status = pl_buffer_reserve(buffer, 1);
	va_list again;

	if (status != PL_OK)
		return status;
	va_copy(again, args);
	status = format_into(buffer, len, format, args);
	if (status == PL_ETOOBIG)
		status = pl_buffer_reserve(buffer, *len + 1);
	if (status == PL_OK)
		status = format_into(buffer, len, format, again);
	va_end(again);
	return status;
}

int pl_buffer_printf(pl_buffer *buffer, const char *format, ...)
{
	size_t len = 0;
	va_list args;
	int status;

	va_start(args, format);
	status = format_end(buffer, &len, format, args);
	va_end(args);
	if (status == PL_OK)
		buffer->len += len;
	return status;
}

void pl_buffer_consume(pl_buffer *buffer, size_t n)
{
	assert(n <= buffer->len);
	if (n == 0)
		return;
	buffer->len -= n;
	memmove(buffer->data, buffer->data + n, buffer->len);
}
