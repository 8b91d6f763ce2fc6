/*
 * http_coding.h - which content coding a client wants (RFC 9110 12.5.3, Accept-Encoding).
 *
 * Pure.
 */
#ifndef PL_CODEC_HTTP_CODING_H
#define PL_CODEC_HTTP_CODING_H

#include <stdint.h>

#include "codec/http_head.h"

/* In the order in which we prefer them among equals. */
enum pl_http_coding { PL_HTTP_BR, PL_HTTP_GZIP, PL_HTTP_IDENTITY, PL_HTTP_CODINGS };

/* How much each is wanted: 0 (not at all) to 1000; 1 for identity that is not named, so that all
 * that is named comes before it. */
typedef struct pl_http_codings {
	uint16_t weight[PL_HTTP_CODINGS];
} pl_http_codings;

/* All lines of Accept-Encoding among the fields. Elements that are no coding with a weight are
 * passed over, and of equal codings the first counts. Without the field all is identity. */
void pl_http_codings_decode(pl_http_codings *codings, const pl_http_field *fields, size_t count);

/* The one that is wanted most of those in `there` (bits of 1 << coding); PL_HTTP_CODINGS when none
 * is acceptable. */
enum pl_http_coding pl_http_codings_choose(const pl_http_codings *codings, unsigned there);

/* "br", "gzip", "identity" */
pl_slice pl_http_coding_name(enum pl_http_coding coding);

#endif
