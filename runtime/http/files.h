/*
 * files.h - answers an exchange with a file below a root, or with bytes in memory.
 */
#ifndef PL_HTTP_FILES_H
#define PL_HTTP_FILES_H

#include "http/exchange.h"

/* Called once when the answer cannot be given by this file (PL_ENOENT: no such file, or a name that
 * may not be asked for): the exchange is the callee's again, with nothing sent; it owns the
 * exchange anew or answers it. May come before pl_files_serve returns. The request's body up to
 * now is discarded; exchange->received tells whether `end` is still to come. */
typedef void (*pl_files_missing)(void *owner, pl_exchange *exchange, int status);

/*
 * Answers GET and HEAD with the file that the request's path names below `root` (a folder; must
 * outlive the answer): "/" and "/dir/" mean index.html there; "/dir" of a folder redirects (301) to
 * "/dir/". The body is streamed piece by piece, waiting for `drain`; nothing blocks the loop. Other
 * methods: 405 with Allow. Sends Content-Type by the name's ending, Content-Length and
 * X-Content-Type-Options: nosniff. Takes the exchange over (pl_exchange_own); a request body is
 * discarded. An unreadable file answers 403, out of descriptors 503, an I/O failure 500 or, when
 * bytes are out, an abort.
 */
void pl_files_serve(pl_exchange *exchange, const char *root, pl_files_missing missing, void *owner);

/* Answers GET and HEAD with these bytes, which must live until the program ends. */
void pl_files_serve_bytes(pl_exchange *exchange, pl_slice bytes, const char *media_type);

#endif
