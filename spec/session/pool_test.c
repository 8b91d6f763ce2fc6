/*
 * Connections of HTTP calls over sockets of this machine: which call gets which, how long they are
 * kept, who has to wait, what a proxy is asked; that nothing is left.
 *
 * covers: client/pool.c client/pool_open.c client/pool_proxy.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "client/pool.h"
#include "net/listener.h"
#include "unit/net/turns.h"

enum { CALLERS = 8, LINKS = 32 };

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/* The server: answers each head as `answer` says, if it says. */
typedef struct host_link {
	pl_stream *stream; /* NULL: closed */
	pl_buffer received;
	int requests;
} host_link;

static struct host {
	pl_listener *listener;
	uint16_t port;
	const char *answer;
	size_t answer_len;
	bool at_once; /* to whatever comes */
	int accepted;
	host_link links[LINKS];
} host;

/* One who calls. */
typedef struct caller {
	pl_pool_ticket *ticket;
	pl_call *call;
	bool opened; /* `done` has come, or it came at once */
	bool reused;
	int status; /* of `done` or `failed`; 1: neither yet */
	int answered;
	bool ended;
	int next; /* who is to call when this call ends; 0: nobody */
	char why[256];
} caller;

static pl_loop *loop;
static pl_pool *pool;
static pl_pool_settings settings;
static pl_limits limits;
static caller callers[CALLERS];
static int order_of_done[CALLERS], done_count;
static int64_t live; /* blocks before a test */

/* The server. */

static void host_says(const char *answer)
{
	host.answer = answer;
	host.answer_len = answer ? strlen(answer) : 0;
}

static bool ends_head(const pl_buffer *received)
{
	return received->len >= 4 && memcmp(received->data + received->len - 4, "\r\n\r\n", 4) == 0;
}

static void host_on_data(void *owner, uint8_t *data, size_t len)
{
	host_link *self = owner;

	if (pl_buffer_append(&self->received, data, len)) {
		pl_stream_abort(self->stream, PL_ENOMEM);
		return;
	}
	if (!host.at_once && !ends_head(&self->received))
		return;
	self->requests++;
	if (host.answer)
		pl_stream_write(self->stream, host.answer, host.answer_len);
}

static void host_on_end(void *owner)
{
	pl_stream_finish(((host_link *)owner)->stream);
}

static void host_on_nothing(void *owner)
{
	(void)owner;
}

static void host_on_closed(void *owner, int status)
{
	host_link *self = owner;

	(void)status;
	self->stream = NULL;
}

static const pl_stream_events host_events = {
	.data = host_on_data, .end = host_on_end, .drain = host_on_nothing, .closed = host_on_closed
};

static void host_on_accept(void *owner, pl_stream *stream)
{
	host_link *link = &host.links[host.accepted++ % LINKS];

	(void)owner;
	pl_buffer_deinit(&link->received);
	link->requests = 0;
	link->stream = stream;
	pl_stream_own(stream, &host_events, link);
	pl_stream_resume(stream);
}

static void host_on_listener_closed(void *owner)
{
	(void)owner;
	host.listener = NULL;
}

static int host_open(void)
{
	int open = 0;

	for (int i = 0; i < LINKS; i++)
		open += host.links[i].stream != NULL;
	return open;
}

/* Those who call. */

static int open_call(int i);

static void on_head(void *owner, const pl_http_response *response, pl_slice raw)
{
	(void)raw;
	((caller *)owner)->answered = response->status;
}

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	(void)owner, (void)data, (void)len;
}

static void on_drain(void *owner)
{
	(void)owner;
}

static void on_end(void *owner, pl_slice trailers)
{
	caller *self = owner;

	(void)trailers;
	self->call = NULL;
	self->ended = true;
	if (self->next > 0)
		assert_int_equal(open_call(self->next), PL_OK);
}

static void on_failed(void *owner, int status, const char *why)
{
	caller *self = owner;

	self->call = NULL;
	self->status = status;
	snprintf(self->why, sizeof(self->why), "%s", why);
}

static const pl_call_events call_events = {
	.head = on_head, .data = on_data, .drain = on_drain, .end = on_end, .failed = on_failed
};

