/*
 * lua_script.h - one script in one Lua state: loading it, running it, ending it.
 */
#ifndef PL_LUA_LUA_SCRIPT_H
#define PL_LUA_LUA_SCRIPT_H

#include <lua.h>
#include <stdbool.h>

#include "lua/lua_task.h"
#include "worker/control.h"
#include "worker/worker.h"

typedef struct pl_lua_control pl_lua_control; /* of lua_control.c */

/* When a component stops as the program ends: servers first, for what handles their last requests
 * may need the others; what tells of them last. */
enum pl_component_end { PL_ENDS_FIRST = -1, PL_ENDS_WITH_OTHERS, PL_ENDS_LAST };

typedef struct pl_script {
	lua_State *L; /* no script code runs on this state itself, only on tasks */
	pl_worker *worker;
	pl_loop *loop;
	pl_tasks tasks;
	pl_list components; /* started servers and the like: pl_component */
	bool check;	    /* load and validate only: components do not start */
	bool quiet;	    /* does not say where it listens: the output is a test report */
	bool ending;	    /* servers stop, */
	bool stopping;	    /* and then everything else: nothing is started any more */
	bool sweeping;	    /* components are being told to stop */
	enum pl_component_end ending_turn;
	bool started;	     /* something has started */
	bool begun;	     /* the main script has returned, or waits */
	bool up;	     /* it has begun, and returned or started something */
	bool returned;	     /* the main script has */
	bool failed;	     /* the main script threw, or a start failed */
	uint32_t generation; /* counts the loads of the script: 1 */
	int exit_code;
	pl_buffer start_error; /* of the last start that failed */
	pl_control *sockets;   /* of the program, for who attaches; NULL: nobody may */
	pl_lua_control *control;
	int handlers; /* reference to the tables of components' handlers; 0: none (lua_events.c) */
	int last_handlers; /* number of the last such table */
} pl_script;

/* What keeps running after the main script: linked into script->components while it does. */
typedef struct pl_component {
	pl_list node;
	void (*stop)(
		struct pl_component *component); /* begins to stop; takes itself off when done */
	enum pl_component_end end;
} pl_component;

typedef struct pl_script_options {
	const char *path;   /* a Lua file, or a folder with main.lua; NULL with `module` */
	const char *module; /* instead: "perilune.internal.test" */
	int argc;	    /* the script's arguments */
	char **argv;
	bool check;
	uint16_t workers;
	const char *control_path; /* of the control sockets; NULL: there are none */
	pl_control *control;	  /* they themselves */
} pl_script_options;

/* Runs a script to its end on the worker's loop. Returns the program's exit code. */
int pl_script_run(pl_worker *worker, const pl_script_options *options);

/* The script that a state belongs to. */
pl_script *pl_script_of(lua_State *L);

/* Ends the program in order: components stop, then the loop. */
void pl_script_stop(pl_script *script, int exit_code);

/* For components. */
void pl_script_add(pl_script *script, pl_component *component);
/* The same for what may yet fail to start; then pl_script_has_started, or pl_script_start_failed.
 */
void pl_script_attempt(pl_script *script, pl_component *component);
void pl_script_has_started(pl_script *script);
void pl_script_remove(pl_script *script, pl_component *component);

/* A start failed: when nothing else runs at the end, the program ends with this. */
void pl_script_start_failed(pl_script *script, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
