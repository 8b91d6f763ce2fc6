/*
 * lua_fs.h - `perilune.core.fs`: files and folders for scripts. All of it is done on the thread
 * pool while the task waits.
 */
#ifndef PL_LUA_LUA_FS_H
#define PL_LUA_LUA_FS_H

#include <lua.h>

int pl_lua_open_fs(lua_State *L);

#endif
