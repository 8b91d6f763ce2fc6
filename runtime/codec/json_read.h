/*
 * json_read.h - JSON (RFC 8259): text to tokens.
 *
 * Pure: no I/O, no allocation, no nesting; the caller knows which token may follow which.
 * Strict: no comments, no leading zeros, no control characters in strings, no half
 * surrogate pairs, no bytes that are not UTF-8, no byte order mark.
 */
#ifndef PL_CODEC_JSON_READ_H
#define PL_CODEC_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

enum pl_json_kind {
	PL_JSON_END, /* of the text */
	PL_JSON_NULL,
	PL_JSON_FALSE,
	PL_JSON_TRUE,
	PL_JSON_NUMBER,
	PL_JSON_STRING,
	PL_JSON_ARRAY,
	PL_JSON_ARRAY_END,
	PL_JSON_OBJECT,
	PL_JSON_OBJECT_END,
	PL_JSON_COLON,
	PL_JSON_COMMA
};

typedef struct pl_json_token {
	enum pl_json_kind kind;
	bool escaped; /* a string that pl_json_unescape has to finish */
	bool exact;   /* a number whose value is `number`; others are left to a correct strtod */
	double number;
	const char *at; /* the token in the text; of a string, what is between its quotes */
	size_t len;
} pl_json_token;

typedef struct pl_json_reader {
	const char *at; /* the next byte; after an error, the one that is wrong */
	const char *end;
	const char *reason; /* what is wrong there, in words */
} pl_json_reader;

/* Takes the next token. PL_OK, PL_EPROTO or PL_EUTF8. At the end of the text the token is
 * PL_JSON_END, as often as asked. */
int pl_json_next(pl_json_reader *reader, pl_json_token *token);

/* Writes an escaped string's text to out, which has room for token->len bytes, and returns
 * its length. */
size_t pl_json_unescape(char *out, const pl_json_token *token);

#endif
