#include "lua/lua_terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/status.h"
#include "lua/lua_fs_internal.h"
#include "lua/lua_value.h"
#include "net/input.h"
#include "net/tty.h"

static const char KIND[] = "perilune.terminal"; /* of the one object that a script has */

typedef struct terminal {
	pl_script *script;
	pl_input *input; /* made when first asked for */
	pl_wait reading; /* one task at a time; terminal.lua has the others wait */
	bool busy;
	bool timed;
	pl_timer timer;
	fs_file *outputs[2]; /* what is written to 1 and 2, in order */
	pl_list resized;     /* waits for the size to change */
	bool heeds_resize;
} terminal;

static terminal *terminal_of(lua_State *L)
{
	terminal *self;

	lua_getfield(L, LUA_REGISTRYINDEX, "perilune.terminal.object");
	self = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return self;
}

/* Reading. */

static void detach(terminal *self)
{
	self->busy = false;
	pl_loop_stop_timer(self->script->loop, &self->timer);
	pl_loop_release(self->script->loop);
}

typedef struct piece {
	int status;
	const uint8_t *data;
	size_t len;
} piece;

static int push_piece(lua_State *L, void *context)
{
	const piece *got = context;

	if (got->status)
		return pl_lua_result(L, got->status);
	if (got->len == 0)
		return 0;
	lua_pushlstring(L, (const char *)got->data, got->len);
	return 1;
}

static void finish(terminal *self, int status, const uint8_t *data, size_t len)
{
	piece got = { status, data, len };
	pl_task *task = pl_wait_end_with(&self->reading, push_piece, &got);

	detach(self);
	pl_wait_go(task);
}

static void on_got(void *owner, int status, const uint8_t *data, size_t len)
{
	finish(owner, status, data, len);
}

static void on_timeout(pl_timer *timer)
{
	terminal *self = PL_CONTAINER(timer, terminal, timer);

	pl_input_forget(self->input);
	finish(self, PL_ETIMEDOUT, NULL, 0);
}

static void cancel_reading(pl_wait *wait)
{
	terminal *self = PL_CONTAINER(wait, terminal, reading);

	pl_input_forget(self->input);
	detach(self);
}

static int ask(terminal *self)
{
	int status = PL_OK;

	if (!self->input)
		status =
			pl_input_open(&self->input, self->script->loop, STDIN_FILENO, on_got, self);
	return status ? status : pl_input_ask(self->input);
}

/* read([seconds]) -> bytes; nothing at the end */
static int terminal_read(lua_State *L)
{
	terminal *self = terminal_of(L);
	bool timed = !lua_isnoneornil(L, 1);
	uint32_t ms = timed ? pl_lua_milliseconds(luaL_checknumber(L, 1)) : 0;
	int status;

	pl_wait_check(L);
	if (self->busy)
		return pl_lua_fail(L, PL_EBUSY, "another task reads");
	status = ask(self);
	if (status)
		return pl_lua_result(L, status);
	self->busy = true;
	pl_loop_hold(self->script->loop);
	if (timed) {
		pl_loop_refresh(self->script->loop);
		pl_loop_start(self->script->loop, &self->timer, ms);
	}
	pl_wait_begin(L, &self->reading, cancel_reading);
	return pl_wait_yield(L);
}

/* Writing. */

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		struct pollfd ready = { .fd = fd, .events = POLLOUT };
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EAGAIN)
			poll(&ready, 1, -1); /* somebody has made it non-blocking */
		else if (n < 0 && errno != EINTR)
			return pl_status_from_errno(errno);
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return PL_OK;
}

/* Behind what print has written. */
static void run_write(fs_op *op)
{
	if (op->flags == STDOUT_FILENO)
		fflush(stdout);
	op->status = write_all(op->flags, op->in.data, op->in.len);
}

/* write(1 | 2, bytes) */
static int terminal_write(lua_State *L)
{
	static const char *const names[] = { "standard output", "standard error" };
	terminal *self = terminal_of(L);
	int fd = luaL_checkint(L, 1) == 2 ? STDERR_FILENO : STDOUT_FILENO;
	pl_slice data = pl_lua_check_slice(L, 2);
	fs_op *op = pl_fs_op_new(L, 0, 0);

	op->path = names[fd - 1];
	op->file = self->outputs[fd - 1];
	op->file->refs++;
	op->flags = fd;
	op->run = run_write;
	if (pl_buffer_append(&op->in, data.at, data.len))
		return pl_fs_op_fail(L, op, PL_ENOMEM);
	return pl_fs_op_start(L, op);
}

/* What it is. */

/* is_tty(0 | 1 | 2) */
static int terminal_is_tty(lua_State *L)
{
	lua_pushboolean(L, pl_tty_is(luaL_checkint(L, 1)));
	return 1;
}

