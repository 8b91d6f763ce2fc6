#include "unit/net/turns.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/input.h"

typedef struct reader {
	pl_loop *loop;
	pl_input *input;
	pl_buffer journal;
	int calls;
	bool ask_again;
	bool close;
} reader;

static void on_got(void *owner, int status, const uint8_t *data, size_t len)
{
	reader *self = owner;

	self->calls++;
	if (status)
		note_status(&self->journal, "failed", status);
	else if (len == 0)
		note(&self->journal, "end");
	else
		assert_int_equal(
			pl_buffer_printf(&self->journal, "%.*s ", (int)len, (const char *)data),
			PL_OK);
	if (self->close) {
		pl_input_close(self->input);
		self->input = NULL;
	} else if (self->ask_again) {
		assert_int_equal(pl_input_ask(self->input), PL_OK);
	}
}

static void open_reader(reader *self, int fd)
{
	*self = (reader){ 0 };
	assert_int_equal(pl_loop_new(&self->loop), PL_OK);
	assert_int_equal(pl_input_open(&self->input, self->loop, fd, on_got, self), PL_OK);
}

static void close_reader(reader *self)
{
	pl_input_close(self->input);
	pl_loop_free(self->loop);
	pl_buffer_deinit(&self->journal);
}

static void ask(reader *self)
{
	int before = self->calls;

	assert_int_equal(pl_input_ask(self->input), PL_OK);
	assert_int_equal(self->calls, before);
	TURN_UNTIL(self->loop, self->calls > before);
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* A pipe and a socket, whose flags stay as they are. */
static void what_comes_is_read_when_asked(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		reader self;
		int fds[2];
		int flags;

		assert_int_equal(kind ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) : pipe(fds), 0);
		flags = fcntl(fds[0], F_GETFL);
		open_reader(&self, fds[0]);
		send_text(fds[1], "one");
		turn_some(self.loop);
		assert_int_equal(self.calls, 0);
		ask(&self);
		send_text(fds[1], "two");
		turn_some(self.loop);
		assert_int_equal(self.calls, 1);
		ask(&self);
		assert_int_equal(pl_input_ask(self.input), PL_OK);
		turn_some(self.loop);
		assert_int_equal(self.calls, 2);
		send_text(fds[1], "three");
		TURN_UNTIL(self.loop, self.calls == 3);
		close(fds[1]);
		ask(&self);
		ask(&self);
		assert_string_equal(noted(&self.journal), "one two three end end ");
		assert_int_equal(fcntl(fds[0], F_GETFL), flags);
		close_reader(&self);
		close(fds[0]);
	}
}

static void what_is_forgotten_comes_with_the_next_asking(void **state)
{
	char name[] = "/tmp/perilune-input-XXXXXX";
	reader self;
	int fds[2];
	int file = mkstemp(name);

	(void)state;
	assert_int_equal(pipe(fds), 0);
	open_reader(&self, fds[0]);
	assert_int_equal(pl_input_ask(self.input), PL_OK);
	pl_input_forget(self.input);
	send_text(fds[1], "kept");
	turn_some(self.loop);
	assert_int_equal(self.calls, 0);
	ask(&self);
	assert_string_equal(noted(&self.journal), "kept ");
	close_reader(&self);
	close(fds[0]);
	close(fds[1]);
	/* The pool may have read it already. */
	send_text(file, "file");
	lseek(file, 0, SEEK_SET);
	open_reader(&self, file);
	assert_int_equal(pl_input_ask(self.input), PL_OK);
	pl_input_forget(self.input);
	pl_loop_run(self.loop);
	turn_some(self.loop);
	assert_int_equal(self.calls, 0);
	ask(&self);
	ask(&self);
	assert_string_equal(noted(&self.journal), "file end ");
	assert_int_equal(pl_input_ask(self.input), PL_OK);
	close_reader(&self); /* while the pool has it */
	close(file);
	unlink(name);
}

static void a_file_is_read_from_where_it_is(void **state)
{
	char name[] = "/tmp/perilune-input-XXXXXX";
	int file = mkstemp(name);
	reader self;

	(void)state;
	unlink(name);
	send_text(file, "0123456789");
	lseek(file, 4, SEEK_SET);
	open_reader(&self, file);
	self.ask_again = true;
	assert_int_equal(pl_input_ask(self.input), PL_OK);
	TURN_UNTIL(self.loop, self.calls == 3);
	pl_input_forget(self.input);
	assert_string_equal(noted(&self.journal), "456789 end end ");
	close_reader(&self);
	close(file);
}

static void nothing_and_what_cannot_be_read(void **state)
{
	int64_t live = pl_alloc_live();
	int open_before = descriptors();
	reader self;
	int fd = open("/dev/null", O_RDONLY);
	pl_input *input;

	(void)state;
	open_reader(&self, fd);
	ask(&self);
	self.close = true;
	ask(&self);
	assert_string_equal(noted(&self.journal), "end end ");
	close(fd);
	assert_int_equal(pl_input_open(&input, self.loop, fd, on_got, &self), PL_EACCES);
	for (uint64_t nth = 1; nth <= 2; nth++) {
		pl_alloc_fail_at(nth);
		assert_int_equal(pl_input_open(&input, self.loop, 0, on_got, &self), PL_ENOMEM);
		pl_alloc_fail_at(0);
	}
	pl_input_close(NULL);
	close_reader(&self);
	assert_int_equal(pl_alloc_live(), live);
	assert_int_equal(descriptors(), open_before);
}

static void it_may_be_closed_in_its_own_call(void **state)
{
	reader self;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	open_reader(&self, fds[0]);
	self.close = true;
	send_text(fds[1], "x");
	ask(&self);
	turn_some(self.loop);
	assert_string_equal(noted(&self.journal), "x ");
	close_reader(&self);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_is_read_when_asked),
		cmocka_unit_test(what_is_forgotten_comes_with_the_next_asking),
		cmocka_unit_test(a_file_is_read_from_where_it_is),
		cmocka_unit_test(nothing_and_what_cannot_be_read),
		cmocka_unit_test(it_may_be_closed_in_its_own_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
