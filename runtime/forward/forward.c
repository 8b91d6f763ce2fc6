#include "forward/forward.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/http_text.h"

struct pl_forward {
	pl_exchange *exchange;
	pl_forward_order order; /* its texts are in `texts`, the request is `request` */
	pl_call_request *request;
	pl_forward_change change; /* what responses need of it */
	pl_pool_ticket *ticket;	  /* while it waits for a connection */
	pl_call *call;		  /* while it is in progress */
	pl_timer timer;		  /* for 100 (Continue) */
	pl_forward_outcome outcome;
	uint64_t begun;
	bool again;	/* a second time, on a connection of its own */
	bool reused;	/* the connection was kept */
	bool continues; /* the client waits for 100 (Continue), */
	bool whole;	/* the request is */
	bool refused;	/* the other server wants no more of it */
	bool blocked;	/* the call is paused until the client takes more */
	char texts[];
};

/* The end. */

static void release(pl_forward *self)
{
	pl_loop_stop_timer(self->exchange->loop, &self->timer);
	pl_tls_context_unref(self->order.tls);
	pl_free(self->request);
	pl_free(self);
}

static void note_counts(pl_forward *self)
{
	if (!self->call)
		return;
	self->outcome.sent = self->call->sent;
	self->outcome.received = self->call->received;
	self->outcome.first_byte = self->call->first_byte;
}

/* The exchange's loop is asked for, so it must be there still. */
static void tell(pl_forward *self, int error, const char *why)
{
	const pl_forward_events *events = self->order.events;
	void *owner = self->order.owner;
	pl_forward_outcome outcome;

	self->outcome.error = error;
	self->outcome.why = why;
	self->outcome.total = (uint32_t)(pl_loop_now(self->exchange->loop) - self->begun);
	outcome = self->outcome;
	release(self);
	events->ended(owner, &outcome);
}

int pl_forward_status(int status)
{
	switch (status) {
	case PL_ETIMEDOUT:
		return 504;
	case PL_ENOMEM:
	case PL_EMFILE:
		return 503;
	case PL_EACCES:
		return 403;
	default:
		return 502;
	}
}

void pl_forward_refuse(pl_exchange *exchange, int answer, int status)
{
	char text[128];

	snprintf(text, sizeof(text), "%s (%s)", pl_http_reason(answer), pl_status_name(status));
	pl_exchange_answer(exchange, answer, status ? text : NULL);
}

/* Before the exchange is let go, for it may be gone then. */
static void fail(pl_forward *self, int status, const char *why)
{
	pl_exchange *exchange = self->exchange;
	bool responded = exchange->responded;
	char kept[512];

	snprintf(kept, sizeof(kept), "%s", why);
	self->call = NULL;
	pl_loop_stop_timer(exchange->loop, &self->timer);
	tell(self, status, kept);
	if (responded)
		pl_exchange_abort(exchange, status);
	else
		pl_forward_refuse(exchange, pl_forward_status(status), status);
}

static void break_off(pl_forward *self)
{
	if (self->ticket)
		pl_pool_cancel(self->ticket);
	self->ticket = NULL;
	note_counts(self);
	if (self->call)
		pl_call_abort(self->call);
	self->call = NULL;
}

/* What has come cannot be handed on. */
static void give_up(pl_forward *self, int status)
{
	break_off(self);
	fail(self, status, pl_status_text(status));
}

/* The request's body. */

static void let_body_come(pl_forward *self)
{
	pl_loop_stop_timer(self->exchange->loop, &self->timer);
	self->continues = false;
	if (!self->refused)
		pl_exchange_pause(self->exchange, false);
}

static void on_timer(pl_timer *timer)
{
	let_body_come(PL_CONTAINER(timer, pl_forward, timer));
}

/* The server has said no; or the call is ending, and `failed` comes. */
static void stop_sending(pl_forward *self)
{
	if (self->whole)
		return;
	pl_loop_stop_timer(self->exchange->loop, &self->timer);
	self->continues = false;
	self->refused = true;
	pl_exchange_pause(self->exchange, true);
}

static void on_body(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	pl_forward *self = owner;
	int status = pl_call_write(self->call, data, len);

	if (status < 0) {
		stop_sending(self);
		return;
	}
	if (self->order.events->body)
		self->order.events->body(self->order.owner, false, data, len);
	if (status == PL_CALL_BLOCKED)
		pl_exchange_pause(exchange, true);
}

static void finish_request(pl_forward *self)
{
	if (self->request->length != PL_CALL_NO_BODY && !self->refused)
		pl_call_finish(self->call);
}

static void on_whole(void *owner, pl_exchange *exchange)
{
	pl_forward *self = owner;

	(void)exchange;
	self->whole = true;
	if (self->call)
		finish_request(self);
}

static void on_exchange_drain(void *owner, pl_exchange *exchange)
{
	pl_forward *self = owner;

	(void)exchange;
	if (!self->blocked || !self->call)
		return;
	self->blocked = false;
	pl_call_pause(self->call, false);
}

