/*
 * buffer.h - bytes that grow at the end and are used up from the front.
 */
#ifndef PL_BASE_BUFFER_H
#define PL_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

typedef struct pl_buffer {
	uint8_t *data; /* NULL while cap is 0 */
	size_t len;
	size_t cap;
} pl_buffer;

/* All zero is a valid empty buffer. */
void pl_buffer_deinit(pl_buffer *buffer); /* frees; leaves a valid empty buffer */

/* Makes room for `extra` bytes behind len; grows by doubling. PL_OK or PL_ENOMEM. */
int pl_buffer_reserve(pl_buffer *buffer, size_t extra);

/* Makes the capacity `cap`, which is more than it is. PL_OK or PL_ENOMEM. */
int pl_buffer_grow(pl_buffer *buffer, size_t cap);

int pl_buffer_append(pl_buffer *buffer, const void *data, size_t len);

/* printf at the end; the NUL is not counted. PL_OK, PL_ENOMEM, or PL_EINVAL when the C
 * library cannot format it. Adds nothing unless PL_OK. */
int pl_buffer_printf(pl_buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Drops n (<= len) bytes at the front; the rest moves down. */
void pl_buffer_consume(pl_buffer *buffer, size_t n);

#endif
