/*
 * http_text.h - small vocabularies of HTTP: reason phrases, media types.
 */
#ifndef PL_CODEC_HTTP_TEXT_H
#define PL_CODEC_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* "Not Found" for 404 (RFC 9110 15 and the IANA registry); "" for a code that has none. */
const char *pl_http_reason(int status);

/* The media type for a file name's ending, with charset=utf-8 for text;
 * "application/octet-stream" for what is not known. */
const char *pl_http_media_type(pl_slice file_name);

/* Whether bytes of this type (parameters are passed over) get smaller by a content coding as a
 * rule: text, and what is built of it. */
bool pl_http_media_compressible(pl_slice type);

#endif
