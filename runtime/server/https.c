#include "server/https.h"

#include <stdio.h>

#include "base/status.h"
#include "net/stream.h"

static const pl_slice alpn[] = { PL_SLICE("http/1.1") };

/* Whoever forgot the "s" of https reads why it does not work. */
static void on_plain(pl_stream *stream)
{
	static const char body[] = "This port speaks TLS: use https or wss.\n";
	char answer[256];
	int len = snprintf(answer, sizeof(answer),
			   "HTTP/1.1 400 Bad Request\r\n"
			   "Date: %s\r\n"
			   "Content-Type: text/plain; charset=utf-8\r\n"
			   "Content-Length: %zu\r\n"
			   "Connection: close\r\n\r\n%s",
			   pl_loop_date(stream->loop), sizeof(body) - 1, body);

	pl_stream_write(stream, answer, (size_t)len);
}

void pl_https_settings(pl_tls_settings *settings)
{
	settings->alpn = alpn;
	settings->alpn_count = sizeof(alpn) / sizeof(alpn[0]);
	settings->plain = on_plain;
}
