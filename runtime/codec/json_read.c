#include "codec/json_read.h"

#include <float.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"
#include "base/status.h"
#include "codec/json_plain.h"
#include "codec/utf8.h"

enum {
	MAX_DIGITS = 19,      /* that surely fit a uint64_t */
	MAX_EXPONENT = 99999, /* beyond any double; keeps the sum from overflowing */
};

static int fail(pl_json_reader *reader, const char *at, const char *reason)
{
	reader->at = at;
	reader->reason = at < reader->end ? reason : "the text ends too early";
	return PL_EPROTO;
}

static bool is_digit(const pl_json_reader *reader, const char *p)
{
	return p < reader->end && *p >= '0' && *p <= '9';
}

/* The value of digits * 10^exponent when one operation on exact doubles gives it, and so
 * rounds only once (Clinger, "How to read floating point numbers accurately", 1990). */
static bool exact_number(uint64_t digits, int exponent, double *number)
{
	static const double powers[] = { 1e0,  1e1,  1e2,  1e3,	 1e4,  1e5,  1e6,  1e7,
					 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
					 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

	if (FLT_EVAL_METHOD != 0 || digits > UINT64_C(1) << 53 || exponent < -22 || exponent > 22)
		return false;
	*number = (double)digits;
	if (exponent < 0)
		*number /= powers[-exponent];
	else
		*number *= powers[exponent];
	return true;
}

/* Reads digits behind p on into *value; returns the first byte that is none. */
static const char *read_digits(const pl_json_reader *reader, const char *p, uint64_t *value)
{
	for (; is_digit(reader, p); p++)
		*value = *value * 10 + (uint64_t)(*p - '0');
	return p;
}

/* Adds the number behind an e to *exponent; returns where it ends, or where it has no digit. */
static const char *read_exponent(const pl_json_reader *reader, const char *p, int *exponent)
{
	bool negative = p < reader->end && *p == '-';
	int value = 0;

	if (p < reader->end && (*p == '-' || *p == '+'))
		p++;
	for (; is_digit(reader, p); p++)
		if (value < MAX_EXPONENT)
			value = value * 10 + (*p - '0');
	*exponent += negative ? -value : value;
	return p;
}

static int read_number(pl_json_reader *reader, pl_json_token *token)
{
	const char *start = reader->at, *p = start + (*start == '-'), *first = p, *fraction;
	uint64_t digits = 0;
	int exponent = 0;
	size_t count;

	if (!is_digit(reader, p))
		return fail(reader, p, "a digit is expected");
	p = *p == '0' ? p + 1 : read_digits(reader, p, &digits);
	count = (size_t)(p - first);
	if (p < reader->end && *p == '.') {
		fraction = p + 1;
		p = read_digits(reader, fraction, &digits);
		if (p == fraction)
			return fail(reader, p, "a digit is expected");
		count += (size_t)(p - fraction);
		exponent = count > MAX_DIGITS ? 0 : -(int)(p - fraction);
	}
	if (p < reader->end && (*p == 'e' || *p == 'E')) {
		p = read_exponent(reader, p + 1, &exponent);
		if (!is_digit(reader, p - 1))
			return fail(reader, p, "a digit is expected");
	}
	token->kind = PL_JSON_NUMBER;
	token->at = start;
	token->len = (size_t)(p - start);
	token->exact = count <= MAX_DIGITS && exact_number(digits, exponent, &token->number);
	if (token->exact && *start == '-')
		token->number = -token->number;
	reader->at = p;
	return PL_OK;
}

/* The code unit of four hex digits at p, or -1. */
static int read_unit(const pl_json_reader *reader, const char *p)
{
	int unit = 0;

	if (reader->end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = pl_hex_digit(p[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* Checks the escape whose backslash is at p; returns the byte behind it, or NULL. */
static const char *check_escape(const pl_json_reader *reader, const char *p)
{
	int unit;

	if (reader->end - p < 2)
		return NULL;
	if (p[1] != 'u')
		return p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) ? p + 2 : NULL;
	unit = read_unit(reader, p + 2);
	if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
		return NULL;
	if (unit < 0xD800 || unit > 0xDBFF)
		return p + 6;
	if (reader->end - p < 12 || p[6] != '\\' || p[7] != 'u')
		return NULL;
	unit = read_unit(reader, p + 8);
	return unit >= 0xDC00 && unit <= 0xDFFF ? p + 12 : NULL;
}

static int read_string(pl_json_reader *reader, pl_json_token *token)
{
	const char *start = reader->at + 1, *p = start;
	uint8_t seen = 0;

	token->kind = PL_JSON_STRING;
	token->escaped = false;
	for (;;) {
		p += pl_json_plain(p, (size_t)(reader->end - p), &seen);
		if (p == reader->end)
			return fail(reader, p, "");
		if (*p == '"')
			break;
		if (*p != '\\')
			return fail(reader, p, "a control character in a string is not escaped");
		token->escaped = true;
		const char *behind = check_escape(reader, p);

		if (!behind)
			return fail(reader, p, "not an escape, or half of a surrogate pair");
		p = behind;
	}
	token->at = start;
	token->len = (size_t)(p - start);
	if (seen >= 0x80 && !pl_utf8_valid((const uint8_t *)start, token->len)) {
		fail(reader, start, "a string is not valid UTF-8");
		return PL_EUTF8;
	}
	reader->at = p + 1;
	return PL_OK;
}

static int read_word(pl_json_reader *reader, pl_json_token *token, enum pl_json_kind kind,
		     const char *word, size_t len)
{
	if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0)
		return fail(reader, reader->at, "a value is expected");
	*token = (pl_json_token){ .kind = kind, .at = reader->at, .len = len };
	reader->at += len;
	return PL_OK;
}

static int read_mark(pl_json_reader *reader, pl_json_token *token, enum pl_json_kind kind)
{
	token->kind = kind;
	token->at = reader->at++;
	token->len = 1;
	return PL_OK;
}

int pl_json_next(pl_json_reader *reader, pl_json_token *token)
{
	while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
					    *reader->at == '\t' || *reader->at == '\r'))
		reader->at++;
	if (reader->at == reader->end) {
		*token = (pl_json_token){ .kind = PL_JSON_END, .at = reader->at };
		return PL_OK;
	}
	switch (*reader->at) {
	case '"':
		return read_string(reader, token);
	case '{':
		return read_mark(reader, token, PL_JSON_OBJECT);
	case '}':
		return read_mark(reader, token, PL_JSON_OBJECT_END);
	case '[':
		return read_mark(reader, token, PL_JSON_ARRAY);
	case ']':
		return read_mark(reader, token, PL_JSON_ARRAY_END);
	case ':':
		return read_mark(reader, token, PL_JSON_COLON);
	case ',':
		return read_mark(reader, token, PL_JSON_COMMA);
	case 't':
		return read_word(reader, token, PL_JSON_TRUE, "true", 4);
	case 'f':
		return read_word(reader, token, PL_JSON_FALSE, "false", 5);
	case 'n':
		return read_word(reader, token, PL_JSON_NULL, "null", 4);
	default:
		if (*reader->at == '-' || is_digit(reader, reader->at))
			return read_number(reader, token);
		return fail(reader, reader->at, "a value is expected");
	}
}

static char *put_utf8(char *out, uint32_t point)
{
	if (point < 0x80) {
		*out++ = (char)point;
		return out;
	}
	if (point < 0x800) {
		*out++ = (char)(0xC0 | point >> 6);
	} else {
		if (point < 0x10000) {
			*out++ = (char)(0xE0 | point >> 12);
		} else {
			*out++ = (char)(0xF0 | point >> 18);
			*out++ = (char)(0x80 | (point >> 12 & 0x3F));
		}
		*out++ = (char)(0x80 | (point >> 6 & 0x3F));
	}
	*out++ = (char)(0x80 | (point & 0x3F));
	return out;
}

/* Four hex digits that are known to be there. */
static uint32_t unit_at(const char *p)
{
	uint32_t unit = 0;

	for (int i = 0; i < 4; i++)
		unit = unit << 4 | (uint32_t)pl_hex_digit(p[i]);
	return unit;
}

/* Writes what the escape at *p stands for and moves *p behind it. */
static char *put_escape(char *out, const char **p)
{
	static const char names[] = "bfnrt", meanings[] = "\b\f\n\r\t";
	const char *escape = *p + 1, *name;
	uint32_t point;

	if (*escape == 'u') {
		point = unit_at(escape + 1);
		*p += 6;
		if (point >= 0xD800 && point <= 0xDBFF) {
			point = 0x10000 + ((point - 0xD800) << 10) + (unit_at(*p + 2) - 0xDC00);
			*p += 6;
		}
		return put_utf8(out, point);
	}
	name = strchr(names, *escape);
	*out++ = name ? meanings[name - names] : *escape;
	*p += 2;
	return out;
}

size_t pl_json_unescape(char *out, const pl_json_token *token)
{
	const char *p = token->at, *end = p + token->len;
	char *start = out;

	while (p < end) {
		const char *escape = memchr(p, '\\', (size_t)(end - p));
		size_t run = (size_t)((escape ? escape : end) - p);

		memcpy(out, p, run);
		out += run;
		p += run;
		if (escape)
			out = put_escape(out, &p);
	}
	return (size_t)(out - start);
}
