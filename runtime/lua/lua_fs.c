#include "lua/lua_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "codec/file_name.h"
#include "lua/lua_fs_internal.h"
#include "lua/lua_value.h"

/* Paths and options are checked by fs.lua. */

static int status_of(int result)
{
	return result < 0 ? pl_status_from_errno(errno) : PL_OK;
}

static void run_read(fs_op *op)
{
	op->status = pl_fs_read(op->path, op->limit, &op->out);
}

/* read(path, max) -> bytes */
static int fs_read(lua_State *L)
{
	int64_t max = (int64_t)luaL_checknumber(L, 2);
	fs_op *op = pl_fs_op_new(L, 1, 0);

	op->limit = max;
	op->run = run_read;
	op->push = pl_fs_push_out;
	return pl_fs_op_start(L, op);
}

static void run_write(fs_op *op)
{
	op->status = pl_fs_write(op->path, op->in.data, op->in.len, &op->writing);
}

/* write(path, bytes, { mode, append, exclusive, atomic, sync }) */
static int fs_write(lua_State *L)
{
	pl_slice data = pl_lua_check_slice(L, 2);
	fs_op *op;

	luaL_checktype(L, 3, LUA_TTABLE);
	op = pl_fs_op_new(L, 1, 0);
	op->writing.mode = (int)pl_lua_int_field(L, 3, "mode");
	op->writing.append = pl_lua_bool_field(L, 3, "append");
	op->writing.exclusive = pl_lua_bool_field(L, 3, "exclusive");
	op->writing.atomic = pl_lua_bool_field(L, 3, "atomic");
	op->writing.sync = pl_lua_bool_field(L, 3, "sync");
	op->run = run_write;
	if (pl_buffer_append(&op->in, data.at, data.len))
		return pl_fs_op_fail(L, op, PL_ENOMEM);
	return pl_fs_op_start(L, op);
}

static void run_stat(fs_op *op)
{
	op->status = status_of(op->option ? stat(op->path, &op->info) : lstat(op->path, &op->info));
}

/* stat(path, follow) -> table */
static int fs_stat(lua_State *L)
{
	bool follow = lua_toboolean(L, 2);
	fs_op *op = pl_fs_op_new(L, 1, 0);

	op->option = follow;
	op->run = run_stat;
	op->push = pl_fs_push_stat;
	return pl_fs_op_start(L, op);
}

static void run_list(fs_op *op)
{
	op->status = pl_fs_list(op->path, (size_t)op->limit, &op->out);
}

static int push_list(lua_State *L, const fs_op *op)
{
	const char *at = (const char *)op->out.data;
	const char *end = at ? at + op->out.len : at;
	int count = 0;

	lua_newtable(L);
	while (at < end) {
		lua_createtable(L, 0, 2);
		lua_pushlstring(L, at, 1);
		lua_setfield(L, -2, "type");
		lua_pushstring(L, at + 1);
		lua_setfield(L, -2, "name");
		lua_rawseti(L, -2, ++count);
		at += strlen(at) + 1;
	}
	return 1;
}

/* list(path, max) -> list of { name, type } */
static int fs_list(lua_State *L)
{
	int64_t max = (int64_t)luaL_checknumber(L, 2);
	fs_op *op = pl_fs_op_new(L, 1, 0);

	op->limit = max;
	op->run = run_list;
	op->push = push_list;
	return pl_fs_op_start(L, op);
}

static void run_make_folder(fs_op *op)
{
	op->status = pl_fs_make_folder(op->path, op->mode, op->option);
}

/* make_folder(path, mode, parents) */
static int fs_make_folder(lua_State *L)
{
	int mode = (int)luaL_checkinteger(L, 2);
	bool parents = lua_toboolean(L, 3);
	fs_op *op = pl_fs_op_new(L, 1, 0);

	op->mode = mode;
	op->option = parents;
	op->run = run_make_folder;
	return pl_fs_op_start(L, op);
}

static void run_remove(fs_op *op)
{
	op->status = pl_fs_remove(op->path, op->option);
}

/* remove(path, recursive) */
static int fs_remove(lua_State *L)
{
	bool recursive = lua_toboolean(L, 2);
	fs_op *op = pl_fs_op_new(L, 1, 0);

	op->option = recursive;
	op->run = run_remove;
	return pl_fs_op_start(L, op);
}

static void run_copy(fs_op *op)
{
	op->status = pl_fs_copy(op->path, op->other, op->option);
}

/* copy(from, to, overwrite) */
static int fs_copy(lua_State *L)
{
	bool overwrite = lua_toboolean(L, 3);
	fs_op *op = pl_fs_op_new(L, 1, 2);

	op->option = overwrite;
	op->run = run_copy;
	return pl_fs_op_start(L, op);
}

static void run_rename(fs_op *op)
{
	op->status = status_of(rename(op->path, op->other));
}

/* rename(from, to) */
static int fs_rename(lua_State *L)
{
	fs_op *op = pl_fs_op_new(L, 1, 2);

	op->run = run_rename;
	return pl_fs_op_start(L, op);
}

static void run_link(fs_op *op)
{
	op->status = status_of(symlink(op->other, op->path));
}

/* link(path, target) */
static int fs_link(lua_State *L)
{
	fs_op *op = pl_fs_op_new(L, 1, 2);

	op->run = run_link;
	return pl_fs_op_start(L, op);
}

static void run_read_link(fs_op *op)
{
	op->status = pl_fs_read_link(op->path, &op->out);
}

