/*
 * message_log.h - every message that is sent and received, as lines of a file.
 *
 *	2026-11-22T16:40:03.120Z 0001A3…F2 < text 5 hello
 *
 * Time in UTC; the connection's guid; "<" for received, ">" for sent; the kind ("text", "binary",
 * "ping", "pong", with "..." behind it for a fragment that others follow); bytes; then the message:
 * text with control characters and backslashes as \xNN, all else as hex digits. What is sent is
 * there when it is taken, not when it leaves. Messages are as applications have them: without
 *masks, inflated.
 *
 * The file is appended to, by the thread pool. Lines that the disk does not take in time wait, up
 *to limits.message_log; those beyond are lost, and the log says how many.
 */
#ifndef PL_CONN_MESSAGE_LOG_H
#define PL_CONN_MESSAGE_LOG_H

#include "base/limits.h"
#include "conn/guid.h"
#include "net/loop.h"

typedef struct pl_message_log pl_message_log;

typedef struct pl_message_line {
	const pl_guid *guid;
	bool sent;
	bool more; /* a fragment that others follow */
	const char *kind;
	bool is_text;
	const void *data;
	size_t len;
} pl_message_line;

/* `raw`: text as hex, too. The path is copied; the file is opened with the first line, and what is
 * wrong with it is a warning of the log, once. PL_OK or PL_ENOMEM. The limits stay. */
int pl_message_log_new(pl_message_log **log, pl_loop *loop, const char *path, bool raw,
		       const pl_limits *limits);

/* What waits is written still. NULL is allowed. */
void pl_message_log_free(pl_message_log *log);

void pl_message_log_put(pl_message_log *log, const pl_message_line *line);

#endif
