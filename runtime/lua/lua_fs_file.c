/* lua_fs_file.c - open files. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_fs_internal.h"
#include "lua/lua_value.h"
#include "net/work.h"

static const char KIND[] = "perilune.file";

enum { AHEAD = 65536 }; /* bytes that reading a line reads at once */

typedef struct file_object {
	fs_file *file; /* NULL before it is open */
} file_object;

/* Life. */

fs_file *pl_fs_file_new(pl_loop *loop, const char *name)
{
	size_t size = strlen(name) + 1;
	fs_file *file = pl_calloc(1, sizeof(*file) + size);

	if (!file)
		return NULL;
	file->loop = loop;
	file->fd = -1;
	file->refs = 1;
	pl_list_init(&file->queue);
	memcpy(file->name, name, size);
	return file;
}

static void close_last(void *context)
{
	fs_file *file = context;

	if (file->fd >= 0)
		close(file->fd);
}

static void free_last(void *context)
{
	fs_file *file = context;

	pl_buffer_deinit(&file->ahead);
	pl_free(file);
}

/* Closing may write, and so block. */
void pl_fs_file_unref(fs_file *file)
{
	if (--file->refs > 0)
		return;
	if (file->fd >= 0 && pl_work_start(file->loop, close_last, free_last, file) == PL_OK)
		return;
	close_last(file);
	free_last(file);
}

int pl_fs_push_file(lua_State *L, const fs_op *op)
{
	file_object *object = pl_lua_new(L, KIND, sizeof(*object));

	object->file = op->file;
	op->file->refs++;
	return 1;
}

fs_file *pl_fs_file_at(lua_State *L, int index)
{
	return ((file_object *)pl_lua_check(L, index, KIND))->file;
}

static int file_gc(lua_State *L)
{
	file_object *object = lua_touserdata(L, 1);

	if (object->file)
		pl_fs_file_unref(object->file);
	return 0;
}

/* What runs on the pool. */

static int check_open(const fs_op *op)
{
	return op->file->fd < 0 ? PL_ECLOSED : PL_OK;
}

/* What was read ahead and not yet taken. */
static pl_slice ahead_of(const fs_file *file)
{
	if (file->ahead.len == 0)
		return pl_slice_make(NULL, 0);
	return pl_slice_make((const char *)file->ahead.data + file->used,
			     file->ahead.len - file->used);
}

static void forget_ahead(fs_file *file)
{
	file->ahead.len = 0;
	file->used = 0;
	file->at_end = false;
}

static void skip_ahead(fs_file *file, size_t len)
{
	file->used += len;
	file->position += (int64_t)len;
}

/* Takes the first `len` bytes of what was read ahead. */
static int take(fs_op *op, size_t len)
{
	int status = pl_buffer_append(&op->out, ahead_of(op->file).at, len);

	if (!status)
		skip_ahead(op->file, len);
	return status;
}

static void run_read(fs_op *op)
{
	fs_file *file = op->file;
	size_t wanted = (size_t)op->limit;
	size_t got;

	op->status = check_open(op);
	if (!op->status)
		op->status = take(op, wanted < ahead_of(file).len ? wanted : ahead_of(file).len);
	if (op->status || op->out.len == wanted)
		return;
	forget_ahead(file);
	got = op->out.len;
	op->status = pl_fs_read_at(file->fd, file->position, wanted - got, &op->out);
	if (!op->status)
		file->position += (int64_t)(op->out.len - got);
}

/* The line at the front of what was read ahead, with its end; 0 when it is not whole yet. */
static size_t line_length(const fs_file *file)
{
	pl_slice ahead = ahead_of(file);
	size_t end = pl_slice_find(ahead, '\n');

	if (end < ahead.len)
		return end + 1;
	return file->at_end ? ahead.len : 0;
}

static int read_ahead(fs_file *file)
{
	size_t kept = ahead_of(file).len;
	int status;

	pl_buffer_consume(&file->ahead, file->used);
	file->used = 0;
	status = pl_fs_read_at(file->fd, file->position + (int64_t)kept, AHEAD, &file->ahead);
	file->at_end = !status && file->ahead.len - kept < AHEAD;
	return status;
}

