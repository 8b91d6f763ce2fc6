#include "client/connector.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/status.h"
#include "client/place.h"
#include "net/resolve.h"

enum { WHY_MAX = PL_PLACE_TEXT + PL_TLS_ERROR_MAX };

enum phase { RESOLVE_HOST, RESOLVE, CONNECT, PROXY_TLS, TUNNEL, TLS };

struct pl_connector {
	pl_connector_settings settings;
	pl_connector_proxy proxy; /* settings.proxy is this one, or NULL */
	size_t max_answer;
	pl_loop *loop;
	enum phase phase;
	pl_resolve *resolve; /* of these four one is there */
	pl_dial *dial;
	pl_proxy *tunnel;
	pl_stream *tls;
	pl_timer timer;
	uint64_t end;	  /* of all, as the loop's clock has it */
	uint64_t began;	  /* the present phase */
	pl_address known; /* the host's, for SOCKS4 */
	pl_address refused;
	bool has_refused;
	bool asked; /* `verify` was, and is not answered */
	pl_connected connected;
	size_t texts_len;
	char why[WHY_MAX];
	char texts[];
};

/* Sentences. */

static bool at_proxy(const pl_connector *self)
{
	return self->settings.proxy && self->phase != RESOLVE_HOST && self->phase != TLS;
}

