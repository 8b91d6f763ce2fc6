/*
 * turns.h - what the tests of net share: turns of a loop until something has happened.
 */
#ifndef SPEC_UNIT_NET_TURNS_H
#define SPEC_UNIT_NET_TURNS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/status.h"
#include "net/loop.h"

enum { TURNS_MAX = 20000 };

/* Turns until the condition holds; what the system does beside us takes a millisecond at most. */
#define TURN_UNTIL(loop, condition)                                                                \
	do {                                                                                       \
		int turns = 0;                                                                     \
                                                                                                   \
		while (!(condition)) {                                                             \
			assert_true(turns++ < TURNS_MAX);                                          \
			pl_loop_turn(loop);                                                        \
			if (turns > 100)                                                           \
				poll(NULL, 0, 1);                                                  \
		}                                                                                  \
	} while (0)

/* For what must not happen: the time in which it would. */
static inline void turn_some(pl_loop *loop)
{
	for (int i = 0; i < 5; i++) {
		pl_loop_turn(loop);
		poll(NULL, 0, 1);
	}
}

/* A journal of words. */

static inline void note(pl_buffer *journal, const char *word)
{
	assert_int_equal(pl_buffer_printf(journal, "%s ", word), PL_OK);
}

static inline void note_status(pl_buffer *journal, const char *word, int status)
{
	assert_int_equal(pl_buffer_printf(journal, "%s:%s ", word, pl_status_name(status)), PL_OK);
}

static inline const char *noted(pl_buffer *journal)
{
	static char text[4096];

	snprintf(text, sizeof(text), "%.*s", (int)journal->len, (const char *)journal->data);
	pl_buffer_deinit(journal);
	return text;
}

/* Open descriptors of the process. */
static inline int descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

#endif
