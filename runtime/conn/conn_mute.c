#include "conn/conn_mute.h"

#include "base/status.h"

int pl_conn_mute_encoding(const pl_conn *conn)
{
	(void)conn;
	return PL_ENCODING_OWN;
}

pl_block *pl_conn_mute_encode(pl_conn *conn, const pl_message *message)
{
	(void)conn, (void)message;
	return NULL;
}

int pl_conn_mute_send(pl_conn *conn, enum pl_kind kind, const void *data, size_t len,
		      size_t fragment)
{
	(void)conn, (void)kind, (void)data, (void)len, (void)fragment;
	return PL_ENOTSUP;
}

int pl_conn_mute_send_frames(pl_conn *conn, pl_block *frames)
{
	(void)conn, (void)frames;
	return PL_ENOTSUP;
}

int pl_conn_mute_ping(pl_conn *conn, const void *payload, size_t len)
{
	(void)conn, (void)payload, (void)len;
	return PL_ENOTSUP;
}

void pl_conn_mute_pause(pl_conn *conn, bool pause)
{
	(void)conn, (void)pause;
}

bool pl_conn_mute_is_open(const pl_conn *conn)
{
	(void)conn;
	return false;
}