static void note_opened(caller *self, int status, const pl_pool_opened *opened)
{
	self->ticket = NULL;
	self->opened = true;
	self->status = status;
	self->call = opened->call;
	self->reused = opened->reused;
	snprintf(self->why, sizeof(self->why), "%s", opened->why ? opened->why : "");
}

static void on_done(void *owner, int status, const pl_pool_opened *opened)
{
	caller *self = owner;

	order_of_done[done_count++] = (int)(self - callers);
	note_opened(self, status, opened);
}

static const pl_call_request get = { .method = PL_SLICE("GET"),
				     .target = PL_SLICE("/a?b"),
				     .host = PL_SLICE("h"),
				     .length = PL_CALL_NO_BODY };

static pl_pool_order to_host(caller *self)
{
	return (pl_pool_order){ .host = PL_SLICE("127.0.0.1"),
				.port = host.port,
				.call = { .request = &get,
					  .limits = &limits,
					  .events = &call_events,
					  .owner = self },
				.done = on_done,
				.owner = self };
}

static int open_order(int i, const pl_pool_order *order)
{
	pl_pool_opened opened;
	int status;

	callers[i] = (caller){ .status = 1 };
	assert_null(pl_pool_problem(order));
	status = pl_pool_open(pool, order, &opened, &callers[i].ticket);
	if (status || !callers[i].ticket)
		note_opened(&callers[i], status, &opened);
	return status;
}

static int open_call(int i)
{
	pl_pool_order order = to_host(&callers[i]);

	return open_order(i, &order);
}

static void whole(int i)
{
	TURN_UNTIL(loop, callers[i].ended || callers[i].status < 0);
	assert_true(callers[i].ended);
	assert_int_equal(callers[i].answered, 200);
}

static void call_once(int i)
{
	assert_int_equal(open_call(i), PL_OK);
	whole(i);
}

/* Around each test. */

static int set_up(void **state)
{
	static const pl_listener_events events = { .accept = host_on_accept,
						   .closed = host_on_listener_closed };
	static const pl_listener_options alone = { .shared = false };
	pl_address address;

	(void)state;
	live = pl_alloc_live();
	memset(&host, 0, sizeof(host));
	memset(callers, 0, sizeof(callers));
	done_count = 0;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	assert_true(pl_address_parse(&address, "127.0.0.1"));
	assert_int_equal(pl_listener_open(&host.listener, loop, &address, &alone, &events, NULL),
			 PL_OK);
	pl_listener_address(host.listener, &address);
	host.port = address.port;
	host_says(ANSWER);
	pl_limits_init(&limits);
	settings = (pl_pool_settings){ .max_idle_per_origin = 8,
				       .max_idle = 64,
				       .idle_timeout = 60000 };
	assert_int_equal(pl_pool_new(&pool, loop, &settings), PL_OK);
	return 0;
}

/* With other settings. */
static void set_up_again(void)
{
	pl_pool_free(pool);
	assert_int_equal(pl_pool_new(&pool, loop, &settings), PL_OK);
}

static int tear_down(void **state)
{
	(void)state;
	if (!loop)
		return 0;
	for (int i = 0; i < CALLERS; i++) {
		if (callers[i].ticket)
			pl_pool_cancel(callers[i].ticket);
		if (callers[i].call)
			pl_call_abort(callers[i].call);
	}
	if (pool)
		pl_pool_free(pool);
	pool = NULL;
	pl_listener_close(host.listener);
	for (int i = 0; i < LINKS; i++)
		if (host.links[i].stream)
			pl_stream_abort(host.links[i].stream, PL_OK);
	TURN_UNTIL(loop, !host.listener && host_open() == 0);
	for (int i = 0; i < LINKS; i++)
		pl_buffer_deinit(&host.links[i].received);
	assert_false(pl_loop_held(loop));
	pl_loop_free(loop);
	assert_int_equal(pl_alloc_live(), live);
	return 0;
}

/* Keeping. */

static void a_connection_serves_again(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		call_once(i);
		assert_int_equal(callers[i].reused, i > 0);
		assert_int_equal(pl_pool_idle(pool), 1);
		assert_int_equal(pl_pool_active(pool), 0);
	}
	assert_int_equal(host.accepted, 1);
	assert_int_equal(host.links[0].requests, 5);
	assert_false(pl_loop_held(loop));
}

