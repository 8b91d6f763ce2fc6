/*
 * message_log.h - every message that is sent and received, as lines of a file.
 *
 *	127.0.0.1:49854 Stat 2026-11-22T16:40:03.120Z 0001A3…F2 connected
 *	127.0.0.1:49854 Recv 2026-11-22T16:40:03.120Z 0001A3…F2 text: hello
 *
 * The peer; "Recv" or "Sent", or "Stat" for what has happened; the time in UTC; the connection's
 * guid; what it is: "head" of a handshake, "text", "binary", "ping", "pong", with "..." behind it
 * for a fragment that others follow. Then the message as applications have it, without masks,
 * inflated: text with control characters and backslashes as \xNN, all else in hex digits. Lines of
 * a head are indented, and what is secret in them is left out (head_secrets.h). What is sent is
 * there when it is taken, not when it leaves.
 *
 * The thread pool appends to the file; several may append to the same one, in other threads, too.
 * Lines that the disk does not take in time wait, up to limits.message_log; those beyond are lost:
 * a line says how many, and so does the program's log.
 */
#ifndef PL_CONN_MESSAGE_LOG_H
#define PL_CONN_MESSAGE_LOG_H

#include <stdbool.h>

#include "base/address.h"
#include "base/slice.h"
#include "conn/guid.h"
#include "net/loop.h"

typedef struct pl_message_log pl_message_log;

enum pl_message_direction { PL_MESSAGE_STATE, PL_MESSAGE_RECEIVED, PL_MESSAGE_SENT };

enum pl_message_form { PL_MESSAGE_TEXT, PL_MESSAGE_BYTES, PL_MESSAGE_HEAD };

typedef struct pl_message_line {
	const pl_address *peer;
	const pl_guid *guid;
	enum pl_message_direction direction;
	enum pl_message_form form;
	const char *kind; /* of a state: NULL */
	bool more;	  /* a fragment that others follow */
	pl_slice data;
} pl_message_line;

/* Opens the file, which is made for our eyes only (0600) if there is none; blocks for that. `raw`:
 * text in hex, too. `most`: limits.message_log. The path is copied. PL_OK, PL_ENOMEM, or why it
 * cannot be opened, as pl_fs_open has it. */
int pl_message_log_open(pl_message_log **log, pl_loop *loop, const char *path, bool raw,
			size_t most);

pl_message_log *pl_message_log_ref(pl_message_log *log);

/* What waits is written still when the last reference goes. NULL is allowed. */
void pl_message_log_unref(pl_message_log *log);

void pl_message_log_put(pl_message_log *log, const pl_message_line *line);

#endif