/* read_link(path) -> target */
static int fs_read_link(lua_State *L)
{
	fs_op *op = pl_fs_op_new(L, 1, 0);

	op->run = run_read_link;
	op->push = pl_fs_push_out;
	return pl_fs_op_start(L, op);
}

static void run_real_path(fs_op *op)
{
	op->status = pl_fs_real_path(op->path, &op->out);
}

/* real_path(path) -> path */
static int fs_real_path(lua_State *L)
{
	fs_op *op = pl_fs_op_new(L, 1, 0);

	op->run = run_real_path;
	op->push = pl_fs_push_out;
	return pl_fs_op_start(L, op);
}

static void run_set_mode(fs_op *op)
{
	op->status = status_of(chmod(op->path, (mode_t)op->mode));
}

/* set_mode(path, mode) */
static int fs_set_mode(lua_State *L)
{
	int mode = (int)luaL_checkinteger(L, 2);
	fs_op *op = pl_fs_op_new(L, 1, 0);

	op->mode = mode;
	op->run = run_set_mode;
	return pl_fs_op_start(L, op);
}

static int push_path(lua_State *L, const fs_op *op)
{
	lua_pushstring(L, op->path);
	return 1;
}

static void run_temporary_folder(fs_op *op)
{
	op->status = pl_fs_temporary_folder((char *)(uintptr_t)op->path);
}

/* temporary_folder(path that ends in XXXXXX) -> path */
static int fs_temporary_folder(lua_State *L)
{
	fs_op *op = pl_fs_op_new(L, 1, 0);

	op->run = run_temporary_folder;
	op->push = push_path;
	return pl_fs_op_start(L, op);
}

/* Opening. */

static int start_open(lua_State *L, fs_op *op)
{
	op->file = pl_fs_file_new(op->loop, op->path);
	if (!op->file)
		return pl_fs_op_fail(L, op, PL_ENOMEM);
	return pl_fs_op_start(L, op);
}

static void run_open(fs_op *op)
{
	op->status = pl_fs_open(op->path, op->flags, op->mode, &op->file->fd);
	if (op->status)
		op->file->fd = -1;
}

static int flags_of(const char *mode)
{
	static const char *const modes[] = { "r", "r+", "w", "w+", "a", "a+", "wx", "wx+" };
	static const int flags[] = { O_RDONLY,
				     O_RDWR,
				     O_WRONLY | O_CREAT | O_TRUNC,
				     O_RDWR | O_CREAT | O_TRUNC,
				     O_WRONLY | O_CREAT | O_APPEND,
				     O_RDWR | O_CREAT | O_APPEND,
				     O_WRONLY | O_CREAT | O_EXCL,
				     O_RDWR | O_CREAT | O_EXCL };
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i], mode) == 0)
			return flags[i];
	return O_RDONLY;
}

/* open(path, how, mode) -> file; `how` is one of the modes above */
static int fs_open(lua_State *L)
{
	int flags = flags_of(luaL_checkstring(L, 2));
	int mode = (int)luaL_checkinteger(L, 3);
	fs_op *op = pl_fs_op_new(L, 1, 0);

	op->flags = flags;
	op->mode = mode;
	op->run = run_open;
	op->push = pl_fs_push_file;
	return start_open(L, op);
}

static void run_place(fs_op *op)
{
	op->status = pl_fs_place(op->path, op->other, &op->out);
}

/* place(from, to) -> the path that it got, which is another one when there is a file */
static int fs_place(lua_State *L)
{
	fs_op *op = pl_fs_op_new(L, 1, 2);

	op->run = run_place;
	op->push = pl_fs_push_out;
	return pl_fs_op_start(L, op);
}

/* safe_name(name) -> name */
static int fs_safe_name(lua_State *L)
{
	char out[PL_FILE_NAME_MAX];

	lua_pushlstring(L, out, pl_file_name_safe(out, pl_lua_check_slice(L, 1)));
	return 1;
}

static void run_temporary_file(fs_op *op)
{
	op->status = pl_fs_temporary_file((char *)(uintptr_t)op->path, 0, &op->file->fd);
}

static int push_temporary_file(lua_State *L, const fs_op *op)
{
	memcpy(op->file->name, op->path, strlen(op->path)); /* its XXXXXX are filled in now */
	pl_fs_push_file(L, op);
	lua_pushstring(L, op->path);
	return 2;
}

/* temporary_file(path that ends in XXXXXX) -> file, path */
static int fs_temporary_file(lua_State *L)
{
	fs_op *op = pl_fs_op_new(L, 1, 0);

	op->run = run_temporary_file;
	op->push = push_temporary_file;
	return start_open(L, op);
}

static const luaL_Reg functions[] = {
	{ "read", fs_read },
	{ "write", fs_write },
	{ "stat", fs_stat },
	{ "list", fs_list },
	{ "make_folder", fs_make_folder },
	{ "remove", fs_remove },
	{ "copy", fs_copy },
	{ "rename", fs_rename },
	{ "place", fs_place },
	{ "safe_name", fs_safe_name },
	{ "link", fs_link },
	{ "read_link", fs_read_link },
	{ "real_path", fs_real_path },
	{ "set_mode", fs_set_mode },
	{ "open", fs_open },
	{ "temporary_file", fs_temporary_file },
	{ "temporary_folder", fs_temporary_folder },
	{ NULL, NULL },
};

int pl_lua_open_fs(lua_State *L)
{
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	pl_lua_open_fs_file(L);
	pl_lua_open_fs_watch(L);
	return 1;
}
