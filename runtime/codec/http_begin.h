/*
 * http_begin.h - whether a connection begins with a request of HTTP/1 (RFC 9112 3), on a port where
 * other protocols are spoken as well.
 *
 * Decided by the method: those of the registry (RFC 9110 16.1.1) and a blank behind. So a line of
 * another protocol that begins with capital letters ("CONNECT" of STOMP, "NICK ann") is none, and
 * neither is a method of the application's own.
 */
#ifndef PL_CODEC_HTTP_BEGIN_H
#define PL_CODEC_HTTP_BEGIN_H

#include <stddef.h>
#include <stdint.h>

enum { PL_HTTP_METHOD_MAX = 17 }; /* UPDATEREDIRECTREF */

/* 1: it does; 0: more bytes are needed to tell, of which there are at most PL_HTTP_METHOD_MAX; -1:
 * it does not. */
int pl_http_begin(const uint8_t *bytes, size_t len);

#endif
