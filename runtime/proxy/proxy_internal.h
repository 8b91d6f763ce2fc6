/*
 * proxy_internal.h - what the files of a proxy's session share.
 */
#ifndef PL_PROXY_PROXY_INTERNAL_H
#define PL_PROXY_PROXY_INTERNAL_H

#include "base/buffer.h"
#include "net/loop.h"
#include "proxy/proxy.h"

enum { PL_PROXY_WHY = 384 };

/* What is waited for. */
enum pl_proxy_phase {
	PL_PROXY_HEAD, /* of the answer to CONNECT */
	PL_PROXY_REPLY4,
	PL_PROXY_CHOICE,
	PL_PROXY_STATUS,
	PL_PROXY_REPLY5
};

struct pl_proxy {
	pl_proxy_settings settings; /* the texts are in `texts` */
	pl_stream *stream;
	pl_timer timer;
	pl_buffer input; /* an answer that is not whole yet */
	uint8_t phase;
	bool ended;	 /* `done` was called, or is not wanted */
	size_t scanned;	 /* bytes of `input` that have been looked at */
	size_t answered; /* bytes of heads before this one */
	char why[PL_PROXY_WHY];
	char texts[];
};

/* The first words to the proxy. PL_OK or what writing says. */
int pl_proxy_connect_begin(pl_proxy *proxy);
int pl_proxy_socks_begin(pl_proxy *proxy);

/* Handles an answer from the front of buf: bytes used (> 0), 0 for more, or a status below 0 after
 * `why` was set. *open: the tunnel begins behind it. */
int pl_proxy_connect_answer(pl_proxy *proxy, const uint8_t *buf, size_t len, bool *open);
int pl_proxy_socks_answer(pl_proxy *proxy, const uint8_t *buf, size_t len, bool *open);

/* Sets `why`; returns the status. */
int __attribute__((format(printf, 3, 4)))
pl_proxy_fail(pl_proxy *proxy, int status, const char *format, ...);

/* Whether the host is an IP address; brackets are passed over. */
bool pl_proxy_address(pl_slice host, pl_address *address);

#endif