static void run_read_line(fs_op *op)
{
	fs_file *file = op->file;
	size_t max = (size_t)op->limit;

	op->status = check_open(op);
	file->at_end = false; /* it may have grown */
	while (!op->status && line_length(file) == 0 && !file->at_end)
		op->status = ahead_of(file).len > max ? PL_ETOOBIG : read_ahead(file);
	if (!op->status && line_length(file) > max + 1)
		op->status = PL_ETOOBIG;
	if (!op->status)
		op->status = take(op, line_length(file));
}

static void run_write(fs_op *op)
{
	fs_file *file = op->file;

	op->status = check_open(op);
	if (op->status)
		return;
	forget_ahead(file);
	op->status = pl_fs_write_at(file->fd, op->in.data, op->in.len, file->position);
	if (!op->status)
		file->position += (int64_t)op->in.len;
}

static void run_read_at(fs_op *op)
{
	op->status = check_open(op);
	if (!op->status)
		op->status = pl_fs_read_at(op->file->fd, op->number, (size_t)op->limit, &op->out);
}

static void run_write_at(fs_op *op)
{
	op->status = check_open(op);
	if (op->status)
		return;
	forget_ahead(op->file);
	op->status = pl_fs_write_at(op->file->fd, op->in.data, op->in.len, op->number);
}

static int status_of(int result)
{
	return result < 0 ? pl_status_from_errno(errno) : PL_OK;
}

/* number: relative to `flags`, which is SEEK_SET, SEEK_CUR or SEEK_END */
static void run_seek(fs_op *op)
{
	fs_file *file = op->file;
	int64_t from = op->flags == SEEK_CUR ? file->position : 0;

	op->status = check_open(op);
	if (!op->status && op->flags == SEEK_END) {
		op->status = status_of(fstat(file->fd, &op->info));
		from = op->info.st_size;
	}
	if (!op->status && (op->number < -from || op->number > INT64_MAX - from))
		op->status = PL_EINVAL;
	if (op->status)
		return;
	if (op->number + from != file->position)
		forget_ahead(file);
	file->position = op->number = op->number + from;
}

static void run_truncate(fs_op *op)
{
	op->status = check_open(op);
	if (op->status)
		return;
	forget_ahead(op->file);
	op->status = status_of(ftruncate(op->file->fd, op->number));
}

static void run_stat(fs_op *op)
{
	op->status = check_open(op);
	if (!op->status)
		op->status = status_of(fstat(op->file->fd, &op->info));
}

static void run_sync(fs_op *op)
{
	op->status = check_open(op);
	if (!op->status)
		op->status = status_of(fsync(op->file->fd));
}

static void run_close(fs_op *op)
{
	op->status = check_open(op);
	if (op->status)
		return;
	op->status = close(op->file->fd) && errno != EINTR ? pl_status_from_errno(errno) : PL_OK;
	op->file->fd = -1;
}

/* What scripts call. */

/* Bytes, or nothing at the end of the file. */
static int push_read(lua_State *L, const fs_op *op)
{
	return op->out.len > 0 || op->limit == 0 ? pl_fs_push_out(L, op) : 0;
}

static int push_line(lua_State *L, const fs_op *op)
{
	size_t len = op->out.len;

	if (len == 0)
		return 0;
	len -= op->out.data[len - 1] == '\n';
	lua_pushlstring(L, (const char *)op->out.data, len);
	return 1;
}

/* read(file, n) -> bytes, fewer only at the end; nothing at the end */
static int file_read(lua_State *L)
{
	int64_t count = (int64_t)luaL_checknumber(L, 2);
	fs_op *op = pl_fs_op_file(L);

	op->limit = count;
	op->run = run_read;
	op->push = push_read;
	return pl_fs_op_start(L, op);
}

/* The line that was read ahead: it needs no thread. */
static bool push_ready_line(lua_State *L, fs_file *file, int64_t max)
{
	size_t len;

	if (file->running || file->fd < 0)
		return false;
	file->at_end = false;
	len = line_length(file);
	if (len == 0 || len > (size_t)max + 1)
		return false;
	lua_pushlstring(L, ahead_of(file).at, len - 1);
	skip_ahead(file, len);
	return true;
}

