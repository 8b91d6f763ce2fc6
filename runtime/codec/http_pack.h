/*
 * http_pack.h - heads of HTTP messages in few bytes, for those that have to be kept.
 *
 * What most heads share (names of fields, whole lines, pieces of browsers' User-Agent) becomes one
 * byte of 0x80 or more; all else stays as it is, but that a byte which could be taken for one of
 * those comes behind a 0x01. Any bytes can be packed. Pure; for use within the process only, for
 * the table may change.
 */
#ifndef PL_CODEC_HTTP_PACK_H
#define PL_CODEC_HTTP_PACK_H

#include <stddef.h>

/* Packs text and returns the size, at most twice its length; out NULL: only tells it. */
size_t pl_http_pack(char *out, const char *text, size_t len);

/* The same text again, and its length; out NULL: only tells it. */
size_t pl_http_unpack(char *out, const char *packed, size_t len);

#endif