static void on_aborted(void *owner, pl_exchange *exchange, int status)
{
	pl_forward *self = owner;

	(void)exchange;
	break_off(self);
	self->outcome.gone = true;
	tell(self, PL_OK, pl_status_text(status));
}

static const pl_exchange_events exchange_events = {
	.data = on_body, .end = on_whole, .drain = on_exchange_drain, .aborted = on_aborted
};

/* The response. */

static void on_informed(void *owner, const pl_http_response *response)
{
	pl_forward *self = owner;
	pl_http_field fields[PL_HTTP_FIELDS_MAX];
	pl_buffer scratch = { 0 };
	int count;

	if (response->status == 100) {
		if (self->continues)
			let_body_come(self);
		return;
	}
	count = pl_forward_response_fields(fields, response, &self->change, false, &scratch);
	if (count >= 0) /* what it could not be told the client need not know */
		pl_exchange_inform(self->exchange, response->status, fields, (size_t)count);
	pl_buffer_deinit(&scratch);
}

static int respond(pl_forward *self, const pl_http_response *response)
{
	pl_http_field fields[PL_HTTP_FIELDS_MAX];
	pl_buffer scratch = { 0 };
	int status = pl_forward_response_fields(fields, response, &self->change,
						self->request->trailers, &scratch);

	if (status >= 0)
		status = pl_exchange_relay(self->exchange, response->status, fields, (size_t)status,
					   response->content_length);
	pl_buffer_deinit(&scratch);
	return status;
}

static void on_head(void *owner, const pl_http_response *response, pl_slice raw)
{
	pl_forward *self = owner;
	int status;

	self->outcome.status = response->status;
	if (response->status >= 300)
		stop_sending(self);
	else if (self->continues) /* it was not waited for */
		let_body_come(self);
	if (self->order.events->head)
		self->order.events->head(self->order.owner, response, raw);
	status = respond(self, response);
	if (status == PL_EINVAL)
		give_up(self, PL_EPROTO);
	else if (status && status != PL_ECLOSED) /* of which `aborted` tells */
		give_up(self, status);
}

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	pl_forward *self = owner;
	int status = pl_exchange_write(self->exchange, data, len);

	if (status < 0 && status != PL_ECLOSED) {
		give_up(self, status);
		return;
	}
	if (self->order.events->body)
		self->order.events->body(self->order.owner, true, data, len);
	if (status == PL_EXCHANGE_BLOCKED) {
		self->blocked = true;
		pl_call_pause(self->call, true);
	}
}

static void on_call_drain(void *owner)
{
	pl_forward *self = owner;

	if (!self->continues && !self->refused)
		pl_exchange_pause(self->exchange, false);
}

static void on_end(void *owner, pl_slice lines)
{
	pl_forward *self = owner;
	pl_exchange *exchange = self->exchange;
	pl_http_field fields[PL_HTTP_FIELDS_MAX];

	note_counts(self);
	self->call = NULL;
	if (lines.len > 0)
		pl_exchange_trailers(exchange, fields, pl_forward_trailers(fields, lines));
	tell(self, PL_OK, NULL);
	pl_exchange_end(exchange);
}

static void open_call(pl_forward *self);

/* RFC 9110 9.2.2: it may be sent twice, and there is all of it. */
static bool may_repeat(const pl_forward *self)
{
	static const pl_slice methods[] = {
		{ "GET", 3 }, { "HEAD", 4 }, { "OPTIONS", 7 }, { "PUT", 3 }, { "DELETE", 6 }
	};

	if (self->again || !self->reused || self->request->length != PL_CALL_NO_BODY)
		return false;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (pl_slice_equal(self->request->method, methods[i]))
			return true;
	return false;
}

static void on_failed(void *owner, int status, const char *why)
{
	pl_forward *self = owner;
	bool answered = self->call->answered;

	note_counts(self);
	self->call = NULL;
	if (!answered && may_repeat(self) && (status == PL_ECONNRESET || status == PL_EPIPE)) {
		self->again = true;
		open_call(self);
		return;
	}
	fail(self, status, why);
}

/* RFC 9110 7.8: to nothing that was not offered. */
static bool was_offered(const pl_forward *self, const pl_http_response *response)
{
	return pl_http_field_has(response->fields, response->field_count, PL_SLICE("upgrade"),
				 self->request->upgrade);
}

static void on_changed(void *owner, const pl_call_changed *changed)
{
	pl_forward *self = owner;
	const pl_forward_events *events = self->order.events;
	void *whose = self->order.owner;
	pl_exchange *exchange = self->exchange;

	if (!was_offered(self, changed->response)) {
		note_counts(self);
		pl_stream_drop(changed->stream);
		fail(self, PL_EPROTO, "the server changes to another protocol than was offered");
		return;
	}
	self->call = NULL;
	release(self);
	events->changed(whose, exchange, changed);
}

