/*
 * log_tail.h - the last lines of the log, for whoever looks.
 *
 * From its begin on lines go to standard error as before, and are kept. Of the process.
 */
#ifndef PL_WORKER_LOG_TAIL_H
#define PL_WORKER_LOG_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A longer line is kept without its end. */
enum { PL_LOG_TAIL_LINES = 200, PL_LOG_TAIL_LINE = 512 };

typedef struct pl_log_tail_line {
	uint64_t number; /* from 1 */
	size_t len;
	char text[PL_LOG_TAIL_LINE];
} pl_log_tail_line;

/* Once is enough. PL_OK or PL_ENOMEM. */
int pl_log_tail_begin(void);
void pl_log_tail_end(void); /* lines go to standard error alone */

/* The oldest line that is kept with a number above `after`. False: there is none. */
bool pl_log_tail_next(uint64_t after, pl_log_tail_line *line);

#endif
