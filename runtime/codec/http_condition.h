/*
 * http_condition.h - conditional requests (RFC 9110 13): whether GET or HEAD is to be performed.
 *
 * Pure.
 */
#ifndef PL_CODEC_HTTP_CONDITION_H
#define PL_CODEC_HTTP_CONDITION_H

#include <stdint.h>

#include "codec/http_head.h"

/* What there is of the selected representation. */
typedef struct pl_http_validators {
	pl_slice etag;	  /* strong, in its quotes */
	int64_t modified; /* seconds since 1970; -1: not known */
} pl_http_validators;

enum {
	PL_HTTP_PERFORM = 200,	    /* the whole representation */
	PL_HTTP_PERFORM_PART = 206, /* what the Range field asks for */
	PL_HTTP_NOT_MODIFIED = 304,
	PL_HTTP_FAILED = 412
};

/*
 * Evaluates If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since and If-Range, in the
 * order of 13.2.2, for a GET (`part` is set) or HEAD (which knows no ranges) that would succeed.
 * With PL_HTTP_PERFORM_PART, *range is the value of Range.
 *
 * Dates that are none, or are on several lines, are ignored (13.1.3, 13.1.4), several Range fields
 * too. Tags that are none match nothing. A date in If-Range has to be exactly `modified`, and that
 * at least a second before `now`, so that nothing came after it within its second (8.8.2.2).
 */
int pl_http_evaluate(const pl_http_field *fields, size_t count,
		     const pl_http_validators *validators, int64_t now, bool part, pl_slice *range);

#endif
