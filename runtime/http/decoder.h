/*
 * decoder.h - content codings taken off as the bytes come (RFC 9110 8.4): gzip (RFC 1952), deflate
 * (RFC 1950, and RFC 1951 bare, as some servers mean it), br (RFC 7932).
 *
 * The caller says how much room there is, and no more is made: who is sent a bomb decides for
 * himself when it is enough.
 */
#ifndef PL_HTTP_DECODER_H
#define PL_HTTP_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum pl_decoder_coding { PL_DECODER_IDENTITY, PL_DECODER_GZIP, PL_DECODER_DEFLATE, PL_DECODER_BR };

/* The coding of this name ("x-gzip" is gzip, RFC 9110 8.4.1.3; "" is identity). False: unknown. */
bool pl_decoder_find(enum pl_decoder_coding *coding, pl_slice name);

typedef struct pl_decoder pl_decoder;

/* Not for identity. PL_OK or PL_ENOMEM. */
int pl_decoder_new(pl_decoder **decoder, enum pl_decoder_coding coding);
void pl_decoder_free(pl_decoder *decoder); /* NULL is allowed */

/* Decodes from the front of *in, which is moved, to out; *len is its room, and then what was made.
 * It goes on until the input is used up or the room is: call it again while *len was all the room.
 * PL_OK, PL_EPROTO for what is not of this coding, also behind its end, PL_ENOMEM. */
int pl_decoder_run(pl_decoder *decoder, pl_slice *in, uint8_t *out, size_t *len);

/* Whether the input may end here: the coding has, or has not begun. */
bool pl_decoder_whole(const pl_decoder *decoder);

#endif
