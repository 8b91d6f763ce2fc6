#include "codec/json_write.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "codec/utf8.h"

enum {
	NUMBER_MAX = 40,  /* "-1.7976931348623157e+308" and a decimal point of many bytes */
	DECIMALS_MAX = 8, /* tried before the general way; covers prices and coordinates */
	ESCAPE_MAX = 6	  /* \u001f */
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

/* The text of a short decimal fraction, or NULL. A quotient of exact doubles is rounded as a
 * reader rounds its text, so equality proves that the text reads back. */
static char *put_short_fraction(char *end, double number)
{
	double power = 1;

	if (FLT_EVAL_METHOD != 0 || number < 1e-4)
		return NULL;
	for (int decimals = 1; decimals <= DECIMALS_MAX; decimals++) {
		power *= 10;
		double scaled = number * power + 0.5;

		if (scaled >= largest_exact)
			return NULL;
		uint64_t digits = (uint64_t)scaled;

		if ((double)digits / power == number)
			return put_fixed(end, digits, decimals);
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

static size_t print_shortest(char *text, double number)
{
	int len = 0;

	for (int precision = 15; precision <= 17; precision++) {
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

	if (size <= largest_exact && size == (double)(uint64_t)size)
		start = put_digits(end, (uint64_t)size);
	else if (size < largest_exact)
		start = put_short_fraction(end, size);
	if (!start) {
		start = text + 1;
		end = start + print_shortest(start, size);
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

static int write_escape(pl_buffer *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	const char escape[ESCAPE_MAX] = { '\\', escape_of(c), '0', '0', hex[c >> 4], hex[c & 15] };

	return pl_buffer_append(out, escape, escape[1] == 'u' ? ESCAPE_MAX : 2);
}

/* Length of the start of text that needs no escape. */
static size_t plain_length(const char *text, size_t len, unsigned char *seen)
{
	size_t i = 0;

	for (; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == '"' || c == '\\')
			break;
		*seen |= c;
	}
	return i;
}

int pl_json_write_string(pl_buffer *out, const char *text, size_t len)
{
	size_t start = out->len;
	unsigned char seen = 0;
	int status = pl_buffer_reserve(out, len + 2);

	if (status == PL_OK)
		status = pl_buffer_append(out, "\"", 1);
	for (size_t i = 0; status == PL_OK && i < len; i++) {
		size_t run = plain_length(text + i, len - i, &seen);

		status = pl_buffer_append(out, text + i, run);
		i += run;
		if (status == PL_OK && i < len)
			status = write_escape(out, (unsigned char)text[i]);
	}
	if (status == PL_OK && seen >= 0x80 && !pl_utf8_valid((const uint8_t *)text, len))
		status = PL_EUTF8;
	if (status == PL_OK)
		status = pl_buffer_append(out, "\"", 1);
	if (status != PL_OK)
		out->len = start;
	return status;
}
