/* lua_fs_op.c - one operation, from the script to the pool and back. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_fs_internal.h"
#include "lua/lua_value.h"
#include "net/work.h"

void pl_fs_op_free(fs_op *op)
{
	if (op->file)
		pl_fs_file_unref(op->file);
	pl_buffer_deinit(&op->in);
	pl_buffer_deinit(&op->out);
	pl_free(op);
}

static size_t path_size(lua_State *L, int index)
{
	return index ? strlen(luaL_checkstring(L, index)) + 1 : 0;
}

fs_op *pl_fs_op_new(lua_State *L, int path, int other)
{
	size_t first = path_size(L, path);
	size_t second = path_size(L, other);
	char *text;
	fs_op *op;

	pl_wait_check(L);
	op = pl_calloc(1, sizeof(*op) + first + second);
	if (!op) {
		luaL_error(L, "out of memory");
		return NULL;
	}
	text = (char *)(op + 1);
	if (path)
		op->path = memcpy(text, lua_tostring(L, path), first);
	if (other)
		op->other = memcpy(text + first, lua_tostring(L, other), second);
	op->loop = pl_script_of(L)->loop;
	pl_list_init(&op->node);
	op->push = pl_fs_push_true;
	return op;
}

fs_op *pl_fs_op_file(lua_State *L)
{
	fs_file *file = pl_fs_file_at(L, 1);
	fs_op *op = pl_fs_op_new(L, 0, 0);

	file->refs++;
	op->file = file;
	op->path = file->name;
	return op;
}

enum { TEXT_MAX = 4352 }; /* a path of PATH_MAX, and why; longer ones are cut */

static void write_failure(char text[TEXT_MAX], const fs_op *op)
{
	bool closed = op->status == PL_ECLOSED;

	snprintf(text, TEXT_MAX, "%s: %s", op->path,
		 closed ? "the file is closed" : pl_status_text(op->status));
}

/* Pushing may throw, so that nothing of the operation is left before. */
int pl_fs_op_fail(lua_State *L, fs_op *op, int status)
{
	char text[TEXT_MAX];

	op->status = status;
	write_failure(text, op);
	pl_fs_op_free(op);
	return pl_lua_fail(L, status, text);
}

static int push_failure(lua_State *L, const fs_op *op)
{
	char text[TEXT_MAX];

	write_failure(text, op);
	return pl_lua_fail(L, op->status, text);
}

static int push_result(lua_State *L, void *context)
{
	const fs_op *op = context;

	return op->status ? push_failure(L, op) : op->push(L, op);
}

static void start_next(fs_file *file);

/* The file goes on with what was queued; the task of this one may queue more. */
static void on_done(void *context)
{
	fs_op *op = context;
	fs_file *file = op->file;
	pl_task *task = NULL;

	if (op->waiting)
		task = pl_wait_end_with(&op->wait, push_result, op);
	if (file) {
		file->running = NULL;
		start_next(file);
	}
	pl_fs_op_free(op);
	if (task)
		pl_wait_go(task);
}

static void run(void *context)
{
	fs_op *op = context;

	op->run(op);
}

/* From here on the pool has it, unless this says otherwise. */
static int begin(fs_op *op)
{
	int status = pl_work_start(op->loop, run, on_done, op);

	if (!status && op->file)
		op->file->running = op;
	return status;
}

static void start_next(fs_file *file)
{
	while (!file->running && !pl_list_empty(&file->queue)) {
		fs_op *op = PL_CONTAINER(file->queue.next, fs_op, node);
		int status;

		pl_list_remove(&op->node);
		status = begin(op);
		if (status) {
			op->status = status;
			on_done(op);
		}
	}
}

/* What the pool has, it keeps. */
static void cancel(pl_wait *wait)
{
	fs_op *op = PL_CONTAINER(wait, fs_op, wait);

	op->waiting = false;
	if (pl_list_empty(&op->node))
		return;
	pl_list_remove(&op->node);
	pl_fs_op_free(op);
}

int pl_fs_op_start(lua_State *L, fs_op *op)
{
	int status = PL_OK;

	if (op->file && op->file->running)
		pl_list_append(&op->file->queue, &op->node);
	else
		status = begin(op);
	if (status)
		return pl_fs_op_fail(L, op, status);
	op->waiting = true;
	pl_wait_begin(L, &op->wait, cancel);
	return pl_wait_yield(L);
}

/* Results. */

int pl_fs_push_true(lua_State *L, const fs_op *op)
{
	(void)op;
	lua_pushboolean(L, true);
	return 1;
}

int pl_fs_push_out(lua_State *L, const fs_op *op)
{
	lua_pushlstring(L, op->out.data ? (const char *)op->out.data : "", op->out.len);
	return 1;
}

static void set_number(lua_State *L, const char *name, double value)
{
	lua_pushnumber(L, value);
	lua_setfield(L, -2, name);
}

static double seconds(struct timespec time)
{
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int pl_fs_push_stat(lua_State *L, const fs_op *op)
{
	char type = (char)pl_fs_type_of(op->info.st_mode);

	lua_createtable(L, 0, 11);
	lua_pushlstring(L, &type, 1);
	lua_setfield(L, -2, "type");
	set_number(L, "mode", op->info.st_mode & 07777);
	set_number(L, "size", (double)op->info.st_size);
	set_number(L, "modified", seconds(op->info.st_mtim));
	set_number(L, "accessed", seconds(op->info.st_atim));
	set_number(L, "changed", seconds(op->info.st_ctim));
	set_number(L, "uid", op->info.st_uid);
	set_number(L, "gid", op->info.st_gid);
	set_number(L, "links", (double)op->info.st_nlink);
	set_number(L, "inode", (double)op->info.st_ino);
	set_number(L, "device", (double)op->info.st_dev);
	return 1;
}