static void who_comes_at_once_gets_another(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(open_call(i), PL_OK);
	assert_int_equal(pl_pool_active(pool), 4);
	for (int i = 0; i < 4; i++)
		whole(i);
	assert_int_equal(host.accepted, 4);
	assert_int_equal(pl_pool_idle(pool), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(open_call(i), PL_OK);
	for (int i = 0; i < 4; i++)
		whole(i);
	assert_int_equal(host.accepted, 4);
}

static void only_so_many_are_kept(void **state)
{
	(void)state;
	settings.max_idle_per_origin = 2;
	set_up_again();
	for (int i = 0; i < 5; i++)
		assert_int_equal(open_call(i), PL_OK);
	for (int i = 0; i < 5; i++)
		whole(i);
	assert_int_equal(pl_pool_idle(pool), 2);
	TURN_UNTIL(loop, host_open() == 2);

	settings.max_idle_per_origin = 8;
	settings.max_idle = 0;
	set_up_again();
	call_once(0);
	assert_int_equal(pl_pool_idle(pool), 0);
	TURN_UNTIL(loop, host_open() == 0);
}

static void they_are_kept_for_so_long(void **state)
{
	(void)state;
	call_once(0);
	pl_loop_skip(loop, 59990);
	assert_int_equal(pl_pool_idle(pool), 1);
	pl_loop_skip(loop, 20);
	assert_int_equal(pl_pool_idle(pool), 0);
	TURN_UNTIL(loop, host_open() == 0);

	host_says("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n");
	call_once(1);
	assert_false(callers[1].reused);
	pl_loop_skip(loop, 3900);
	assert_int_equal(pl_pool_idle(pool), 1);
	pl_loop_skip(loop, 200);
	assert_int_equal(pl_pool_idle(pool), 0);

	host_says("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n");
	call_once(2);
	assert_int_equal(pl_pool_idle(pool), 0);
}

static void one_that_the_server_ends_is_not_used(void **state)
{
	(void)state;
	call_once(0);
	pl_stream_abort(host.links[0].stream, PL_OK);
	TURN_UNTIL(loop, pl_pool_idle(pool) == 0);
	call_once(1);
	assert_false(callers[1].reused);

	host_says("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	call_once(2);
	assert_int_equal(pl_pool_idle(pool), 0);
	call_once(3);
	assert_false(callers[3].reused);
}

static void origins_are_apart(void **state)
{
	pl_pool_order order;

	(void)state;
	call_once(0);
	order = to_host(&callers[1]);
	order.host = PL_SLICE("localhost");
	assert_int_equal(open_order(1, &order), PL_OK);
	whole(1);
	assert_false(callers[1].reused);
	order = to_host(&callers[2]);
	assert_true(pl_address_parse(&order.local, "127.0.0.1"));
	assert_int_equal(open_order(2, &order), PL_OK);
	whole(2);
	assert_false(callers[2].reused);
	order.owner = order.call.owner = &callers[3];
	assert_int_equal(open_order(3, &order), PL_OK);
	whole(3);
	assert_true(callers[3].reused);
	assert_int_equal(pl_pool_idle(pool), 3);
	order = to_host(&callers[4]);
	order.server_name = PL_SLICE("other");
	assert_int_equal(open_order(4, &order), PL_OK);
	whole(4);
	assert_false(callers[4].reused);
}

/* Waiting. */

static void calls_wait_in_order(void **state)
{
	(void)state;
	settings.max_per_origin = 2;
	set_up_again();
	for (int i = 0; i < 7; i++)
		assert_int_equal(open_call(i), PL_OK);
	assert_int_equal(pl_pool_active(pool), 2);
	pl_pool_cancel(callers[3].ticket); /* it waits */
	callers[3].ticket = NULL;
	for (int i = 0; i < 7; i++)
		if (i != 3)
			whole(i);
	assert_int_equal(host.accepted, 2);
	assert_int_equal(done_count, 6);
	for (int i = 2; i < 5; i++)
		assert_true(order_of_done[i] < order_of_done[i + 1]);
	assert_true(callers[6].reused);
	assert_int_equal(pl_pool_idle(pool), 2);
}

/* Also when a connection is free just now: it is for who has waited. */
static void nobody_jumps_the_queue(void **state)
{
	(void)state;
	settings.max_per_origin = 1;
	set_up_again();
	assert_int_equal(open_call(0), PL_OK);
	assert_int_equal(open_call(1), PL_OK);
	callers[0].next = 2;
	whole(0);
	assert_non_null(callers[2].ticket);
	whole(1);
	whole(2);
	assert_int_equal(order_of_done[1], 1);
	assert_int_equal(order_of_done[2], 2);
}

static void who_waits_gets_the_place_of_one_that_failed(void **state)
{
	(void)state;
	settings.max_per_origin = 1;
	set_up_again();
	host_says(NULL);
	assert_int_equal(open_call(0), PL_OK);
	TURN_UNTIL(loop, host.links[0].requests == 1);
	assert_int_equal(open_call(1), PL_OK);
	assert_int_equal(open_call(2), PL_OK);
	host_says(ANSWER);
	pl_call_abort(callers[0].call);
	callers[0].call = NULL;
	whole(1);
	whole(2);
	assert_false(callers[1].reused);
	assert_true(callers[2].reused);

	assert_int_equal(open_call(3), PL_OK); /* and of one that was cancelled */
	assert_int_equal(open_call(4), PL_OK);
	assert_true(callers[3].opened);
	pl_call_abort(callers[3].call);
	callers[3].call = NULL;
	whole(4);
}

static void waiting_takes_its_time(void **state)
{
	pl_pool_order order = to_host(&callers[1]);

	(void)state;
	settings.max_per_origin = 1;
	set_up_again();
	host_says(NULL);
	assert_int_equal(open_call(0), PL_OK);
	TURN_UNTIL(loop, host.links[0].requests == 1);
	order.call.times.total = 1000;
	assert_int_equal(open_order(1, &order), PL_OK);
	pl_loop_skip(loop, 999);
	assert_false(callers[1].opened);
	pl_loop_skip(loop, 2);
	assert_int_equal(callers[1].status, PL_ETIMEDOUT);
	assert_string_equal(callers[1].why, "no connection became free in time");

	order.owner = order.call.owner = &callers[2]; /* what it has waited is taken off */
	assert_int_equal(open_order(2, &order), PL_OK);
	pl_loop_skip(loop, 600);
	pl_call_abort(callers[0].call);
	callers[0].call = NULL;
	TURN_UNTIL(loop, callers[2].opened);
	assert_int_equal(callers[2].status, PL_OK);
	pl_loop_skip(loop, 450);
	assert_int_equal(callers[2].status, PL_ETIMEDOUT);
	assert_string_equal(callers[2].why, "the call took too long");
}

static void whoever_opens_may_give_up(void **state)
{
	(void)state;
	assert_int_equal(open_call(0), PL_OK);
	assert_non_null(callers[0].ticket);
	pl_pool_cancel(callers[0].ticket);
	callers[0].ticket = NULL;
	assert_int_equal(pl_pool_active(pool), 0);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(loop);
	assert_false(callers[0].opened);
	call_once(1);
}

/* Failures. */

static void what_cannot_be_reached_is_told_of(void **state)
{
	pl_pool_order order = to_host(&callers[0]);

	(void)state;
	order.guarded = true;
	assert_int_equal(open_order(0, &order), PL_OK);
	TURN_UNTIL(loop, callers[0].opened);
	assert_int_equal(callers[0].status, PL_EACCES);
	assert_true(callers[0].why[0] != '\0');

	order.guarded = false;
	order.port = 1;
	assert_int_equal(open_order(0, &order), PL_OK);
	TURN_UNTIL(loop, callers[0].opened);
	assert_int_equal(callers[0].status, PL_ECONNREFUSED);
	assert_int_equal(pl_pool_active(pool), 0);
}

static void the_end_of_the_pool_is_that_of_its_calls(void **state)
{
	(void)state;
	host_says(NULL);
	assert_int_equal(open_call(0), PL_OK);
	TURN_UNTIL(loop, host.links[0].requests == 1);
	host_says(ANSWER);
	call_once(1);
	pl_pool_free(pool);
	pool = NULL;
	assert_int_equal(callers[0].status, PL_ECANCELED);
	TURN_UNTIL(loop, host_open() == 0);
}

/* At the end of a program the loop does not turn again. */
static void nothing_is_left_of_one_that_is_not_waited_for(void **state)
{
	(void)state;
	settings.max_idle_per_origin = 1;
	set_up_again();
	host_says(NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(open_call(i), PL_OK);
	TURN_UNTIL(loop, host.accepted == 3);
	for (int i = 0; i < 2; i++)
		pl_stream_write(host.links[i].stream, ANSWER, strlen(ANSWER));
	TURN_UNTIL(loop, callers[0].ended + callers[1].ended + callers[2].ended == 2);
	assert_int_equal(pl_pool_idle(pool), 1); /* one is kept, one says goodbye, one carries */
	pl_pool_free(pool);
	pool = NULL;
	for (int i = 0; i < 3; i++) {
		if (host.links[i].stream)
			pl_stream_abort(host.links[i].stream, PL_OK);
		pl_buffer_deinit(&host.links[i].received);
	}
	pl_listener_close(host.listener);
	pl_loop_free(loop);
	loop = NULL;
	assert_int_equal(host_open(), 0);
	assert_int_equal(pl_alloc_live(), live);
}

/* Proxies: the host plays one. */

static void a_proxy_is_asked_in_absolute_form(void **state)
{
	static const char *const heads[] = {
		"GET http://example.org/a?b HTTP/1.1\r\nHost: h\r\n"
		"Proxy-Authorization: Basic bWU6aXRzIG1l\r\n\r\n",
		"GET http://[::1]:81/a?b HTTP/1.1\r\nHost: h\r\n"
		"Proxy-Authorization: Basic bWU6aXRzIG1l\r\n\r\n",
	};
	static const char *const own[] = { "127.0.0.1",	   "[::1]",	    "127.1",
					   "0x7f.1",	   "localhost",	    "2130706433",
					   "a.LOCALHOST.", "12%37.0.0.%31", "127.0.0.1." };
	pl_connector_proxy proxy = { .kind = PL_PROXY_HTTP,
				     .host = PL_SLICE("127.0.0.1"),
				     .port = host.port,
				     .user = PL_SLICE("me"),
				     .password = PL_SLICE("its me") };
	pl_pool_order order;

	(void)state;
	for (int i = 0; i < 2; i++)
		for (int again = 0; again < 2; again++) {
			order = to_host(&callers[i]);
			order.host = i ? PL_SLICE("::1") : PL_SLICE("example.org");
			order.port = i ? 81 : 80;
			order.proxy = &proxy;
			assert_int_equal(open_order(i, &order), PL_OK);
			whole(i);
			assert_int_equal(callers[i].reused, again);
			assert_int_equal(host.accepted, i + 1);
			assert_int_equal(host.links[i].received.len,
					 (size_t)(again + 1) * strlen(heads[i]));
			assert_memory_equal(host.links[i].received.data, heads[i],
					    strlen(heads[i]));
		}
	proxy.password = PL_SLICE("another");
	order.owner = order.call.owner = &callers[2];
	assert_int_equal(open_order(2, &order), PL_OK);
	whole(2);
	assert_false(callers[2].reused);
	order.guarded = true;
	assert_int_equal(open_order(2, &order), PL_EACCES);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		order.host = pl_slice_make(own[i], strlen(own[i]));
		assert_int_equal(open_order(2, &order), PL_EACCES);
	}
	order.host = PL_SLICE("example.org"); /* the proxy's own address is not guarded */
	order.owner = order.call.owner = &callers[3];
	assert_int_equal(open_order(3, &order), PL_OK);
	whole(3);
}

static void an_asterisk_is_no_path(void **state)
{
	static const pl_call_request request = { .method = PL_SLICE("OPTIONS"),
						 .target = PL_SLICE("*"),
						 .host = PL_SLICE("h"),
						 .length = PL_CALL_NO_BODY };
	static const char head[] = "OPTIONS http://example.org:81 HTTP/1.1\r\nHost: h\r\n\r\n";
	const pl_connector_proxy proxy = { .kind = PL_PROXY_HTTP,
					   .host = PL_SLICE("127.0.0.1"),
					   .port = host.port };
	pl_pool_order order = to_host(&callers[0]);

	(void)state;
	order.host = PL_SLICE("example.org");
	order.port = 81;
	order.proxy = &proxy;
	order.call.request = &request;
	assert_int_equal(open_order(0, &order), PL_OK);
	whole(0);
	assert_int_equal(host.links[0].received.len, sizeof(head) - 1);
	assert_memory_equal(host.links[0].received.data, head, sizeof(head) - 1);
}

/* What comes through a tunnel before the request is no answer to it. */
static void a_server_that_speaks_first_is_refused(void **state)
{
	static const char answer[] = "\0\x5a\0\0\0\0\0\0" ANSWER;
	const pl_connector_proxy proxy = { .kind = PL_PROXY_SOCKS4,
					   .host = PL_SLICE("127.0.0.1"),
					   .port = host.port };
	pl_pool_order order = to_host(&callers[0]);

	(void)state;
	host.at_once = true;
	host.answer = answer;
	host.answer_len = sizeof(answer) - 1;
	order.proxy = &proxy;
	assert_int_equal(open_order(0, &order), PL_OK);
	TURN_UNTIL(loop, callers[0].opened);
	assert_int_equal(callers[0].status, PL_EPROTO);
	assert_string_equal(callers[0].why, "the server speaks before it is asked");
	TURN_UNTIL(loop, pl_pool_active(pool) == 0);
}

static void orders_that_cannot_be_tried_have_a_problem(void **state)
{
	pl_connector_proxy proxy = { .kind = PL_PROXY_HTTP,
				     .host = PL_SLICE("127.0.0.1"),
				     .port = 0 };
	pl_pool_order order = to_host(&callers[0]);
	pl_call_request bad = get;

	(void)state;
	assert_null(pl_pool_problem(&order));
	order.port = 0;
	assert_non_null(pl_pool_problem(&order));
	order = to_host(&callers[0]);
	order.host = PL_SLICE("a b");
	assert_non_null(pl_pool_problem(&order));
	order = to_host(&callers[0]);
	order.proxy = &proxy;
	assert_non_null(pl_pool_problem(&order));
	order = to_host(&callers[0]);
	bad.method = PL_SLICE("");
	order.call.request = &bad;
	assert_string_equal(pl_pool_problem(&order), "the method is no token");
}

/* Memory. */

static bool converse(uint64_t nth)
{
	pl_connector_proxy proxy = { .kind = PL_PROXY_HTTP,
				     .host = PL_SLICE("127.0.0.1"),
				     .port = host.port,
				     .user = PL_SLICE("me") };
	pl_pool_order orders[4];
	bool ended = true;

	pl_alloc_fail_at(nth);
	for (int i = 0; i < 4; i++) {
		orders[i] = to_host(&callers[i]);
		orders[i].proxy = i < 2 ? NULL : &proxy;
		open_order(i, &orders[i]);
		if (i % 2)
			TURN_UNTIL(loop,
				   (callers[i].ended || callers[i].status < 0) &&
					   (callers[i - 1].ended || callers[i - 1].status < 0));
	}
	pl_alloc_fail_at(0);
	for (int i = 0; i < 4; i++)
		ended = ended && callers[i].ended;
	return ended;
}

static void every_allocation_may_fail(void **state)
{
	uint64_t nth = 1;
	bool ended = false;

	for (; !ended; nth++) {
		assert_true(nth < 400);
		ended = converse(nth);
		tear_down(state);
		set_up(state);
	}
	assert_true(nth > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_connection_serves_again),
		TEST(who_comes_at_once_gets_another),
		TEST(only_so_many_are_kept),
		TEST(they_are_kept_for_so_long),
		TEST(one_that_the_server_ends_is_not_used),
		TEST(origins_are_apart),
		TEST(calls_wait_in_order),
		TEST(nobody_jumps_the_queue),
		TEST(who_waits_gets_the_place_of_one_that_failed),
		TEST(waiting_takes_its_time),
		TEST(whoever_opens_may_give_up),
		TEST(what_cannot_be_reached_is_told_of),
		TEST(the_end_of_the_pool_is_that_of_its_calls),
		TEST(nothing_is_left_of_one_that_is_not_waited_for),
		TEST(a_proxy_is_asked_in_absolute_form),
		TEST(an_asterisk_is_no_path),
		TEST(a_server_that_speaks_first_is_refused),
		TEST(orders_that_cannot_be_tried_have_a_problem),
		TEST(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
