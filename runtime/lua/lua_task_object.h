/*
 * lua_task_object.h - `perilune.core.task`: tasks that a script starts, and gates, at which tasks
 * wait for each other.
 *
 * What tasks come to, queues and semaphores are made of these in perilune/task.lua.
 */
#ifndef PL_LUA_LUA_TASK_OBJECT_H
#define PL_LUA_LUA_TASK_OBJECT_H

#include <lua.h>

int pl_lua_open_task(lua_State *L);

#endif
