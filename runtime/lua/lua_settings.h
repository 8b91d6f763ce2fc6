/*
 * lua_settings.h - options that servers and clients share, checked and complete, as C knows them.
 */
#ifndef PL_LUA_LUA_SETTINGS_H
#define PL_LUA_LUA_SETTINGS_H

#include <lua.h>
#include <stdbool.h>

#include "base/limits.h"
#include "codec/frame_end.h"
#include "conn/conn.h"
#include "conn/conn_ws.h"
#include "net/tcp_options.h"
#include "net/throttle.h"
#include "ws/ws_session.h"

/* The table of limits at index; those that it lacks get their defaults. */
void pl_lua_read_limits(lua_State *L, int table, pl_limits *limits);

/* A table or false, as all of these: then it is off. */
pl_heartbeat pl_lua_read_heartbeat(lua_State *L, int table);
void pl_lua_read_keepalive(lua_State *L, int index, pl_tcp_options *tcp);

/* The table `extensions`. */
void pl_lua_read_extensions(lua_State *L, int table, pl_deflate_settings *deflate,
			    pl_deflate_settings *deflate_frame);

/* Rates that the table lacks or has as false are 0. */
void pl_lua_read_throttle(lua_State *L, int index, pl_throttle_rates *rates);

/* queue_options: a table with a word for each. */
pl_queue_options pl_lua_read_queue(lua_State *L, int index);

/* The strings of a list as slices, which the caller frees. PL_OK or PL_ENOMEM. */
int pl_lua_read_list(lua_State *L, int table, const pl_slice **result, size_t *count);

/* Opens log_file of the table `options`: *log is a reference, or NULL when there is none. A status
 * has its sentence pushed. */
int pl_lua_open_log(lua_State *L, int options, pl_loop *loop, pl_message_log **log);

/* fragmented_messages of the table `options`. */
enum pl_ws_delivery pl_lua_read_delivery(lua_State *L, int options);

/* `frames` of the table `options`, { bytes, scan, strip }; nothing is left as it is. */
void pl_lua_read_frames(lua_State *L, int options, pl_frame_end *frames);

/* limits() -> list of { name, unit, default, min, max, text }: times in seconds */
int pl_lua_limits(lua_State *L);

#endif
