#include "codec/json_write.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "codec/json_plain.h"
#include "codec/utf8.h"

enum {
	NUMBER_MAX = 40, /* "-1.7976931348623157e+308" and a decimal point of many bytes */
	ESCAPE_MAX = 6	 /* \u001f */
};

static const double largest_exact = 9007199254740992.0; /* 2^53 */

/* Writes the decimal digits of value before end; returns the first of them. */
static char *put_digits(char *end, uint64_t value)
{
	do
		*--end = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	return end;
}

/* digits / 10^decimals, decimals > 0. */
static char *put_fixed(char *end, uint64_t digits, int decimals)
{
	for (int i = 0; i < decimals; i++, digits /= 10)
		*--end = (char)('0' + digits % 10);
	*--end = '.';
	return put_digits(end, digits);
}

/* The text of a fraction >= 1e-4 of at most 15 digits, or NULL when it has more. A quotient of
 * exact doubles is rounded as a reader rounds its text, so equality proves that the text reads
 * back. */
static char *put_short_fraction(char *end, double number)
{
	double power = 10, scaled = number * power;

	for (int decimals = 1; scaled < largest_exact; decimals++) {
		uint64_t digits = (uint64_t)(scaled + 0.5);

		if ((double)digits / power == number)
			return put_fixed(end, digits, decimals);
		power *= 10; /* exact up to 1e22 */
		scaled = number * power;
	}
	return NULL;
}

/* Whatever the locale writes for the decimal point becomes a point. */
static size_t use_point(char *text, size_t len)
{
	size_t start = strspn(text, "0123456789"), behind;

	if (start == len || text[start] == 'e')
		return len;
	behind = start + strcspn(text + start, "0123456789");
	text[start] = '.';
	memmove(text + start + 1, text + behind, len - behind + 1);
	return len - (behind - start) + 1;
}

static size_t print_shortest(char *text, double number, int precision)
{
	int len = 0;

	for (; precision <= 17; precision++) {
		len = snprintf(text, NUMBER_MAX, "%.*g", precision, number);
		if (strtod(text, NULL) == number)
			break;
	}
	return use_point(text, (size_t)len);
}

int pl_json_write_number(pl_buffer *out, double number)
{
	char text[1 + NUMBER_MAX], *end = text + sizeof(text), *start = NULL;
	double size = fabs(number);
	int precision = 15;

	if (size <= largest_exact && size == (double)(uint64_t)size) {
		start = put_digits(end, (uint64_t)size);
	} else if (FLT_EVAL_METHOD == 0 && size >= 1e-4 && size < largest_exact) {
		start = put_short_fraction(end, size);
		precision = 16;
	}
	if (!start) {
		start = text + 1;
		end = start + print_shortest(start, size, precision);
	}
	if (signbit(number))
		*--start = '-';
	return pl_buffer_append(out, start, (size_t)(end - start));
}

/* What follows the backslash for this character; 'u' for the long form, 0 for none. */
static char escape_of(unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return c < 0x20 ? 'u' : 0;
	}
}

/* Writes the escape of c, which has room, and returns where it ends. */
static uint8_t *put_escape(uint8_t *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";

	*out++ = '\\';
	*out++ = (uint8_t)escape_of(c);
	if (out[-1] != 'u')
		return out;
	*out++ = '0';
	*out++ = '0';
	*out++ = (uint8_t)hex[c >> 4];
	*out++ = (uint8_t)hex[c & 15];
	return out;
}

/* What stands between the quotes. */
static int write_characters(pl_buffer *out, const char *text, size_t len, uint8_t *seen)
{
	size_t i = 0;

	while (i < len) {
		size_t run = pl_json_plain(text + i, len - i, seen);
		int status = pl_buffer_reserve(out, run + ESCAPE_MAX);

		if (status != PL_OK)
			return status;
		memcpy(out->data + out->len, text + i, run);
		out->len += run;
		i += run;
		if (i < len) {
			uint8_t *end = put_escape(out->data + out->len, (uint8_t)text[i++]);

			out->len = (size_t)(end - out->data);
		}
	}
	return PL_OK;
}

int pl_json_write_string(pl_buffer *out, const char *text, size_t len)
{
	size_t start = out->len;
	uint8_t seen = 0;
	int status = pl_buffer_reserve(out, len + 2);

	if (status != PL_OK)
		return status;
	out->data[out->len++] = '"';
	status = write_characters(out, text, len, &seen);
	if (status == PL_OK && seen >= 0x80 && !pl_utf8_valid((const uint8_t *)text, len))
		status = PL_EUTF8;
	if (status == PL_OK)
		status = pl_buffer_append(out, "\"", 1);
	if (status != PL_OK)
		out->len = start;
	return status;
}
