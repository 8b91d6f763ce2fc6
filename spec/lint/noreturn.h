/* Tells clang-tidy which of Lua's functions do not come back; Lua's headers do not. */
#include <lauxlib.h>
#include <lua.h>

int lua_error(lua_State *L) __attribute__((noreturn));
int luaL_error(lua_State *L, const char *format, ...) __attribute__((noreturn));
int luaL_argerror(lua_State *L, int argument, const char *message) __attribute__((noreturn));
int luaL_typerror(lua_State *L, int argument, const char *wanted) __attribute__((noreturn));
