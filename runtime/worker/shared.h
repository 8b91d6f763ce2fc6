/*
 * shared.h - values that all workers see: names to strings, tables, numbers and booleans, with an
 * end of life if it is wanted.
 *
 * Every function is whole in itself: no other worker sees half of it. What it holds is bounded;
 * nothing is ever thrown out to make room. `now` is in milliseconds, of pl_loop_now.
 */
#ifndef PL_WORKER_SHARED_H
#define PL_WORKER_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/block.h"
#include "base/buffer.h"
#include "base/slice.h"

/* Bytes in all at first; and what a value counts for beside its name and its text. */
enum { PL_SHARED_LIMIT = 64 << 20, PL_SHARED_OVERHEAD = 128, PL_SHARED_NAME_MAX = 1024 };

typedef struct pl_shared pl_shared;

enum pl_shared_kind {
	PL_SHARED_NONE,
	PL_SHARED_STRING,
	PL_SHARED_TABLE, /* a string to us: how its owner writes tables */
	PL_SHARED_NUMBER,
	PL_SHARED_BOOLEAN
};

typedef struct pl_shared_value {
	enum pl_shared_kind kind;
	bool boolean;
	double number;
	pl_block *string; /* or table: a reference that whoever gets the value gives back */
} pl_shared_value;

pl_shared *pl_shared_new(void);
void pl_shared_free(pl_shared *shared);

void pl_shared_value_deinit(pl_shared_value *value);

/* Kind PL_SHARED_NONE when there is no such value. */
void pl_shared_get(pl_shared *shared, uint64_t now, pl_slice name, pl_shared_value *value);

/* The same, and it is gone. */
void pl_shared_take(pl_shared *shared, uint64_t now, pl_slice name, pl_shared_value *value);

/* Below, `lifetime` is in ms, 0: for ever; a string of `value` is referred to, the caller keeps its
 * own reference. PL_OK; PL_EINVAL for an empty or too long name; PL_ELIMIT when all that may be
 * held is held; PL_ENOMEM. */

/* A value of kind PL_SHARED_NONE takes the name away. */
int pl_shared_set(pl_shared *shared, uint64_t now, pl_slice name, const pl_shared_value *value,
		  uint64_t lifetime);

/* Only if the present value equals `expected` (PL_SHARED_NONE: there is none). *done says whether.
 */
int pl_shared_swap(pl_shared *shared, uint64_t now, pl_slice name, const pl_shared_value *expected,
		   const pl_shared_value *value, uint64_t lifetime, bool *done);

/* Adds to a number; what is not there counts from 0 and gets the lifetime. PL_ESTATE when the value
 * is no number. */
int pl_shared_increment(pl_shared *shared, uint64_t now, pl_slice name, double by,
			uint64_t lifetime, double *result);

/* Appends names with that beginning, at most `most`, each as a size_t with its bytes behind it.
 * PL_OK or PL_ENOMEM. */
int pl_shared_names(pl_shared *shared, uint64_t now, pl_slice prefix, size_t most,
		    pl_buffer *names);

void pl_shared_set_limit(pl_shared *shared, size_t bytes);
void pl_shared_size(pl_shared *shared, uint64_t now, size_t *count, size_t *bytes, size_t *limit);

#endif
