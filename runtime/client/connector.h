/*
 * connector.h - a stream to a host that is ready for its protocol: resolved, connected, through a
 * proxy, under TLS, all of it before one deadline.
 *
 * Without a proxy: resolve, connect, TLS. With one: resolve and connect to the proxy, TLS with it
 * if it wants that, the tunnel, TLS through the tunnel. SOCKS4 knows addresses alone, so that the
 * host is resolved first, to IPv4.
 */
#ifndef PL_CLIENT_CONNECTOR_H
#define PL_CLIENT_CONNECTOR_H

#include "base/limits.h"
#include "net/dial.h"
#include "net/throttle.h"
#include "net/tls_client.h"
#include "proxy/proxy.h"

typedef struct pl_connector pl_connector;

typedef struct pl_connector_proxy {
	enum pl_proxy_kind kind;
	pl_slice host;
	uint16_t port;
	pl_slice user; /* empty: none is given */
	pl_slice password;
	pl_tls_context *tls; /* with the proxy itself; NULL: plain */
} pl_connector_proxy;

/* What `done` gets; all of it is borrowed, but for the stream. */
typedef struct pl_connected {
	/* After a failure: a sentence that names the place and the phase, "proxy 127.0.0.1:3128:
	 * connection refused", "a.example:443: TLS: the certificate has expired". */
	const char *why;
	pl_stream *stream; /* after PL_OK: the receiver's, who owns it before `done` returns, and
			    * then resumes it */
	uint8_t *rest; /* what came through the tunnel already, never with TLS; may be changed */
	size_t len;
	uint32_t resolve; /* ms that each phase took; 0 for what there was not */
	uint32_t connect;
	uint32_t tunnel; /* TLS with the proxy included */
	uint32_t tls;
} pl_connected;

typedef struct pl_connector_settings {
	pl_slice host; /* a name or an IP address, IPv6 with or without brackets */
	uint16_t port;
	pl_tls_context *tls;		 /* NULL: plain */
	pl_slice server_name;		 /* asked for and verified; empty: host */
	const pl_connector_proxy *proxy; /* NULL: none */
	uint32_t timeout;		 /* ms for all of it, then PL_ETIMEDOUT */
	uint32_t resolve_timeout;	 /* ms for resolving; 0: only the whole counts */
	uint32_t connect_timeout;	 /* ms from then on until `done`; 0: the same */
	pl_address local;		 /* as pl_dial_settings has them */
	uint16_t local_first, local_last;
	pl_tcp_options tcp;
	pl_throttle_rates throttle; /* of what the wire carries, with a proxy, too */
	/* Whether the host's address may be reached (base/guard is what callers ask): each that is
	 * dialled, that SOCKS4 is given, or that is the host's name. A name that the proxy resolves
	 * is beyond us, and the proxy's own address is not asked for. NULL: all may. */
	bool (*allow)(void *owner, const pl_address *address);
	/* See pl_tls_connection: of TLS with the host, answered by pl_connector_verified. NULL: as
	 * OpenSSL has found it. */
	void (*verify)(void *owner, const pl_tls_question *question);
	const pl_limits *limits; /* header_block bounds a proxy's answer; read by start alone */
	/* Once, never within pl_connector_start, and then the connector is gone. PL_EHOST,
	 * PL_ETIMEDOUT, PL_ECONNREFUSED, PL_ECONNRESET, PL_EACCES (not allowed, by us or by the
	 * proxy), PL_EPROTO (TLS, or a proxy that is none), PL_ELIMIT, PL_ENOMEM and others. */
	void (*done)(void *owner, int status, const pl_connected *connected);
	void *owner;
} pl_connector_settings;

/* Why these settings cannot be tried at all, as a constant sentence; NULL: they can. */
const char *pl_connector_problem(const pl_connector_settings *settings);

/* Settings, texts and the proxy's are copied, TLS contexts referred to. Holds the loop until
 * `done`. PL_OK; PL_EINVAL when there is a problem; PL_ENOMEM. */
int pl_connector_start(pl_connector **connector, pl_loop *loop,
		       const pl_connector_settings *settings);

/* Answers `verify`, within it or later; without the question it does nothing. */
void pl_connector_verified(pl_connector *connector, bool accept);

/* Whether a name is this machine's, as RFC 6761 6.3 has it: localhost, or below it. */
bool pl_connector_localhost(pl_slice host);

/* Whether a host that a proxy will resolve is, to a proxy, an address in whatever form (127.1,
 * 0x7f.1, 2130706433, with escapes), or the proxy itself: what `allow` is not asked about is
 * refused then. Without brackets. */
bool pl_connector_local_form(pl_slice host);

/* `done` will not come; what is open is closed. */
void pl_connector_cancel(pl_connector *connector);

#endif
