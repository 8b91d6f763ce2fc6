/* What an authentication answers by itself: refusals, tokens. */
#include <stdio.h>

#include "base/status.h"
#include "server/authentication_internal.h"

enum { OWN_FIELDS = 3, CHALLENGE_MAX = 512, SECONDS_TEXT = 16 };

static void answer(pl_exchange *exchange, int status, const pl_http_field *fields, size_t count,
		   pl_slice text)
{
	if (pl_exchange_respond(exchange, status, fields, count, (int64_t)text.len)) {
		pl_exchange_answer(exchange, status, NULL);
		return;
	}
	pl_exchange_write(exchange, text.at, text.len);
	pl_exchange_end(exchange);
}

static bool is_there(const pl_http_field *fields, size_t count, pl_slice name)
{
	return pl_http_field_find(fields, count, name).at != NULL;
}

/* The script's fields, then those of ours that it has not set. */
static size_t collect(const pl_authentication_settings *settings, pl_http_field *out,
		      const pl_http_field *own, size_t own_count)
{
	size_t count = settings->field_count;

	for (size_t i = 0; i < count; i++)
		out[i] = settings->fields[i];
	for (size_t i = 0; i < own_count; i++)
		if (!is_there(out, settings->field_count, own[i].name))
			out[count++] = own[i];
	return count;
}

static void refuse(pl_conn *conn, pl_exchange *exchange, int status, pl_http_field own,
		   pl_slice text)
{
	const pl_authentication_settings *settings = &pl_server_of(conn)->settings.authentication;
	const pl_http_field ours[OWN_FIELDS] = {
		own,
		{ PL_SLICE("Content-Type"), PL_SLICE("text/plain; charset=utf-8") },
		{ PL_SLICE("Cache-Control"), PL_SLICE("no-store") },
	};
	pl_http_field fields[PL_REFUSAL_FIELDS + OWN_FIELDS];
	size_t count = collect(settings, fields, ours, OWN_FIELDS);

	answer(exchange, status, fields, count, text);
}

/* A challenge that browsers do not know keeps them from asking their user in a window of their
 * own. */
void pl_verdict_refuse(pl_conn *conn, pl_exchange *exchange, bool wanted)
{
	const pl_authentication_settings *settings = &pl_server_of(conn)->settings.authentication;
	bool basic = settings->ways.basic && wanted;
	char challenge[CHALLENGE_MAX];
	int len = snprintf(challenge, sizeof(challenge), "%s realm=\"%.*s\"%s",
			   basic ? "Basic" : "Session", (int)settings->realm.len,
			   settings->realm.at, basic ? ", charset=\"UTF-8\"" : "");
	const pl_http_field field = { PL_SLICE("WWW-Authenticate"),
				      pl_slice_make(challenge, (size_t)len) };

	refuse(conn, exchange, 401, field, PL_SLICE("Unauthorized\n"));
}

void pl_verdict_later(pl_conn *conn, pl_exchange *exchange, int status, int seconds)
{
	char text[SECONDS_TEXT];
	int len = snprintf(text, sizeof(text), "%d", seconds);
	const pl_http_field field = { PL_SLICE("Retry-After"), pl_slice_make(text, (size_t)len) };

	refuse(conn, exchange, status, field,
	       status == 429 ? PL_SLICE("Too many wrong passwords\n")
			     : PL_SLICE("Too many passwords to check\n"));
}

void pl_verdict_token(pl_exchange *exchange, const char token[PL_TOKEN_SIZE])
{
	static const pl_http_field fields[] = {
		{ { "Content-Type", 12 }, { "text/plain; charset=utf-8", 25 } },
		{ { "Cache-Control", 13 }, { "no-store", 8 } },
	};

	answer(exchange, 200, fields, 2, pl_slice_make(token, PL_TOKEN_SIZE));
}