static int because(pl_connector *self, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int because(pl_connector *self, int status, const char *format, ...)
{
	char place[PL_PLACE_TEXT];
	va_list arguments;
	int len;

	if (at_proxy(self))
		pl_place_text(place, self->proxy.host, self->proxy.port);
	else
		pl_place_text(place, self->settings.host, self->settings.port);
	len = snprintf(self->why, sizeof(self->why), "%s%s: ", at_proxy(self) ? "proxy " : "",
		       place);
	va_start(arguments, format);
	vsnprintf(self->why + len, sizeof(self->why) - (size_t)len, format, arguments);
	va_end(arguments);
	return status;
}

/* The end. */

static void release(pl_connector *self)
{
	pl_loop_stop_timer(self->loop, &self->timer);
	pl_loop_release(self->loop);
	pl_tls_context_unref(self->settings.tls);
	pl_tls_context_unref(self->proxy.tls);
	explicit_bzero(self->texts, self->texts_len);
	pl_free(self);
}

static void finish(pl_connector *self, int status)
{
	pl_loop_stop_timer(self->loop, &self->timer);
	if (status)
		self->connected.why = self->why;
	self->settings.done(self->settings.owner, status, &self->connected);
	release(self);
}

static void on_nothing(void *owner)
{
	(void)owner;
}

static void on_no_data(void *owner, uint8_t *data, size_t len)
{
	(void)owner, (void)data, (void)len;
}

/* Whatever is at work ends, without a word. */
static void clear(pl_connector *self)
{
	if (self->resolve)
		pl_resolve_cancel(self->resolve);
	if (self->dial)
		pl_dial_cancel(self->dial);
	if (self->tunnel)
		pl_proxy_cancel(self->tunnel);
	if (self->tls)
		pl_stream_drop(self->tls);
}

void pl_connector_cancel(pl_connector *self)
{
	clear(self);
	release(self);
}

/* Phases. */

static const char *late(enum phase phase)
{
	switch (phase) {
	case RESOLVE_HOST:
	case RESOLVE:
		return "the host name was not resolved in time";
	case CONNECT:
		return "no connection in time";
	case TUNNEL:
		return "no tunnel in time";
	default:
		return "TLS: the handshake did not end in time";
	}
}

static void on_timer(pl_timer *timer)
{
	pl_connector *self = PL_CONTAINER(timer, pl_connector, timer);

	clear(self);
	finish(self, because(self, PL_ETIMEDOUT, "%s", late(self->phase)));
}

static uint32_t time_left(const pl_connector *self)
{
	uint64_t now = pl_loop_now(self->loop);

	return self->end > now ? (uint32_t)(self->end - now) : 0;
}

/* How long the last phase took. */
static uint32_t lap(pl_connector *self)
{
	uint64_t began = self->began;

	self->began = pl_loop_now(self->loop);
	return (uint32_t)(self->began - began);
}

static void limit(pl_connector *self, uint32_t most)
{
	uint32_t left = time_left(self);

	pl_loop_start(self->loop, &self->timer, most > 0 && most < left ? most : left);
}

static void secure(pl_connector *self, pl_stream *below, enum phase phase);
static void tunnel(pl_connector *self, pl_stream *stream);

static void succeed(pl_connector *self, pl_stream *stream)
{
	self->connected.stream = stream;
	finish(self, PL_OK);
}

/* TLS, with the proxy or the host. */

static void on_ready(void *owner)
{
	pl_connector *self = owner;
	pl_stream *stream = self->tls;

	self->tls = NULL;
	if (self->phase == PROXY_TLS) {
		tunnel(self, stream);
		return;
	}
	self->connected.tls = lap(self);
	succeed(self, stream);
}

static void on_tls_closed(void *owner, int status)
{
	pl_connector *self = owner;
	const char *failure = pl_tls_failure(self->tls);

	status = status ? status : PL_ECLOSED;
	because(self, status, "TLS: %s", failure ? failure : pl_status_text(status));
	self->tls = NULL;
	finish(self, status);
}

static const pl_stream_events tls_events = {
	.data = on_no_data, .end = on_nothing, .drain = on_nothing, .closed = on_tls_closed
};

static void on_verify(void *owner, const pl_tls_question *question)
{
	pl_connector *self = owner;

	self->asked = true;
	self->settings.verify(self->settings.owner, question);
}

void pl_connector_verified(pl_connector *self, bool accept)
{
	if (!self->asked)
		return;
	self->asked = false;
	pl_tls_answer(self->tls, accept);
}

static void secure(pl_connector *self, pl_stream *below, enum phase phase)
{
	const pl_connector_settings *settings = &self->settings;
	bool proxy = phase == PROXY_TLS;
	pl_slice name = settings->server_name.len > 0 ? settings->server_name : settings->host;
	const pl_tls_connection connection = { .host = proxy ? self->proxy.host : name,
					       .port = proxy ? self->proxy.port : settings->port,
					       .timeout = time_left(self),
					       .ready = on_ready,
					       .verify = proxy || !settings->verify ? NULL
										    : on_verify,
					       .owner = self };
	int status = pl_tls_connect(&self->tls, below, proxy ? self->proxy.tls : settings->tls,
				    &connection);

	self->phase = phase;
	if (status) {
		pl_stream_drop(below);
		finish(self, because(self, status, "TLS: %s", pl_status_text(status)));
		return;
	}
	pl_stream_own(self->tls, &tls_events, self);
}

/* The tunnel. */

static void on_tunnel(void *owner, int status, const char *why, pl_stream *stream, uint8_t *rest,
		      size_t len)
{
	pl_connector *self = owner;

	self->tunnel = NULL;
	if (status) {
		finish(self, because(self, status, "%s", why));
		return;
	}
	self->connected.tunnel = lap(self);
	if (!self->settings.tls) {
		self->connected.rest = rest;
		self->connected.len = len;
		succeed(self, stream);
	} else if (len > 0) {
		/* A server waits for the client's hello: these bytes are the proxy's. */
		pl_stream_drop(stream);
		finish(self,
		       because(self, PL_EPROTO, "bytes came through the tunnel ahead of TLS"));
	} else {
		secure(self, stream, TLS);
	}
}

static void tunnel(pl_connector *self, pl_stream *stream)
{
	char address[PL_ADDRESS_TEXT];
	pl_proxy_settings settings = { .kind = self->proxy.kind,
				       .host = self->settings.host,
				       .port = self->settings.port,
				       .user = self->proxy.user,
				       .password = self->proxy.password,
				       .timeout = time_left(self),
				       .max_answer = self->max_answer,
				       .done = on_tunnel,
				       .owner = self };
	int status;

	self->phase = TUNNEL;
	if (self->known.family)
		settings.host = pl_slice_make(address, pl_address_ip(&self->known, address));
	status = pl_proxy_start(&self->tunnel, stream, &settings);
	if (status) {
		const char *problem = pl_proxy_problem(&settings);

		pl_stream_drop(stream);
		finish(self,
		       because(self, status, "%s", problem ? problem : pl_status_text(status)));
	}
}

/* Connecting. */

static bool may_dial(void *owner, const pl_address *address)
{
	pl_connector *self = owner;

	if (!self->settings.allow || self->settings.allow(self->settings.owner, address))
		return true;
	self->refused = *address;
	self->has_refused = true;
	return false;
}

static int because_refused(pl_connector *self)
{
	char text[PL_ADDRESS_TEXT];

	if (pl_address_ip(&self->refused, text) == 0)
		return because(self, PL_EACCES, "the host is not allowed");
	return because(self, PL_EACCES, "the address %s is not allowed", text);
}

/* PL_OK or PL_ENOMEM: then the stream is closed. */
static int throttle(const pl_connector *self, pl_stream **stream)
{
	const pl_throttle_rates *rates = &self->settings.throttle;
	int status = PL_OK;

	if (pl_throttle_rates_any(rates))
		status = pl_throttle_open(stream, *stream, rates, NULL);
	if (status)
		pl_stream_drop(*stream);
	return status;
}

static void on_dialled(void *owner, int status, pl_stream *stream)
{
	pl_connector *self = owner;

	self->dial = NULL;
	self->connected.connect = lap(self);
	if (!status)
		status = throttle(self, &stream);
	if (status == PL_EACCES && self->has_refused)
		finish(self, because_refused(self));
	else if (status)
		finish(self, because(self, status, "%s", pl_status_text(status)));
	else if (self->settings.proxy && self->proxy.tls)
		secure(self, stream, PROXY_TLS);
	else if (self->settings.proxy)
		tunnel(self, stream);
	else if (self->settings.tls)
		secure(self, stream, TLS);
	else
		succeed(self, stream);
}

static void dial(pl_connector *self, const pl_address *addresses, size_t count)
{
	const pl_connector_settings *settings = &self->settings;
	const pl_dial_settings dial_settings = { .addresses = addresses,
						 .address_count = count,
						 .timeout = time_left(self),
						 .local = settings->local,
						 .local_first = settings->local_first,
						 .local_last = settings->local_last,
						 .tcp = settings->tcp,
						 .allow = settings->proxy ? NULL : may_dial,
						 .done = on_dialled,
						 .owner = self };
	int status;

	self->phase = CONNECT;
	limit(self, settings->connect_timeout);
	status = pl_dial_start(&self->dial, self->loop, &dial_settings);
	if (status)
		finish(self, because(self, status, "%s", pl_status_text(status)));
}

/* Resolving. */

static void on_resolved(void *owner, int status, const pl_address *addresses, size_t count);

static int resolve(pl_connector *self, enum phase phase)
{
	bool proxy = self->settings.proxy && phase == RESOLVE;

	self->phase = phase;
	return pl_resolve_start(&self->resolve, self->loop,
				proxy ? self->proxy.host : self->settings.host,
				proxy ? self->proxy.port : self->settings.port, on_resolved, self);
}

static pl_slice last_label(pl_slice host)
{
	size_t at;

	if (host.len > 1 && host.at[host.len - 1] == '.')
		host.len--;
	for (at = host.len; at > 0 && host.at[at - 1] != '.'; at--)
		;
	return pl_slice_make(host.at + at, host.len - at);
}

bool pl_connector_localhost(pl_slice host)
{
	return pl_slice_equal_nocase(last_label(host), PL_SLICE("localhost"));
}

/* As the last label of an address is a number, or one that is escaped. */
bool pl_connector_local_form(pl_slice host)
{
	pl_slice label = last_label(host);

	return label.len == 0 || pl_slice_find(host, '%') < host.len ||
	       (label.at[0] >= '0' && label.at[0] <= '9') || pl_connector_localhost(host);
}

static pl_slice without_brackets(pl_slice host)
{
	if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		return pl_slice_make(host.at + 1, host.len - 2);
	return host;
}

/* What can be said of a host that a proxy will resolve. */
static bool may_ask_proxy(pl_connector *self)
{
	pl_slice host = without_brackets(self->settings.host);
	char text[PL_ADDRESS_TEXT] = "";
	pl_address address = { 0 };

	if (host.len < sizeof(text))
		memcpy(text, host.at, host.len);
	return (!pl_address_parse(&address, text) && !pl_connector_local_form(host)) ||
	       may_dial(self, &address);
}

/* SOCKS4 has IPv4 alone. */
static int take_known(pl_connector *self, const pl_address *addresses, size_t count)
{
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		if (addresses[i].family != 4)
			continue;
		found = true;
		if (may_dial(self, &addresses[i])) {
			self->known = addresses[i];
			return PL_OK;
		}
	}
	return found ? because_refused(self)
		     : because(self, PL_EHOST,
			       "the host has no IPv4 address, and SOCKS4 knows no other");
}

