/*
 * lua_password.h - perilune.core.password: scrypt hashes of passwords, made on the thread pool.
 */
#ifndef PL_LUA_LUA_PASSWORD_H
#define PL_LUA_LUA_PASSWORD_H

#include <lua.h>

int pl_lua_open_password(lua_State *L);

#endif
