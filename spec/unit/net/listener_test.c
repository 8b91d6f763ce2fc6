/*
 * Addresses that several listeners share, and connections that wait when one closes. What a single
 * listener does is in tcp_test.c.
 *
 * covers: net/sockaddr.c
 */
#include "unit/net/turns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listener.h"

enum { CALLS = 64 };

static int accepted[2];
static int open_listeners;

static void on_stream_closed(void *owner, int status)
{
	(void)owner, (void)status;
}

static void on_accept(void *owner, pl_stream *stream)
{
	static const pl_stream_events events = { .closed = on_stream_closed };

	++*(int *)owner;
	pl_stream_own(stream, &events, NULL);
	pl_stream_abort(stream, PL_OK);
}

static void on_closed(void *owner)
{
	(void)owner;
	open_listeners--;
}

static const pl_listener_events events = { .accept = on_accept, .closed = on_closed };

static pl_address localhost(void)
{
	pl_address address;

	assert_true(pl_address_parse(&address, "127.0.0.1"));
	address.port = 0;
	return address;
}

static int dial(const pl_address *to)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(to->port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	memcpy(&name.sin_addr, to->ip, 4);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	close(fd);
	return -1;
}

static const pl_listener_options alone = { .shared = false };
static const pl_listener_options shared = { .shared = true };

static void listen_too(pl_listener **listener, pl_loop *loop, const pl_address *at, int *count)
{
	*count = 0;
	assert_int_equal(pl_listener_open(listener, loop, at, &shared, &events, count), PL_OK);
	open_listeners++;
}

static void an_address_is_shared(void **state)
{
	pl_address asked = localhost();
	pl_address bound;
	pl_listener *listeners[2];
	pl_loop *loop;
	int calls[CALLS];
	int fd;

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	assert_int_equal(pl_listener_reserve(&asked, &fd, &bound), PL_OK);
	assert_true(bound.port > 0);
	assert_int_equal(dial(&bound), -1); /* kept, but nobody is there */
	for (int i = 0; i < 2; i++)
		listen_too(&listeners[i], loop, &bound, &accepted[i]);
	for (int i = 0; i < CALLS; i++) {
		calls[i] = dial(&bound);
		assert_true(calls[i] >= 0);
	}
	TURN_UNTIL(loop, accepted[0] + accepted[1] == CALLS);
	assert_true(accepted[0] > 0 && accepted[1] > 0);
	for (int i = 0; i < CALLS; i++)
		close(calls[i]);
	for (int i = 0; i < 2; i++)
		pl_listener_close(listeners[i]);
	TURN_UNTIL(loop, open_listeners == 0);
	close(fd);
	pl_loop_free(loop);
}

static void a_kept_address_is_in_use(void **state)
{
	pl_address asked = localhost();
	pl_address bound;
	pl_address again;
	pl_listener *listener;
	pl_loop *loop;
	int first;
	int second;

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	assert_int_equal(pl_listener_reserve(&asked, &first, &bound), PL_OK);
	assert_int_equal(pl_listener_reserve(&bound, &second, &again), PL_EADDRINUSE);
	assert_int_equal(pl_listener_open(&listener, loop, &bound, &alone, &events, NULL),
			 PL_EADDRINUSE);
	listen_too(&listener, loop, &bound, &accepted[0]);
	assert_int_equal(pl_listener_reserve(&bound, &second, &again), PL_EADDRINUSE);
	pl_listener_close(listener);
	TURN_UNTIL(loop, open_listeners == 0);
	close(first);
	assert_int_equal(pl_listener_reserve(&bound, &second, &again), PL_OK);
	assert_int_equal(again.port, bound.port);
	close(second);
	pl_loop_free(loop);
}

static void connections_that_wait_are_handed_out_before_the_end(void **state)
{
	pl_address address = localhost();
	pl_listener *listener;
	pl_loop *loop;
	int calls[3];

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	listen_too(&listener, loop, &address, &accepted[0]);
	pl_listener_address(listener, &address);
	for (int i = 0; i < 3; i++)
		calls[i] = dial(&address);
	pl_listener_drain(listener);
	pl_listener_close(listener);
	assert_int_equal(accepted[0], 3);
	TURN_UNTIL(loop, open_listeners == 0);
	for (int i = 0; i < 3; i++)
		close(calls[i]);
	pl_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_shared),
		cmocka_unit_test(a_kept_address_is_in_use),
		cmocka_unit_test(connections_that_wait_are_handed_out_before_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