/* read_line(file, max) -> the line without its end; nothing at the end */
static int file_read_line(lua_State *L)
{
	int64_t max = (int64_t)luaL_checknumber(L, 2);
	fs_op *op;

	pl_wait_check(L);
	if (push_ready_line(L, pl_fs_file_at(L, 1), max))
		return 1;
	op = pl_fs_op_file(L);
	op->limit = max;
	op->run = run_read_line;
	op->push = push_line;
	return pl_fs_op_start(L, op);
}

static int start_write(lua_State *L, fs_op *op, pl_slice data)
{
	if (pl_buffer_append(&op->in, data.at, data.len))
		return pl_fs_op_fail(L, op, PL_ENOMEM);
	return pl_fs_op_start(L, op);
}

/* write(file, bytes) */
static int file_write(lua_State *L)
{
	pl_slice data = pl_lua_check_slice(L, 2);
	fs_op *op = pl_fs_op_file(L);

	op->run = run_write;
	return start_write(L, op, data);
}

/* read_at(file, offset, n) -> bytes */
static int file_read_at(lua_State *L)
{
	int64_t offset = (int64_t)luaL_checknumber(L, 2);
	int64_t count = (int64_t)luaL_checknumber(L, 3);
	fs_op *op = pl_fs_op_file(L);

	op->number = offset;
	op->limit = count;
	op->run = run_read_at;
	op->push = push_read;
	return pl_fs_op_start(L, op);
}

/* write_at(file, offset, bytes) */
static int file_write_at(lua_State *L)
{
	int64_t offset = (int64_t)luaL_checknumber(L, 2);
	pl_slice data = pl_lua_check_slice(L, 3);
	fs_op *op = pl_fs_op_file(L);

	op->number = offset;
	op->run = run_write_at;
	return start_write(L, op, data);
}

static int push_number(lua_State *L, const fs_op *op)
{
	lua_pushnumber(L, (lua_Number)op->number);
	return 1;
}

/* seek(file, "set" | "cur" | "end", offset) -> position */
static int file_seek(lua_State *L)
{
	static const char *const names[] = { "set", "cur", "end", NULL };
	static const int whences[] = { SEEK_SET, SEEK_CUR, SEEK_END };
	int whence = luaL_checkoption(L, 2, NULL, names);
	int64_t offset = (int64_t)luaL_checknumber(L, 3);
	fs_op *op = pl_fs_op_file(L);

	op->flags = whences[whence];
	op->number = offset;
	op->run = run_seek;
	op->push = push_number;
	return pl_fs_op_start(L, op);
}

/* truncate(file, size) */
static int file_truncate(lua_State *L)
{
	int64_t size = (int64_t)luaL_checknumber(L, 2);
	fs_op *op = pl_fs_op_file(L);

	op->number = size;
	op->run = run_truncate;
	return pl_fs_op_start(L, op);
}

static int file_stat(lua_State *L)
{
	fs_op *op = pl_fs_op_file(L);

	op->run = run_stat;
	op->push = pl_fs_push_stat;
	return pl_fs_op_start(L, op);
}

static int file_sync(lua_State *L)
{
	fs_op *op = pl_fs_op_file(L);

	op->run = run_sync;
	return pl_fs_op_start(L, op);
}

static int file_close(lua_State *L)
{
	fs_op *op = pl_fs_op_file(L);

	op->run = run_close;
	return pl_fs_op_start(L, op);
}

static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	pl_lua_set_kind(L, KIND, file_gc);
	return 0;
}

static const luaL_Reg methods[] = {
	{ "read", file_read },
	{ "read_line", file_read_line },
	{ "write", file_write },
	{ "read_at", file_read_at },
	{ "write_at", file_write_at },
	{ "seek", file_seek },
	{ "truncate", file_truncate },
	{ "stat", file_stat },
	{ "sync", file_sync },
	{ "close", file_close },
	{ NULL, NULL },
};

void pl_lua_open_fs_file(lua_State *L)
{
	pl_lua_set_functions(L, "file", methods);
	lua_pushcfunction(L, set_metatable);
	lua_setfield(L, -2, "set_file_metatable");
}
