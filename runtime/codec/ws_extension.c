#include "codec/ws_extension.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"

static void skip_blanks(pl_slice *text)
{
	while (text->len > 0 && (text->at[0] == ' ' || text->at[0] == '\t')) {
		text->at++;
		text->len--;
	}
}

static bool is_separator(char c)
{
	return c == ',' || c == ';' || c == '=' || c == '"' || c == ' ' || c == '\t';
}

/* A token from the front; false when there is none. */
static bool take_token(pl_slice *text, pl_slice *token)
{
	size_t len = 0;

	while (len < text->len && !is_separator(text->at[len]))
		len++;
	*token = pl_slice_make(text->at, len);
	text->at += len;
	text->len -= len;
	return pl_http_token_valid(*token);
}

static bool take_char(pl_slice *text, char c)
{
	if (text->len == 0 || text->at[0] != c)
		return false;
	text->at++;
	text->len--;
	return true;
}

/* token or "token": what is quoted must be a token, so there is nothing to unescape (9.1). */
static bool take_value(pl_slice *text, pl_slice *value)
{
	if (!take_char(text, '"'))
		return take_token(text, value);
	return take_token(text, value) && take_char(text, '"');
}

int pl_ws_extension_param(pl_slice *rest, pl_slice *name, pl_slice *value)
{
	skip_blanks(rest);
	if (rest->len == 0)
		return 1;
	if (!take_char(rest, ';'))
		return PL_EPROTO;
	skip_blanks(rest);
	if (!take_token(rest, name))
		return PL_EPROTO;
	skip_blanks(rest);
	*value = pl_slice_make(NULL, 0);
	if (!take_char(rest, '='))
		return PL_OK;
	skip_blanks(rest);
	return take_value(rest, value) ? PL_OK : PL_EPROTO;
}

/* 8 to 15 without a leading zero (RFC 7692 7.1.2.1). */
static bool window_of(pl_slice text, uint8_t *bits)
{
	uint64_t value;

	if (!text.at || text.len == 0 || text.at[0] == '0' ||
	    !pl_slice_to_u64(text, PL_WS_WINDOW_MAX, &value) || value < PL_WS_WINDOW_MIN)
		return false;
	*bits = (uint8_t)value;
	return true;
}

/* What one offer says. */
typedef struct offer {
	uint8_t server_window; /* 0: not named */
	uint8_t client_window; /* 0: not named; 15 when named without a value */
	bool server_fresh;
	bool client_fresh;
	bool bad; /* a parameter that is unknown, repeated or has a wrong value: declined */
} offer;

static bool set_flag(bool *flag, pl_slice value)
{
	bool good = !*flag && value.at == NULL;

	*flag = true;
	return good;
}

static bool read_param(offer *self, pl_slice name, pl_slice value)
{
	if (pl_slice_equal_nocase(name, PL_SLICE("server_no_context_takeover")))
		return set_flag(&self->server_fresh, value);
	if (pl_slice_equal_nocase(name, PL_SLICE("client_no_context_takeover")))
		return set_flag(&self->client_fresh, value);
	if (pl_slice_equal_nocase(name, PL_SLICE("server_max_window_bits")))
		return self->server_window == 0 && window_of(value, &self->server_window);
	if (!pl_slice_equal_nocase(name, PL_SLICE("client_max_window_bits")) ||
	    self->client_window != 0)
		return false;
	self->client_window = PL_WS_WINDOW_MAX;
	return value.at == NULL || window_of(value, &self->client_window);
}

