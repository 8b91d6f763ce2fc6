#include "client/attempt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/guard.h"
#include "base/status.h"
#include "client/connector.h"
#include "codec/http_text.h"
#include "crypto/random.h"
#include "net/tls.h"

enum { WHY_MAX = 1024 };

struct pl_attempt {
	pl_attempt_settings settings;
	pl_loop *loop;
	pl_connector *connector; /* of these three one is there */
	pl_stream *stream;	 /* while the owner is asked */
	pl_ws_opening *opening;
	pl_timer timer; /* while the owner is asked */
	uint64_t end;
	pl_client_place at;
	pl_buffer url; /* texts of `at`, after a redirect */
	uint32_t hops;
	bool foreign;		   /* it is or was at another origin than the place's */
	enum pl_address_kind from; /* of the address that has redirected us */
	enum pl_address_kind reached;
	bool asked;
	pl_ws_call call;
	pl_http_field *fields; /* of the call */
	pl_buffer host;
	pl_buffer request;
	pl_deferred failing;
	pl_client_failure failure;
	char why[WHY_MAX];
};

/* The end. */

static void release(pl_attempt *self)
{
	pl_loop_stop_timer(self->loop, &self->timer);
	pl_deferred_cancel(&self->failing);
	pl_buffer_deinit(&self->url);
	pl_buffer_deinit(&self->host);
	if (self->request.data)
		explicit_bzero(self->request.data, self->request.len);
	pl_buffer_deinit(&self->request);
	pl_free(self->fields);
	pl_free(self);
}

static void on_nothing(void *owner)
{
	(void)owner;
}

static void drop_asked(pl_attempt *self)
{
	pl_loop_stop_timer(self->loop, &self->timer);
	if (self->stream)
		pl_stream_drop(self->stream);
	self->stream = NULL;
}

void pl_attempt_cancel(pl_attempt *self)
{
	drop_asked(self);
	if (self->connector)
		pl_connector_cancel(self->connector);
	if (self->opening)
		pl_ws_opening_cancel(self->opening);
	release(self);
}

static void tell(pl_attempt *self, int status)
{
	self->failure.status = status;
	self->failure.why = self->why;
	self->failure.place = &self->at;
	self->settings.events->failed(self->settings.owner, &self->failure);
	release(self);
}