static void on_resolved(void *owner, int status, const pl_address *addresses, size_t count)
{
	pl_connector *self = owner;

	self->resolve = NULL;
	if (status) {
		finish(self, because(self, status, "%s", pl_status_text(status)));
		return;
	}
	if (self->phase == RESOLVE && self->settings.proxy && !self->known.family &&
	    !may_ask_proxy(self)) {
		self->phase = RESOLVE_HOST;
		finish(self, because_refused(self));
		return;
	}
	if (self->phase == RESOLVE) {
		self->connected.resolve = lap(self);
		dial(self, addresses, count);
		return;
	}
	status = take_known(self, addresses, count);
	if (!status && (status = resolve(self, RESOLVE)))
		because(self, status, "%s", pl_status_text(status));
	if (status)
		finish(self, status);
}

/* The beginning. */

static bool is_host(pl_slice host)
{
	for (size_t i = 0; i < host.len; i++)
		if (host.at[i] <= ' ' || host.at[i] >= 0x7F)
			return false;
	return host.len > 0 && host.len <= PL_RESOLVE_NAME_MAX;
}

static const char *proxy_problem(const pl_connector_settings *settings)
{
	const pl_connector_proxy *proxy = settings->proxy;
	pl_proxy_settings asked = { .kind = proxy->kind,
				    .host = settings->host,
				    .port = settings->port,
				    .user = proxy->user,
				    .password = proxy->password };

	if (!is_host(proxy->host))
		return "the proxy's host is neither a name nor an address";
	if (proxy->port == 0)
		return "the proxy has no port";
	if (asked.kind == PL_PROXY_SOCKS4) /* which will be given an address */
		asked.kind = PL_PROXY_SOCKS4A;
	return pl_proxy_problem(&asked);
}