static uint8_t smaller(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* Whether we can meet the offer, and on which terms. */
static bool meet(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours, const offer *asked)
{
	if (asked->bad)
		return false;
	/* A client that cannot limit its window may use all of it (7.1.2.2). */
	if (asked->client_window == 0 && ours->client_window < PL_WS_WINDOW_MAX)
		return false;
	agreed->server_fresh = ours->server_fresh || asked->server_fresh;
	agreed->client_fresh = ours->client_fresh || asked->client_fresh;
	agreed->server_window_asked = asked->server_window != 0;
	agreed->server_window = asked->server_window
					? smaller(asked->server_window, ours->server_window)
					: ours->server_window;
	agreed->client_window = asked->client_window
					? smaller(asked->client_window, ours->client_window)
					: PL_WS_WINDOW_MAX;
	return true;
}

/* Up to the next comma: no value can hold one. */
static pl_slice take_extension(pl_slice *rest)
{
	size_t len = pl_slice_find(*rest, ',');
	pl_slice extension = pl_slice_trim(pl_slice_make(rest->at, len));
	size_t used = len < rest->len ? len + 1 : len;

	rest->at += used;
	rest->len -= used;
	return extension;
}

/* How an extension is called that is looked for, and what its parameters are. */
typedef struct form_rules {
	bool (*names)(pl_slice token, uint8_t *form);
	bool (*read)(offer *self, pl_slice name, pl_slice value);
	bool (*meet)(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours,
		     const offer *asked);
} form_rules;

static bool names_message(pl_slice token, uint8_t *form)
{
	*form = PL_WS_PERMESSAGE_DEFLATE;
	return pl_slice_equal_nocase(token, PL_SLICE("permessage-deflate"));
}

static bool names_frame(pl_slice token, uint8_t *form)
{
	*form = PL_WS_DEFLATE_FRAME;
	if (pl_slice_equal_nocase(token, PL_SLICE("deflate-frame")))
		return true;
	*form = PL_WS_X_WEBKIT_DEFLATE_FRAME;
	return pl_slice_equal_nocase(token, PL_SLICE("x-webkit-deflate-frame"));
}

static bool read_frame_param(offer *self, pl_slice name, pl_slice value)
{
	if (pl_slice_equal_nocase(name, PL_SLICE("no_context_takeover")))
		return set_flag(&self->server_fresh, value);
	return pl_slice_equal_nocase(name, PL_SLICE("max_window_bits")) &&
	       self->server_window == 0 && window_of(value, &self->server_window);
}

static bool meet_frame(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours,
		       const offer *asked)
{
	if (asked->bad)
		return false;
	*agreed = *ours;
	if (asked->server_window)
		agreed->server_window = smaller(asked->server_window, ours->server_window);
	agreed->server_fresh = ours->server_fresh || asked->server_fresh;
	return true;
}

static const form_rules message_rules = { names_message, read_param, meet };
static const form_rules frame_rules = { names_frame, read_frame_param, meet_frame };

/* One extension of the list. PL_OK: it is agreed on; PL_ENOENT: look at the next; PL_EPROTO. */
static int look_at(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours,
		   const form_rules *rules, pl_slice extension)
{
	offer asked = { 0 };
	uint8_t form;
	pl_slice token;
	pl_slice name;
	pl_slice value;
	int status;

	if (!take_token(&extension, &token))
		return PL_EPROTO;
	while ((status = pl_ws_extension_param(&extension, &name, &value)) == PL_OK)
		if (!rules->read(&asked, name, value))
			asked.bad = true;
	if (status < 0)
		return status;
	if (!rules->names(token, &form) || !rules->meet(agreed, ours, &asked))
		return PL_ENOENT;
	agreed->form = form;
	return PL_OK;
}

/* All elements are read, also behind the one that is chosen: a malformed field is refused whole. */
static int look_through(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours,
			const form_rules *rules, pl_slice list, bool *found, int *seen)
{
	while (list.len > 0) {
		pl_ws_deflate_terms terms;
		pl_slice extension = take_extension(&list);
		int status;

		if (extension.len == 0)
			continue;
		if (++*seen > PL_WS_EXTENSIONS_MAX)
			return PL_EPROTO;
		status = look_at(&terms, ours, rules, extension);
		if (status == PL_EPROTO)
			return status;
		if (status == PL_OK && !*found) {
			*agreed = terms;
			*found = true;
		}
	}
	return PL_OK;
}

static int agree(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours,
		 const form_rules *rules, const pl_ws_request *request)
{
	bool found = false;
	int seen = 0;
	size_t i;

	for (i = 0; i < request->field_count; i++) {
		if (!pl_slice_equal_nocase(request->fields[i].name,
					   PL_SLICE("sec-websocket-extensions")))
			continue;
		if (look_through(agreed, ours, rules, request->fields[i].value, &found, &seen))
			return PL_EPROTO;
	}
	return found ? PL_OK : PL_ENOENT;
}

int pl_ws_deflate_agree(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours,
			const pl_ws_request *request)
{
	return agree(agreed, ours, &message_rules, request);
}

int pl_ws_deflate_frame_agree(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours,
			      const pl_ws_request *request)
{
	return agree(agreed, ours, &frame_rules, request);
}

static size_t answer_frame(char out[PL_WS_DEFLATE_ANSWER_MAX], const pl_ws_deflate_terms *agreed)
{
	char window[40] = "";

	if (agreed->client_window < PL_WS_WINDOW_MAX)
		snprintf(window, sizeof(window), "; max_window_bits=%u", agreed->client_window);
	return (size_t)snprintf(out, PL_WS_DEFLATE_ANSWER_MAX, "%sdeflate-frame%s%s",
				agreed->form == PL_WS_X_WEBKIT_DEFLATE_FRAME ? "x-webkit-" : "",
				agreed->client_fresh ? "; no_context_takeover" : "", window);
}

size_t pl_ws_deflate_answer(char out[PL_WS_DEFLATE_ANSWER_MAX], const pl_ws_deflate_terms *agreed)
{
	char server[40] = "";
	char client[40] = "";

	if (agreed->form != PL_WS_PERMESSAGE_DEFLATE)
		return answer_frame(out, agreed);
	if (agreed->server_window < PL_WS_WINDOW_MAX || agreed->server_window_asked)
		snprintf(server, sizeof(server), "; server_max_window_bits=%u",
			 agreed->server_window);
	if (agreed->client_window < PL_WS_WINDOW_MAX)
		snprintf(client, sizeof(client), "; client_max_window_bits=%u",
			 agreed->client_window);
	return (size_t)snprintf(out, PL_WS_DEFLATE_ANSWER_MAX, "permessage-deflate%s%s%s%s",
				agreed->server_fresh ? "; server_no_context_takeover" : "",
				agreed->client_fresh ? "; client_no_context_takeover" : "", server,
				client);
}

/* The client's side. */

static void put_window(char out[40], const char *name, uint8_t bits)
{
	if (bits < PL_WS_WINDOW_MAX)
		snprintf(out, 40, "; %s_max_window_bits=%u", name, bits);
}

/* That the client can limit its own window is always said: it costs nothing (7.1.2.2). */
static size_t offer_message(char *out, size_t size, const pl_ws_deflate_terms *ours)
{
	char server[40] = "";
	char client[40] = "; client_max_window_bits";

	put_window(server, "server", ours->server_window);
	put_window(client, "client", ours->client_window);
	return (size_t)snprintf(out, size, "permessage-deflate%s%s%s%s",
				ours->server_fresh ? "; server_no_context_takeover" : "",
				ours->client_fresh ? "; client_no_context_takeover" : "", server,
				client);
}

/* The parameters bind the server. Some servers know it by the one name, some by the other. */
static size_t offer_frame(char *out, size_t size, const pl_ws_deflate_terms *ours)
{
	const char *fresh = ours->server_fresh ? "; no_context_takeover" : "";
	char window[40] = "";

	if (ours->server_window < PL_WS_WINDOW_MAX)
		snprintf(window, sizeof(window), "; max_window_bits=%u", ours->server_window);
	return (size_t)snprintf(out, size, "deflate-frame%s%s, x-webkit-deflate-frame%s%s", fresh,
				window, fresh, window);
}

size_t pl_ws_deflate_offer(char out[PL_WS_DEFLATE_OFFER_MAX], const pl_ws_deflate_wishes *ours)
{
	size_t len = 0;

	if (ours->message)
		len = offer_message(out, PL_WS_DEFLATE_OFFER_MAX, ours->message);
	if (ours->message && ours->frame) {
		out[len++] = ',';
		out[len++] = ' ';
	}
	if (ours->frame)
		len += offer_frame(out + len, PL_WS_DEFLATE_OFFER_MAX - len, ours->frame);
	return len;
}

/* Whether an answer keeps to the offer: what was asked of the server is there, what the client is
 * asked for is not more than it said. */
static bool fits(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours, const offer *answer)
{
	if (answer->bad || (ours->server_fresh && !answer->server_fresh))
		return false;
	if (ours->server_window < PL_WS_WINDOW_MAX &&
	    (answer->server_window == 0 || answer->server_window > ours->server_window))
		return false;
	agreed->server_fresh = answer->server_fresh;
	agreed->client_fresh = answer->client_fresh || ours->client_fresh;
	agreed->server_window_asked = false;
	agreed->server_window = answer->server_window ? answer->server_window : PL_WS_WINDOW_MAX;
	agreed->client_window = answer->client_window
					? smaller(answer->client_window, ours->client_window)
					: ours->client_window;
	return true;
}

/* In an answer a window has a value (7.1.2.2). */
static bool read_answer_param(offer *self, pl_slice name, pl_slice value)
{
	if (value.at == NULL && pl_slice_equal_nocase(name, PL_SLICE("client_max_window_bits")))
		return false;
	return read_param(self, name, value);
}

static bool read_frame_answer(offer *self, pl_slice name, pl_slice value)
{
	if (pl_slice_equal_nocase(name, PL_SLICE("no_context_takeover")))
		return set_flag(&self->client_fresh, value);
	return pl_slice_equal_nocase(name, PL_SLICE("max_window_bits")) &&
	       self->client_window == 0 && window_of(value, &self->client_window);
}

/* The offer's parameters bind the server whether its answer has any or not. */
static bool fits_frame(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours,
		       const offer *answer)
{
	if (answer->bad)
		return false;
	*agreed = *ours;
	agreed->client_fresh = ours->client_fresh || answer->client_fresh;
	if (answer->client_window)
		agreed->client_window = smaller(answer->client_window, ours->client_window);
	return true;
}

static const form_rules message_answers = { names_message, read_answer_param, fits };
static const form_rules frame_answers = { names_frame, read_frame_answer, fits_frame };

static int read_answer(pl_ws_deflate_terms *agreed, const pl_ws_deflate_wishes *ours,
		       pl_slice extension)
{
	int status = PL_ENOENT;

	if (ours->message)
		status = look_at(agreed, ours->message, &message_answers, extension);
	if (status == PL_ENOENT && ours->frame)
		status = look_at(agreed, ours->frame, &frame_answers, extension);
	return status == PL_OK ? PL_OK : PL_EPROTO;
}

int pl_ws_deflate_accept(pl_ws_deflate_terms *agreed, const pl_ws_deflate_wishes *ours,
			 const pl_http_field *fields, size_t field_count)
{
	int status = PL_ENOENT;
	size_t i;

	for (i = 0; i < field_count; i++) {
		pl_slice list = fields[i].value;

		if (!pl_slice_equal_nocase(fields[i].name, PL_SLICE("sec-websocket-extensions")))
			continue;
		while (list.len > 0) {
			pl_slice extension = take_extension(&list);

			if (extension.len == 0)
				continue;
			if (status == PL_OK || read_answer(agreed, ours, extension))
				return PL_EPROTO;
			status = PL_OK;
		}
	}
	return status;
}
