#include "unit/net/turns.h"

#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"

enum { PAIRS = 3 };

/* A socket of the loop and its peer's descriptor. */
typedef struct end {
	pl_socket socket;
	pl_loop *loop;
	struct end *victim; /* closed when this one is readable */
	int peer;
	int readable;
	int writable;
	int closed;
	bool drain; /* reads what is there */
} end;

static void on_readable(pl_socket *socket)
{
	end *self = PL_CONTAINER(socket, end, socket);
	char byte;

	self->readable++;
	if (self->drain)
		assert_true(recv(socket->fd, &byte, 1, MSG_DONTWAIT) >= 0);
	if (self->victim && self->victim->socket.fd >= 0)
		pl_socket_close(&self->victim->socket, self->loop);
}

static void on_writable(pl_socket *socket)
{
	PL_CONTAINER(socket, end, socket)->writable++;
}

static void on_closed(pl_socket *socket)
{
	PL_CONTAINER(socket, end, socket)->closed++;
}

static const pl_socket_events events = {
	.readable = on_readable,
	.writable = on_writable,
	.closed = on_closed,
};

static void make(end *self, pl_loop *loop)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	*self = (end){ .loop = loop, .peer = fds[1], .drain = true };
	pl_socket_init(&self->socket, &events, fds[0]);
}

static void unmake(end *self)
{
	if (self->socket.fd >= 0)
		pl_socket_close(&self->socket, self->loop);
	pl_loop_turn(self->loop);
	assert_int_equal(self->closed, 1);
	close(self->peer);
}

static void say(end *self)
{
	assert_int_equal(write(self->peer, "x", 1), 1);
}

static pl_loop *loop_new(void)
{
	pl_loop *loop;

	assert_int_equal(pl_loop_new(&loop), PL_OK);
	return loop;
}

static void only_what_is_wanted_is_told(void **state)
{
	pl_loop *loop = loop_new();
	end a;

	(void)state;
	make(&a, loop);
	say(&a);
	pl_loop_turn(loop);
	assert_int_equal(a.readable + a.writable, 0);
	assert_int_equal(pl_socket_want(&a.socket, loop, PL_SOCKET_READ), PL_OK);
	pl_loop_turn(loop);
	pl_loop_turn(loop);
	assert_int_equal(a.readable, 1);
	assert_int_equal(a.writable, 0);
	assert_int_equal(pl_socket_want(&a.socket, loop, PL_SOCKET_READ | PL_SOCKET_WRITE), PL_OK);
	pl_loop_turn(loop);
	assert_int_equal(a.readable, 1);
	assert_int_equal(a.writable, 1);
	unmake(&a);
	pl_loop_free(loop);
}

/* As a program that is being started has it, between fork and exec. */
static void another_descriptor_of_it_tells_nothing(void **state)
{
	pl_loop *loop = loop_new();
	int other;
	end a;

	(void)state;
	make(&a, loop);
	pl_socket_want(&a.socket, loop, PL_SOCKET_READ);
	other = dup(a.socket.fd);
	pl_socket_close(&a.socket, loop);
	pl_loop_turn(loop);
	assert_int_equal(a.closed, 1);
	a.socket.fd = other; /* as if the memory had become that of another */
	say(&a);
	pl_loop_turn(loop);
	pl_loop_turn(loop);
	assert_int_equal(a.readable, 0);
	close(other);
	close(a.peer);
	pl_loop_free(loop);
}

