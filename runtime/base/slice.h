/*
 * slice.h - a borrowed piece of text: never NUL-terminated, never owned.
 */
#ifndef PL_BASE_SLICE_H
#define PL_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct pl_slice {
	const char *at;
	size_t len;
} pl_slice;

/* A slice of a string literal. */
#define PL_SLICE(literal) ((pl_slice){ "" literal, sizeof(literal) - 1 })

static inline pl_slice pl_slice_make(const char *at, size_t len)
{
	return (pl_slice){ at, len };
}

bool pl_slice_equal(pl_slice a, pl_slice b);
bool pl_slice_equal_nocase(pl_slice a, pl_slice b); /* ASCII letters only */

/* Index of the first c, or a.len when there is none. */
size_t pl_slice_find(pl_slice a, char c);

/* Without spaces and tabs at both ends (OWS of RFC 9110 5.6.3). */
pl_slice pl_slice_trim(pl_slice a);

/* Takes the next element of a comma-separated list (RFC 9110 5.6.1), trimmed, from
 * the front of *rest. Empty elements are passed over. False when none is left. Elements
 * are taken to be tokens: a comma within a quoted string separates, too. */
bool pl_slice_next_element(pl_slice *rest, pl_slice *element);

/* Whether a comma-separated list has this element (ASCII case ignored). */
bool pl_slice_has_element(pl_slice list, pl_slice element);

/* Decimal digits only, at least one, no sign; false on anything else or above max. */
bool pl_slice_to_u64(pl_slice a, uint64_t max, uint64_t *value);

/* The decimal digits of value, at the end of room. */
enum { PL_SLICE_DIGITS = 20 };
pl_slice pl_slice_from_u64(char room[PL_SLICE_DIGITS], uint64_t value);

/* 0..15, or -1 when c is no hex digit. */
int pl_hex_digit(char c);

#endif