/* What has failed, with the place in front. */
static void because(pl_attempt *self, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void because(pl_attempt *self, const char *format, ...)
{
	char place[PL_PLACE_TEXT];
	va_list arguments;
	int len;

	pl_place_text(place, self->at.host, pl_place_port(&self->at));
	len = snprintf(self->why, sizeof(self->why), "%s: ", place);
	va_start(arguments, format);
	vsnprintf(self->why + len, sizeof(self->why) - (size_t)len, format, arguments);
	va_end(arguments);
}

static void fail(pl_attempt *self, int status, const char *why)
{
	because(self, "%s", why);
	tell(self, status);
}

static void run_failing(pl_deferred *deferred)
{
	pl_attempt *self = PL_CONTAINER(deferred, pl_attempt, failing);

	tell(self, self->failure.status);
}

/* Not within the owner's call. */
static int fail_later(pl_attempt *self, int status, const char *why)
{
	drop_asked(self);
	because(self, "%s", why);
	self->failure.status = status;
	pl_loop_defer(self->loop, &self->failing);
	return status;
}

static uint32_t time_left(const pl_attempt *self)
{
	uint64_t now = pl_loop_now(self->loop);

	return self->end > now ? (uint32_t)(self->end - now) : 0;
}

/* Who may be reached. */

/* How far inside: 0 is the internet, 2 this machine and what is said to it. */
static int depth(enum pl_address_kind kind)
{
	switch (kind) {
	case PL_ADDRESS_PUBLIC:
		return 0;
	case PL_ADDRESS_PRIVATE:
		return 1;
	default:
		return 2;
	}
}

static bool allow(void *owner, const pl_address *address)
{
	const pl_attempt *self = owner;
	enum pl_address_kind kind = pl_address_kind(address);

	if (self->settings.guard && kind != PL_ADDRESS_PUBLIC)
		return false;
	return self->hops == 0 || self->settings.redirect_inward ||
	       depth(kind) <= depth(self->from);
}

/* Of whom a proxy has reached by name nothing is known, but that localhost is inside. */
static enum pl_address_kind kind_reached(const pl_attempt *self, pl_stream *stream)
{
	pl_slice host = self->at.host;
	char text[PL_ADDRESS_TEXT] = "";
	pl_address address;

	if (!self->settings.route->proxy) {
		pl_stream_peer(stream, &address);
		return pl_address_kind(&address);
	}
	if (pl_connector_localhost(host))
		return PL_ADDRESS_LOOPBACK;
	if (host.len >= 2 && host.at[0] == '[')
		host = pl_slice_make(host.at + 1, host.len - 2);
	if (host.len < sizeof(text))
		memcpy(text, host.at, host.len);
	return pl_address_parse(&address, text) ? pl_address_kind(&address) : PL_ADDRESS_PUBLIC;
}

/* The call. */

static bool has_field(const pl_http_field *fields, size_t count, pl_slice name)
{
	for (size_t i = 0; i < count; i++)
		if (pl_slice_equal_nocase(fields[i].name, name))
			return true;
	return false;
}

/* Takes those of `from` that `added` does not replace. */
static void take_fields(pl_attempt *self, const pl_http_field *from, size_t from_count,
			const pl_http_field *added, size_t count)
{
	for (size_t i = 0; i < from_count; i++)
		if (!(self->foreign && pl_route_secret(from[i].name)) &&
		    !has_field(added, count, from[i].name))
			self->fields[self->call.added_count++] = from[i];
}

static int collect_fields(pl_attempt *self, const pl_http_field *added, size_t count)
{
	const pl_client_route *route = self->settings.route;
	size_t most = route->field_count + route->secret_count + count;

	pl_free(self->fields);
	self->call.added_count = 0;
	self->fields = pl_alloc((most + 1) * sizeof(*self->fields));
	if (!self->fields)
		return PL_ENOMEM;
	take_fields(self, route->fields, route->field_count, added, count);
	if (!self->foreign)
		take_fields(self, route->secrets, route->secret_count, added, count);
	for (size_t i = 0; i < count; i++)
		self->fields[self->call.added_count++] = added[i];
	self->call.added = self->fields;
	return PL_OK;
}

static int compose(pl_attempt *self, const pl_http_field *added, size_t count)
{
	int status = collect_fields(self, added, count);

	self->request.len = 0;
	self->host.len = 0;
	if (!status)
		status = pl_place_authority(&self->at, false, &self->host);
	if (status)
		return status;
	self->call.host = pl_slice_make((const char *)self->host.data, self->host.len);
	return pl_ws_call_encode(&self->call, &self->request);
}

static void begin_call(pl_attempt *self)
{
	const pl_client_route *route = self->settings.route;
	uint8_t key[16];

	self->call = (pl_ws_call){ .target = self->at.target,
				   .origin = route->origin,
				   .protocols = route->protocols,
				   .protocol_count = route->protocol_count,
				   .deflate = self->settings.deflate };
	pl_random(key, sizeof(key));
	pl_ws_call_key(&self->call, key);
}

/* The handshake. */

static void on_opened(void *owner, int status, const pl_ws_opened *opened);

static int send_call(pl_attempt *self, const pl_http_field *fields, size_t count)
{
	const pl_ws_opening_settings settings = { .call = &self->call,
						  .limits = self->settings.limits,
						  .timeout = time_left(self),
						  .done = on_opened,
						  .owner = self };
	int status = compose(self, fields, count);

	if (!status)
		status = pl_ws_opening_start(&self->opening, self->stream, &settings);
	if (!status)
		self->stream = NULL;
	return status;
}

int pl_attempt_send(pl_attempt *self, int status, const pl_http_field *fields, size_t count)
{
	if (!self->asked)
		return PL_OK;
	self->asked = false;
	pl_loop_stop_timer(self->loop, &self->timer);
	if (status) {
		fail_later(self, status, "the handshake was refused by the application");
		return PL_OK;
	}
	status = send_call(self, fields, count);
	if (!status)
		return PL_OK;
	return fail_later(self, status,
			  status == PL_EINVAL ? "a field of the handshake cannot be sent"
					      : pl_status_text(status));
}

/* While the owner is asked. */

static void on_early_data(void *owner, uint8_t *data, size_t len)
{
	pl_attempt *self = owner;

	(void)data, (void)len;
	drop_asked(self);
	fail(self, PL_EPROTO, "the server speaks before the handshake");
}

static void on_early_end(void *owner)
{
	pl_attempt *self = owner;

	drop_asked(self);
	fail(self, PL_ECLOSED, "the server ended the connection before the handshake");
}

static void on_early_closed(void *owner, int status)
{
	pl_attempt *self = owner;

	self->stream = NULL;
	status = status ? status : PL_ECLOSED;
	fail(self, status, pl_status_text(status));
}

static const pl_stream_events early_events = {
	.data = on_early_data, .end = on_early_end, .drain = on_nothing, .closed = on_early_closed
};

static void on_timer(pl_timer *timer)
{
	pl_attempt *self = PL_CONTAINER(timer, pl_attempt, timer);

	drop_asked(self);
	fail(self, PL_ETIMEDOUT, "the application has not decided on the handshake in time");
}

static void ask(pl_attempt *self, pl_stream *stream)
{
	pl_slice request;
	int status;

	begin_call(self);
	status = compose(self, NULL, 0);
	if (status) {
		pl_stream_drop(stream);
		fail(self, status, pl_status_text(status));
		return;
	}
	self->stream = stream;
	self->asked = true;
	pl_stream_own(stream, &early_events, self);
	pl_loop_start(self->loop, &self->timer, time_left(self));
	request = pl_slice_make((const char *)self->request.data, self->request.len);
	self->settings.events->handshake(self->settings.owner, request);
}

/* The stream. */

static void join_tcp(pl_attempt *self, const pl_connected *connected)
{
	const pl_attempt_joined joined = { .stream = connected->stream,
					   .rest = connected->rest,
					   .len = connected->len };

	self->settings.events->joined(self->settings.owner, &joined);
	release(self);
}

static void on_connected(void *owner, int status, const pl_connected *connected)
{
	pl_attempt *self = owner;
	pl_stream *stream = connected->stream;

	self->connector = NULL;
	if (status) {
		snprintf(self->why, sizeof(self->why), "%s", connected->why);
		tell(self, status);
		return;
	}
	self->reached = kind_reached(self, stream);
	if (self->at.tcp) {
		join_tcp(self, connected);
	} else if (connected->len > 0) {
		pl_stream_drop(stream);
		fail(self, PL_EPROTO, "the server speaks before the handshake");
	} else if (pl_slice_equal(pl_tls_alpn(stream), PL_SLICE("h2"))) {
		pl_stream_drop(stream);
		fail(self, PL_ENOTSUP, "the server wants to speak HTTP/2 (alpn)");
	} else {
		ask(self, stream);
	}
}

static void on_verify(void *owner, const pl_tls_question *question)
{
	pl_attempt *self = owner;

	self->settings.events->verify(self->settings.owner, question);
}

void pl_attempt_verified(pl_attempt *self, bool accept)
{
	if (self->connector)
		pl_connector_verified(self->connector, accept);
}

static int connect_to(pl_attempt *self)
{
	const pl_attempt_settings *settings = &self->settings;
	const pl_client_route *route = settings->route;
	const pl_client_place *place = &route->places[settings->place];
	bool home = pl_slice_equal_nocase(place->host, self->at.host);
	bool watched = settings->guard || (self->hops > 0 && !settings->redirect_inward);
	const pl_connector_settings way = { .host = self->at.host,
					    .port = pl_place_port(&self->at),
					    .tls = self->at.secure ? route->tls : NULL,
					    .server_name = home ? route->server_name
								: pl_slice_make(NULL, 0),
					    .proxy = route->proxy,
					    .timeout = time_left(self),
					    .local = settings->local,
					    .local_first = settings->local_first,
					    .local_last = settings->local_last,
					    .tcp = settings->tcp,
					    .throttle = settings->throttle,
					    .allow = watched ? allow : NULL,
					    .verify = settings->events->verify ? on_verify : NULL,
					    .limits = settings->limits,
					    .done = on_connected,
					    .owner = self };
	int status = pl_connector_start(&self->connector, self->loop, &way);

	if (status == PL_EINVAL)
		because(self, "%s", pl_connector_problem(&way));
	else if (status)
		because(self, "%s", pl_status_text(status));
	return status;
}

/* Redirects. */

static int move_to(pl_attempt *self, const pl_client_place *to, pl_buffer *url)
{
	if (self->at.secure && !to->secure && !self->settings.redirect_plain) {
		because(self, "the redirect leads away from TLS");
		return PL_EACCES;
	}
	if (to->secure && !self->settings.route->tls) {
		because(self, "the redirect leads to TLS, which is not set up");
		return PL_ENOTSUP;
	}
	if (!pl_place_same_origin(&self->at, to))
		self->foreign = true;
	pl_buffer_deinit(&self->url);
	self->url = *url;
	*url = (pl_buffer){ 0 };
	self->at = *to;
	self->from = self->reached;
	self->hops++;
	return connect_to(self);
}

/* Fails with `why` set, or goes on. */
static int redirect(pl_attempt *self, const pl_http_response *response)
{
	pl_client_place to;
	pl_buffer url = { 0 };
	const char *why;
	int status;

	if (self->hops == self->settings.redirects) {
		because(self, "more than %u redirects", self->settings.redirects);
		return PL_ELIMIT;
	}
	status = pl_place_redirect(&to, &url, &self->at, response, &why);
	if (status)
		because(self, "%s", status == PL_EPROTO ? why : pl_status_text(status));
	else
		status = move_to(self, &to, &url);
	pl_buffer_deinit(&url);
	return status;
}

/* An answer that is no 101. */
static int answered(pl_attempt *self, const pl_http_response *response)
{
	if (pl_place_redirects(response) && self->settings.redirects > 0)
		return redirect(self, response);
	because(self, "the server answers %d %s in place of a WebSocket", response->status,
		pl_http_reason(response->status));
	return PL_ENOTSUP;
}

static void join(pl_attempt *self, const pl_ws_opened *opened)
{
	pl_slice request = pl_slice_make((const char *)self->request.data, self->request.len);
	pl_slice target = self->call.target;
	const pl_attempt_joined joined = {
		.stream = opened->stream,
		.rest = opened->rest,
		.len = opened->len,
		.heads = { .request = request,
			   .target = pl_slice_make(request.at + 4, target.len ? target.len : 1),
			   .response = opened->head,
			   .protocol = opened->called.protocol },
		.deflate = opened->called.deflated ? &opened->called.deflate : NULL
	};

	self->settings.events->joined(self->settings.owner, &joined);
	release(self);
}

static void on_opened(void *owner, int status, const pl_ws_opened *opened)
{
	pl_attempt *self = owner;

	self->opening = NULL;
	if (!status) {
		join(self, opened);
		return;
	}
	if (status == PL_ENOTSUP && opened->response)
		status = answered(self, opened->response);
	else
		because(self, "%s", opened->why);
	if (!status)
		return;
	self->failure.response = opened->response;
	self->failure.answered = opened->response ? opened->response->status : 0;
	tell(self, status);
}

/* The beginning. */

int pl_attempt_start(pl_attempt **attempt, pl_loop *loop, const pl_attempt_settings *settings)
{
	pl_attempt *self = pl_calloc(1, sizeof(*self));
	int status;

	if (!self)
		return PL_ENOMEM;
	self->loop = loop;
	self->settings = *settings;
	self->end = pl_loop_now(loop) + settings->timeout;
	self->at = settings->route->places[settings->place];
	pl_timer_init(&self->timer, on_timer);
	pl_deferred_init(&self->failing, run_failing);
	status = connect_to(self);
	if (status)
		release(self);
	else
		*attempt = self;
	return status;
}

const pl_client_place *pl_attempt_place(const pl_attempt *self)
{
	return &self->at;
}
