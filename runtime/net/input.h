/*
 * input.h - bytes from a descriptor such as standard input: a terminal, a pipe, a socket, a file.
 *
 * It reads only when it is asked to, one piece for each asking, so that what nobody wants stays
 * where it is. The descriptor's own flags, which other processes share, are left as they are.
 */
#ifndef PL_NET_INPUT_H
#define PL_NET_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"

enum { PL_INPUT_PIECE = 65536 };

typedef struct pl_input pl_input;

/* A piece, borrowed; len 0 at the end, which may be followed by more (a terminal's Ctrl-D); or
 * status < 0. */
typedef void pl_input_got(void *owner, int status, const uint8_t *data, size_t len);

/* fd is borrowed until pl_input_close. PL_OK, PL_EACCES (fd is not open for reading), PL_ENOMEM. */
int pl_input_open(pl_input **input, pl_loop *loop, int fd, pl_input_got *got, void *owner);

/* `got` will come once, not within this call. Does not hold the loop while it waits for others.
 * PL_OK or PL_ENOMEM. */
int pl_input_ask(pl_input *input);

/* `got` will not come. What was read meanwhile is for the next asking. */
void pl_input_forget(pl_input *input);

void pl_input_close(pl_input *input); /* NULL is allowed */

#endif