const char *pl_connector_problem(const pl_connector_settings *settings)
{
	if (!is_host(settings->host))
		return "the host is neither a name nor an address";
	if (settings->port == 0)
		return "there is no port 0";
	if (settings->server_name.len > 0 && !is_host(settings->server_name))
		return "the server's name is none";
	return settings->proxy ? proxy_problem(settings) : NULL;
}

static pl_slice copy(char **to, pl_slice text)
{
	pl_slice copied = pl_slice_make(*to, text.len);

	if (text.len > 0)
		memcpy(*to, text.at, text.len);
	*to += text.len;
	return copied;
}

static pl_connector *make(pl_loop *loop, const pl_connector_settings *settings)
{
	const pl_connector_proxy none = { 0 };
	const pl_connector_proxy *proxy = settings->proxy ? settings->proxy : &none;
	size_t texts = settings->host.len + settings->server_name.len + proxy->host.len +
		       proxy->user.len + proxy->password.len;
	pl_connector *self = pl_calloc(1, sizeof(*self) + texts);
	char *to;

	if (!self)
		return NULL;
	to = self->texts;
	self->texts_len = texts;
	self->loop = loop;
	self->settings = *settings;
	self->settings.host = copy(&to, settings->host);
	self->settings.server_name = copy(&to, settings->server_name);
	self->proxy = *proxy;
	self->proxy.host = copy(&to, proxy->host);
	self->proxy.user = copy(&to, proxy->user);
	self->proxy.password = copy(&to, proxy->password);
	if (settings->proxy)
		self->settings.proxy = &self->proxy;
	if (settings->tls)
		pl_tls_context_ref(settings->tls);
	if (proxy->tls)
		pl_tls_context_ref(proxy->tls);
	self->max_answer = (size_t)settings->limits->header_block;
	pl_timer_init(&self->timer, on_timer);
	return self;
}

int pl_connector_start(pl_connector **result, pl_loop *loop, const pl_connector_settings *settings)
{
	bool socks4 = settings->proxy && settings->proxy->kind == PL_PROXY_SOCKS4;
	pl_connector *self;
	int status;

	if (pl_connector_problem(settings))
		return PL_EINVAL;
	self = make(loop, settings);
	if (!self)
		return PL_ENOMEM;
	pl_loop_hold(loop);
	self->began = pl_loop_now(loop);
	self->end = self->began + settings->timeout;
	limit(self, settings->resolve_timeout);
	status = resolve(self, socks4 ? RESOLVE_HOST : RESOLVE);
	if (status) {
		release(self);
		return status;
	}
	*result = self;
	return PL_OK;
}
