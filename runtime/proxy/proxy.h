/*
 * proxy.h - a connection through a proxy: HTTP CONNECT (RFC 9110 9.3.6), SOCKS4, 4a, SOCKS5.
 *
 * A session over a stream to the proxy, which may be TLS. It asks for a tunnel to the host and
 * hands the stream on. Nothing of the answer is believed beyond its limits; whoever breaks the
 * protocol is told of in `why`.
 */
#ifndef PL_PROXY_PROXY_H
#define PL_PROXY_PROXY_H

#include "base/slice.h"
#include "net/stream.h"

enum pl_proxy_kind { PL_PROXY_HTTP, PL_PROXY_SOCKS4, PL_PROXY_SOCKS4A, PL_PROXY_SOCKS5 };

enum {
	PL_PROXY_TEXT_MAX = 255, /* of a host, a user, a password */
	PL_PROXY_ANSWER = 32768	 /* a good limit for the answer to CONNECT */
};

typedef struct pl_proxy pl_proxy;

typedef struct pl_proxy_settings {
	enum pl_proxy_kind kind;
	/* Where to: a name, which the proxy resolves (not by SOCKS4), or an IP address, IPv6 with
	 * or without brackets (not by SOCKS4 and 4a). */
	pl_slice host;
	uint16_t port;
	pl_slice user;	   /* empty: none is given */
	pl_slice password; /* SOCKS4 and 4a have none */
	uint32_t timeout;  /* ms for all of it, then PL_ETIMEDOUT */
	size_t max_answer; /* bytes of all heads that answer CONNECT; more is PL_ELIMIT */
	/* Once, never within pl_proxy_start. PL_OK: the stream is the receiver's, who owns it
	 * before this returns; `rest` is what has come through the tunnel already, borrowed, and
	 * may be changed. TLS takes none: its client speaks first. Else why there is no tunnel, as
	 * a status and as a sentence that is borrowed, and the stream is closed: PL_EACCES (by the
	 * proxy's rules, or its users), PL_ECONNREFUSED, PL_EPROTO, PL_ELIMIT, PL_ETIMEDOUT,
	 * PL_ENOTSUP, or what the stream ended with. */
	void (*done)(void *owner, int status, const char *why, pl_stream *stream, uint8_t *rest,
		     size_t len);
	void *owner;
} pl_proxy_settings;

/* What this kind of proxy cannot be asked, as a constant sentence; NULL: it can. */
const char *pl_proxy_problem(const pl_proxy_settings *settings);

/* Takes the stream over, to which nothing was written. The settings are copied. PL_OK; PL_EINVAL
 * when there is a problem, PL_ENOMEM: then the stream is still the caller's. */
int pl_proxy_start(pl_proxy **proxy, pl_stream *stream, const pl_proxy_settings *settings);

/* `done` will not come; the stream is closed. Within `done` of a failure it does nothing; after
 * `done` the proxy is not to be named any more. */
void pl_proxy_cancel(pl_proxy *proxy);

#endif
