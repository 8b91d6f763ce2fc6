/*
 * lua_task.h - script code on pooled coroutines, and functions that wait.
 *
 * Every handler and the main script run as a task. A C function that waits puts a pl_wait
 * into whatever it started and yields; when that is done, the task is resumed with the
 * results. Waiting works inside coroutines that scripts make: internal/boot.lua passes
 * the yield on.
 *
 * A task that is cancelled goes on with an error where it waits, or at its next wait; the error is
 * thrown once. Code that catches it can clean up, and wait for that.
 */
#ifndef PL_LUA_LUA_TASK_H
#define PL_LUA_LUA_TASK_H

#include <lua.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "net/loop.h"

enum { PL_TASKS_POOLED = 64, PL_TASK_WATCH_EVERY = 100000 /* instructions */ };

#define PL_TASK_CANCELLED "the task was cancelled"

typedef struct pl_task pl_task;
typedef struct pl_wait pl_wait;

struct pl_wait {
	pl_list node;
	pl_task *task;
	lua_State *L; /* of the function that waits: the task's, or a coroutine's within it */
	/* Free what was started. Either the script ends and the task will not be resumed, or the
	 * task was cancelled. */
	void (*cancel)(pl_wait *wait);
};

/* A task that the end of the turn runs. */
typedef struct pl_later {
	pl_wait wait;
	pl_deferred deferred;
	int arguments;
} pl_later;

struct pl_task {
	lua_State *L; /* push a function and its arguments, then pl_task_run */
	int ref;
	struct pl_script *script;
	pl_wait *wait; /* what it waits for */
	pl_later later;
	const char *thrown;  /* the error that it goes on with, or NULL */
	lua_State *throw_in; /* where */
	bool cancelled;	     /* its next wait throws */
	int pinned;	     /* > 0: a coroutine within it was resumed from C code */
	int held;	     /* a reference that `done` gives back, for its caller */
	/* The function has returned (its results are on L) or thrown (the message with its
	 * traceback is on top of L). The task is gone when this returns. */
	void (*done)(pl_task *task, bool ok);
	void (*abandoned)(pl_task *task); /* or NULL: the script ends, `done` will not come */
	void *context;
	const char *place; /* where its function is, see lua_where.h; NULL: not known */
	bool (*interrupted)(void *context); /* NULL: nobody asks, see pl_task_watch */
	void *interrupter;
	uint32_t throws; /* times that it was interrupted */
	uint32_t burst;	 /* the next instructions that are, too */
};

/* A hook of the script, or of whoever had it before. */
typedef struct pl_task_hook {
	lua_Hook call;
	int mask;
	int count;
} pl_task_hook;

typedef struct pl_tasks {
	pl_task *pool[PL_TASKS_POOLED];
	int pooled;
	pl_task *current;
	pl_list waits;
	int guard;     /* a reference to what calls `push` */
	int traceback; /* a reference to what makes it of an error */
	int no_memory; /* a reference to a text: making one may fail, also one that is there */
	int (*push)(lua_State *L, void *context);
	void *push_context;
	jmp_buf *escape;       /* out of a push that is called without protection */
	pl_task_hook watched;  /* what a task that is watched found */
	pl_task_hook throwing; /* what a task found that goes on with an error */
	bool compiles;	       /* it was on when the watching began */
} pl_tasks;

void pl_tasks_init(pl_tasks *tasks);
void pl_tasks_open(lua_State *L);      /* when the script's state is there; throws */
void pl_tasks_deinit(pl_tasks *tasks); /* cancels waits; before lua_close */

/* NULL without memory. */
pl_task *pl_task_new(struct pl_script *script, void (*done)(pl_task *task, bool ok), void *context);

/* Pushes by a function that may throw for want of memory: `push` pushes onto a state of the script
 * and returns how much, as a C function of Lua does. Returns that, or -1 when it threw. A task that
 * has not begun can only be dropped then. */
int pl_task_push(pl_task *task, int (*push)(lua_State *L, void *context), void *context);

/* Calls `push` in the same way; what it pushed is dropped. Whether it went well. */
bool pl_tasks_try(struct pl_script *script, int (*push)(lua_State *L, void *context),
		  void *context);

/* For the panic function: does not return when a push can be given up. */
void pl_tasks_escape(pl_tasks *tasks);

/* Runs what was pushed, with its arguments, until it ends or waits. */
void pl_task_run(pl_task *task, int arguments);

/* The same at the end of the turn. For whoever must not be run by the script in the middle of its
 * own call. */
void pl_task_run_later(pl_task *task, int arguments);

/* What it waits for is given up, and at the end of the turn it goes on with the error
 * PL_TASK_CANCELLED. A task that does not wait throws it at its next wait. What is over already
 * stays so: a task that pl_task_run_later is about to run gets its results first. */
void pl_task_cancel(pl_task *task);

/* What the running task is called from now on, where the log tells what is slow or stuck. */
void pl_task_name(lua_State *L, const char *place);

/* Between instructions of the running task `interrupted` is asked from now on: when it says so, an
 * error is thrown there, PL_TASK_INTERRUPTED, and again as long as it says so. What LuaJIT has
 * compiled before, and functions of C, are not interrupted; meanwhile it compiles nothing. NULL: no
 * more. Whether it was. */
#define PL_TASK_INTERRUPTED "interrupted"
bool pl_task_watch(lua_State *L, bool (*interrupted)(void *context), void *context);

/* False while pl_task_run_later has still to run it for the first time. */
bool pl_task_begun(const pl_task *task);

/* A task that has never run is gone, without `done`. */
void pl_task_drop(pl_task *task);

/* Whether what runs can be left: no C code (string.gsub, table.sort) lies between it and us. */
bool pl_wait_possible(lua_State *L);

/* Throws "cannot wait here" where waiting is impossible, and PL_TASK_CANCELLED when that is due:
 * call it first. */
void pl_wait_check(lua_State *L);

/* Links the wait to the running task. */
void pl_wait_begin(lua_State *L, pl_wait *wait, void (*cancel)(pl_wait *wait));

/* `return pl_wait_yield(L);` ends the C function. */
int pl_wait_yield(lua_State *L);

/* Pushes what a waiting function yields. */
void pl_wait_push_mark(lua_State *L);

/* It is over: push the results on the task's L and pl_task_run it with their number. */
pl_task *pl_wait_end(pl_wait *wait);

/* The same with results that pl_task_push pushes. pl_wait_go runs the task; when `push` threw, the
 * function that waited throws. Between the two the wait's memory may go. */
pl_task *pl_wait_end_with(pl_wait *wait, int (*push)(lua_State *L, void *context), void *context);
void pl_wait_go(pl_task *task);

#endif
