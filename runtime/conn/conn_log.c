#include "conn/conn_log.h"

#include <stdio.h>

#include "base/alloc.h"
#include "conn/message_log.h"

enum { ENDED_MAX = 256 };

static void put(const pl_conn *conn, pl_message_line line)
{
	line.peer = &conn->info->peer;
	line.guid = &conn->info->guid;
	pl_message_log_put(conn->settings->log, &line);
}

static enum pl_message_direction direction(bool sent)
{
	return sent ? PL_MESSAGE_SENT : PL_MESSAGE_RECEIVED;
}

static void put_state(const pl_conn *conn, pl_slice text)
{
	put(conn, (pl_message_line){ .direction = PL_MESSAGE_STATE, .data = text });
}

/* Without memory it is not there. */
static void put_head(const pl_conn *conn, bool sent,
		     size_t (*unpack)(const pl_conn_info *info, char *out))
{
	size_t len = unpack(conn->info, NULL);
	char *head = len > 0 ? pl_alloc(len) : NULL;

	if (!head)
		return;
	unpack(conn->info, head);
	put(conn, (pl_message_line){ .direction = direction(sent),
				     .form = PL_MESSAGE_HEAD,
				     .kind = "head",
				     .data = pl_slice_make(head, len) });
	pl_free(head);
}

void pl_conn_log_opened(const pl_conn *conn)
{
	bool client = conn->settings->client;

	put_state(conn, PL_SLICE("connected"));
	put_head(conn, client, pl_conn_info_request);
	put_head(conn, !client, pl_conn_info_response);
}

void pl_conn_log_ended(const pl_conn *conn, uint16_t code, pl_slice reason)
{
	char text[ENDED_MAX];
	int len = snprintf(text, sizeof(text), "disconnected: %u%s%.*s", code,
			   reason.len > 0 ? " " : "", (int)reason.len, reason.len ? reason.at : "");

	put_state(conn,
		  pl_slice_make(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1));
}

void pl_conn_log_message(const pl_conn *conn, bool sent, enum pl_kind kind, const void *data,
			 size_t len, bool more)
{
	bool text = kind == PL_KIND_TEXT;

	put(conn, (pl_message_line){ .direction = direction(sent),
				     .form = text ? PL_MESSAGE_TEXT : PL_MESSAGE_BYTES,
				     .kind = text ? "text" : "binary",
				     .more = more,
				     .data = pl_slice_make(data, len) });
}

void pl_conn_log_control(const pl_conn *conn, bool sent, const void *payload, size_t len)
{
	put(conn, (pl_message_line){ .direction = direction(sent),
				     .form = PL_MESSAGE_BYTES,
				     .kind = sent ? "ping" : "pong",
				     .data = pl_slice_make(payload, len) });
}
