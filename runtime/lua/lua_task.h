/*
 * lua_task.h - script code on pooled coroutines, and functions that wait.
 *
 * Every handler and the main script run as a task. A C function that waits puts a pl_wait
 * into whatever it started and yields; when that is done, the task is resumed with the
 * results. Waiting works inside coroutines that scripts make: internal/boot.lua passes
 * the yield on.
 */
#ifndef PL_LUA_LUA_TASK_H
#define PL_LUA_LUA_TASK_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/list.h"

enum { PL_TASKS_POOLED = 64 };

typedef struct pl_task pl_task;
typedef struct pl_wait pl_wait;

struct pl_task {
	lua_State *L; /* push a function and its arguments, then pl_task_run */
	int ref;
	struct pl_script *script;
	pl_wait *wait; /* what it waits for */
	int pinned;    /* > 0: a coroutine within it was resumed from C code */
	int held;      /* a reference that `done` gives back, for its caller */
	/* The function has returned (its results are on L) or thrown (the message with its
	 * traceback is on top of L). The task is gone when this returns. */
	void (*done)(pl_task *task, bool ok);
	void (*abandoned)(pl_task *task); /* or NULL: the script ends, `done` will not come */
	void *context;
};

struct pl_wait {
	pl_list node;
	pl_task *task;
	/* The script ends: free what was started; the task will not be resumed. */
	void (*cancel)(pl_wait *wait);
};

typedef struct pl_tasks {
	pl_task *pool[PL_TASKS_POOLED];
	int pooled;
	pl_task *current;
	pl_list waits;
} pl_tasks;

void pl_tasks_init(pl_tasks *tasks);
void pl_tasks_deinit(pl_tasks *tasks); /* cancels waits; before lua_close */

/* NULL without memory. */
pl_task *pl_task_new(struct pl_script *script, void (*done)(pl_task *task, bool ok), void *context);

/* Runs what was pushed, with its arguments, until it ends or waits. */
void pl_task_run(pl_task *task, int arguments);

/* Whether what runs can be left: no C code (string.gsub, table.sort) lies between it and us. */
bool pl_wait_possible(lua_State *L);

/* Throws "cannot wait here" where waiting is impossible: call it first. */
void pl_wait_check(lua_State *L);

/* Links the wait to the running task. */
void pl_wait_begin(lua_State *L, pl_wait *wait, void (*cancel)(pl_wait *wait));

/* `return pl_wait_yield(L);` ends the C function. */
int pl_wait_yield(lua_State *L);

/* Pushes what a waiting function yields. */
void pl_wait_push_mark(lua_State *L);

/* It is over: push the results on the task's L and pl_task_run it with their number. */
pl_task *pl_wait_end(pl_wait *wait);

#endif