static const pl_call_events call_events = { .informed = on_informed,
					    .changed = on_changed,
					    .head = on_head,
					    .data = on_data,
					    .drain = on_call_drain,
					    .end = on_end,
					    .failed = on_failed };

/* The way to the other server. */

static void begin(pl_forward *self, const pl_pool_opened *opened)
{
	self->call = opened->call;
	self->reused = opened->reused;
	if (self->whole)
		finish_request(self);
	else if (self->continues && self->order.continue_timeout > 0)
		pl_loop_start(self->exchange->loop, &self->timer, self->order.continue_timeout);
	else
		let_body_come(self);
}

/* Of a second attempt something has left already. */
static void unreached(pl_forward *self, int status, const char *why)
{
	const pl_forward_events *events = self->order.events;
	void *owner = self->order.owner;
	pl_exchange *exchange = self->exchange;

	if (self->again) {
		fail(self, status, why);
		return;
	}
	release(self);
	events->unreached(owner, exchange, status, why);
}

static void on_opened(void *owner, int status, const pl_pool_opened *opened)
{
	pl_forward *self = owner;

	self->ticket = NULL;
	if (status)
		unreached(self, status, opened->why ? opened->why : pl_status_text(status));
	else
		begin(self, opened);
}

static void open_call(pl_forward *self)
{
	const pl_forward_order *order = &self->order;
	const pl_pool_order wanted = { .host = order->host,
				       .port = order->port,
				       .tls = order->tls,
				       .server_name = order->server_name,
				       .guarded = order->guarded,
				       .fresh = self->again,
				       .resolve_timeout = order->resolve_timeout,
				       .connect_timeout = order->connect_timeout,
				       .call = { .request = self->request,
						 .times = order->times,
						 .limits = order->limits,
						 .events = &call_events,
						 .owner = self },
				       .done = on_opened,
				       .owner = self };
	pl_pool_opened opened;
	int status = pl_pool_open(order->pool, &wanted, &opened, &self->ticket);

	if (status || !self->ticket)
		on_opened(self, status, &opened);
}

/* Making. */

static pl_slice keep(char **to, pl_slice text)
{
	pl_slice kept = pl_slice_make(text.at ? *to : NULL, text.len);

	if (text.at && text.len > 0)
		memcpy(*to, text.at, text.len);
	*to += text.len;
	return kept;
}

static bool expects_continue(const pl_exchange *exchange)
{
	const pl_exchange_request *request = exchange->request;

	return !exchange->received && (request->chunked || request->content_length > 0) &&
	       request->minor > 0 &&
	       pl_http_field_has(request->fields, request->field_count, PL_SLICE("expect"),
				 PL_SLICE("100-continue"));
}

/* The head has room for it. */
static void expect(pl_forward_head *head)
{
	head->fields[head->request.count++] =
		(pl_http_field){ PL_SLICE("Expect"), PL_SLICE("100-continue") };
}

static pl_forward *make(const pl_forward_order *order, const pl_call_request *request)
{
	const pl_forward_change *change = &order->change;
	pl_forward *self =
		pl_calloc(1, sizeof(*self) + order->host.len + order->server_name.len +
				     change->authority.len + change->base.len + change->strip.len);
	char *to;

	if (!self)
		return NULL;
	self->request = pl_call_request_copy(request);
	if (!self->request) {
		pl_free(self);
		return NULL;
	}
	to = self->texts;
	self->order = *order;
	self->order.change = (pl_forward_change){ 0 };
	self->order.host = keep(&to, order->host);
	self->order.server_name = keep(&to, order->server_name);
	self->change.authority = keep(&to, change->authority);
	self->change.base = keep(&to, change->base);
	self->change.strip = keep(&to, change->strip);
	if (order->tls)
		pl_tls_context_ref(order->tls);
	return self;
}

/* The body waits until somebody takes it. */
static void take_exchange(pl_forward *self, pl_exchange *exchange)
{
	self->exchange = exchange;
	self->begun = pl_loop_now(exchange->loop);
	self->whole = exchange->received;
	self->continues = expects_continue(exchange);
	pl_timer_init(&self->timer, on_timer);
	pl_exchange_own(exchange, &exchange_events, self);
	pl_exchange_pause(exchange, true);
}

int pl_forward_start(pl_exchange *exchange, const pl_forward_order *order, int *answer)
{
	pl_forward_head head;
	pl_forward *self = NULL;
	int status;

	status = pl_forward_head_make(&head, exchange->request, &order->change, &order->client,
				      answer);
	if (!status && expects_continue(exchange))
		expect(&head);
	if (!status)
		self = make(order, &head.request);
	pl_forward_head_deinit(&head);
	if (status)
		return status;
	if (!self) {
		*answer = 503;
		return PL_ENOMEM;
	}
	take_exchange(self, exchange);
	open_call(self);
	return PL_OK;
}