/* size() -> columns, rows; nothing when there is no terminal */
static int terminal_size(lua_State *L)
{
	int columns;
	int rows;

	if (pl_tty_size(STDOUT_FILENO, &columns, &rows) &&
	    pl_tty_size(STDIN_FILENO, &columns, &rows) &&
	    pl_tty_size(STDERR_FILENO, &columns, &rows))
		return 0;
	lua_pushinteger(L, columns);
	lua_pushinteger(L, rows);
	return 2;
}

/* set_mode("normal" | "keys" | "raw" | "no_echo") */
static int terminal_set_mode(lua_State *L)
{
	static const char *const names[] = { "normal", "keys", "raw", "no_echo", NULL };
	static const enum pl_tty_mode modes[] = { PL_TTY_NORMAL, PL_TTY_KEYS, PL_TTY_RAW,
						  PL_TTY_NO_ECHO };
	int status = pl_tty_set_mode(modes[luaL_checkoption(L, 1, NULL, names)]);

	if (status == PL_ENOTSUP)
		return pl_lua_fail(L, status, "standard input is no terminal");
	return pl_lua_result(L, status);
}

/* The size changes. */

typedef struct resize_wait {
	pl_wait wait;
	pl_list node;
} resize_wait;

static void cancel_resize(pl_wait *wait)
{
	pl_list_remove(&PL_CONTAINER(wait, resize_wait, wait)->node);
}

static void on_resize(void *context, int number)
{
	terminal *self = context;
	pl_list now;

	(void)number;
	pl_list_init(&now);
	pl_list_move(&now, &self->resized);
	while (!pl_list_empty(&now)) {
		resize_wait *wait = PL_CONTAINER(now.next, resize_wait, node);

		pl_list_remove(&wait->node);
		pl_task_run(pl_wait_end(&wait->wait), 0);
	}
}

static void ignore(void *context, int number)
{
	(void)context, (void)number;
}

/* heed_resize(): from now on wait_resize is told */
static int terminal_heed_resize(lua_State *L)
{
	terminal *self = terminal_of(L);
	int status = PL_OK;

	if (!self->heeds_resize)
		status = pl_loop_on_signal(self->script->loop, SIGWINCH, on_resize, self);
	self->heeds_resize = !status;
	return pl_lua_result(L, status);
}

/* wait_resize(userdata from new_wait): until the size changes; does not keep the program */
static int terminal_wait_resize(lua_State *L)
{
	terminal *self = terminal_of(L);
	resize_wait *wait = lua_touserdata(L, 1);

	luaL_checktype(L, 1, LUA_TUSERDATA);
	pl_wait_check(L);
	pl_list_append(&self->resized, &wait->node);
	pl_wait_begin(L, &wait->wait, cancel_resize);
	return pl_wait_yield(L);
}

/* new_wait() -> what wait_resize takes, and its caller has to keep meanwhile */
static int terminal_new_wait(lua_State *L)
{
	lua_newuserdata(L, sizeof(resize_wait));
	return 1;
}

static int terminal_gc(lua_State *L)
{
	terminal *self = lua_touserdata(L, 1);
	int i;

	pl_input_close(self->input);
	if (self->heeds_resize)
		pl_loop_on_signal(self->script->loop, SIGWINCH, ignore, NULL);
	for (i = 0; i < 2; i++)
		if (self->outputs[i])
			pl_fs_file_unref(self->outputs[i]);
	return 0;
}

static void make_object(lua_State *L)
{
	terminal *self;
	int i;

	lua_newtable(L);
	pl_lua_set_kind(L, KIND, terminal_gc);
	self = pl_lua_new(L, KIND, sizeof(*self));
	self->script = pl_script_of(L);
	pl_timer_init(&self->timer, on_timeout);
	pl_list_init(&self->resized);
	for (i = 0; i < 2; i++) {
		self->outputs[i] = pl_fs_file_new(self->script->loop, "");
		if (!self->outputs[i])
			luaL_error(L, "out of memory");
	}
	lua_setfield(L, LUA_REGISTRYINDEX, "perilune.terminal.object");
}

static const luaL_Reg functions[] = {
	{ "read", terminal_read },
	{ "write", terminal_write },
	{ "is_tty", terminal_is_tty },
	{ "size", terminal_size },
	{ "set_mode", terminal_set_mode },
	{ "heed_resize", terminal_heed_resize },
	{ "new_wait", terminal_new_wait },
	{ "wait_resize", terminal_wait_resize },
	{ NULL, NULL },
};

int pl_lua_open_terminal(lua_State *L)
{
	make_object(L);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}
