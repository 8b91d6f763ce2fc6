/*
 * log.h - lines for the operator, on standard error.
 *
 * One entry is one line: "2026-11-22T16:40:03.120Z warn  text", in UTC. Control
 * characters (CR, LF, ESC, ..., and U+0080 to U+009F in UTF-8) in the text are
 * written as \xNN, so that nothing a peer sends can forge a line or speak to the
 * terminal. An entry takes one write and at most 4096 bytes; a longer one is cut
 * and ends in " [cut]". errno is kept. Thread-safe.
 */
#ifndef PL_BASE_LOG_H
#define PL_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum pl_log_level { PL_LOG_ERROR, PL_LOG_WARN, PL_LOG_INFO, PL_LOG_DEBUG };

void pl_log_set_level(enum pl_log_level level); /* default PL_LOG_INFO */
bool pl_log_enabled(enum pl_log_level level);

/* "error", "warn", "info", "debug" to the level; false for any other name. */
bool pl_log_level_parse(const char *name, enum pl_log_level *level);

void pl_log(enum pl_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A text of several lines (a traceback): lines after the first are indented by
 * four blanks, so that they cannot be taken for entries. */
void pl_log_text(enum pl_log_level level, const char *text, size_t len);

/* Sends entries elsewhere (tests, the dashboard); NULL restores standard error.
 * The line has no newline at its end. Calls of a sink do not overlap, and none is
 * under way when this returns; a sink must not call it. What a sink logs goes to
 * standard error. */
void pl_log_set_sink(void (*sink)(void *context, enum pl_log_level level, const char *line,
				  size_t len),
		     void *context);

#endif