/* It is taken out of the set when it happens: once, and not again and again. */
static void what_is_not_wanted_any_more_keeps_nobody_awake(void **state)
{
	pl_loop *loop = loop_new();
	end a;

	(void)state;
	make(&a, loop);
	pl_socket_want(&a.socket, loop, PL_SOCKET_READ);
	pl_socket_want(&a.socket, loop, 0);
	assert_int_equal(a.socket.watched, PL_SOCKET_READ);
	say(&a);
	pl_loop_turn(loop);
	assert_int_equal(a.readable, 0);
	assert_int_equal(a.socket.watched, 0);
	assert_int_equal(pl_socket_want(&a.socket, loop, PL_SOCKET_READ), PL_OK);
	pl_loop_turn(loop);
	assert_int_equal(a.readable, 1);
	pl_socket_want(&a.socket, loop, 0);
	close(a.peer); /* an end that nobody reads must not wake the loop for ever */
	a.peer = dup(0);
	pl_loop_turn(loop);
	assert_int_equal(a.socket.watched, 0);
	assert_int_equal(a.readable, 1);
	unmake(&a);
	pl_loop_free(loop);
}

static void a_peer_that_is_gone_is_readable_and_writable(void **state)
{
	pl_loop *loop = loop_new();
	end a;

	(void)state;
	for (unsigned wanted = PL_SOCKET_READ; wanted <= PL_SOCKET_WRITE;
	     wanted += PL_SOCKET_WRITE - PL_SOCKET_READ) {
		make(&a, loop);
		pl_socket_want(&a.socket, loop, wanted);
		close(a.peer);
		a.peer = dup(0);
		pl_loop_turn(loop);
		assert_int_equal(a.readable, wanted == PL_SOCKET_READ);
		assert_int_equal(a.writable, wanted == PL_SOCKET_WRITE);
		unmake(&a);
	}
	pl_loop_free(loop);
}

/* All are readable at once; whoever is told first closes the next. */
static void one_that_another_closes_is_told_nothing_more(void **state)
{
	pl_loop *loop = loop_new();
	end ends[PAIRS];
	int told = 0, closed = 0;

	(void)state;
	for (int i = 0; i < PAIRS; i++) {
		make(&ends[i], loop);
		ends[i].victim = &ends[(i + 1) % PAIRS];
		pl_socket_want(&ends[i].socket, loop, PL_SOCKET_READ | PL_SOCKET_WRITE);
		say(&ends[i]);
	}
	pl_loop_turn(loop);
	for (int i = 0; i < PAIRS; i++) {
		told += ends[i].readable;
		closed += ends[i].closed;
	}
	/* The first closes the second before that is told; the third the first. */
	assert_int_equal(told, 2);
	assert_int_equal(closed, 2);
	for (int i = 0; i < PAIRS; i++)
		unmake(&ends[i]);
	pl_loop_free(loop);
}

static void closed_comes_with_the_end_of_the_turn(void **state)
{
	pl_loop *loop = loop_new();
	end a, b;

	(void)state;
	make(&a, loop);
	make(&b, loop);
	pl_socket_close(&a.socket, loop);
	pl_socket_close(&b.socket, loop);
	assert_int_equal(a.closed + b.closed, 0);
	pl_loop_turn(loop);
	assert_int_equal(a.closed, 1);
	assert_int_equal(b.closed, 1);
	unmake(&a);
	unmake(&b);
	make(&a, loop);
	pl_socket_close(&a.socket, loop);
	close(a.peer);
	pl_loop_free(loop); /* that is an end as well */
	assert_int_equal(a.closed, 1);
}

static void the_system_may_refuse(void **state)
{
	pl_loop *loop = loop_new();
	FILE *file = tmpfile();
	pl_socket socket;

	(void)state;
	pl_socket_init(&socket, &events, fileno(file));
	assert_int_equal(pl_socket_want(&socket, loop, PL_SOCKET_READ), PL_EACCES);
	fclose(file);
	pl_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_wanted_is_told),
		cmocka_unit_test(another_descriptor_of_it_tells_nothing),
		cmocka_unit_test(what_is_not_wanted_any_more_keeps_nobody_awake),
		cmocka_unit_test(a_peer_that_is_gone_is_readable_and_writable),
		cmocka_unit_test(one_that_another_closes_is_told_nothing_more),
		cmocka_unit_test(closed_comes_with_the_end_of_the_turn),
		cmocka_unit_test(the_system_may_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
