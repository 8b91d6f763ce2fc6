#include "forward/forward_head.h"

#include <stdio.h>

#include "base/status.h"

/* How Via calls us (RFC 9110 7.6.3). */
#define NAME PL_SLICE("perilune")

/* Names. Some servers see no difference between "X-Forwarded-For" and "X_Forwarded_For". */

static char folded(char c)
{
	if (c == '_')
		return '-';
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool begins(pl_slice name, pl_slice with)
{
	if (name.len < with.len)
		return false;
	for (size_t i = 0; i < with.len; i++)
		if (folded(name.at[i]) != with.at[i])
			return false;
	return true;
}

static bool is_name(pl_slice name, pl_slice wanted)
{
	return name.len == wanted.len && begins(name, wanted);
}

static bool is_one_of(pl_slice name, const pl_slice *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_name(name, names[i]))
			return true;
	return false;
}

#define IS_ONE_OF(name, names) is_one_of(name, names, sizeof(names) / sizeof((names)[0]))

/* What speaks of one connection, or frames a message (RFC 9110 7.6.1). */
static bool is_hop(pl_slice name)
{
	static const pl_slice names[] = {
		{ "connection", 10 }, { "keep-alive", 10 },	{ "proxy-connection", 16 },
		{ "te", 2 },	      { "trailer", 7 },		{ "transfer-encoding", 17 },
		{ "upgrade", 7 },     { "content-length", 14 },
	};

	return IS_ONE_OF(name, names);
}

/* What else of a request ends here: Host and Expect are written anew, credentials for a proxy are
 * not for the server behind it, and "Proxy" becomes a variable that CGI programs take for their
 * own. */
static bool ends_here(pl_slice name)
{
	static const pl_slice names[] = {
		{ "host", 4 },
		{ "expect", 6 },
		{ "proxy-authorization", 19 },
		{ "proxy", 5 },
		{ "via", 3 },
		{ "max-forwards", 12 },
		{ "http2-settings", 14 },
	};

	return is_hop(name) || IS_ONE_OF(name, names);
}

/* Whether Connection, on any of its lines, names it. */
static bool is_named(const pl_http_field *fields, size_t count, pl_slice name)
{
	return pl_http_field_has(fields, count, PL_SLICE("connection"), name);
}

/* Who the client is. */

static bool is_about_client(pl_slice name)
{
	return begins(name, PL_SLICE("x-forwarded-")) || is_name(name, PL_SLICE("forwarded")) ||
	       is_name(name, PL_SLICE("x-real-ip"));
}

/* Those that are written anew, also after a proxy that is trusted; and those that this proxy has
 * never written, as they are spelt with '_'. */
static bool is_not_of_proxies(pl_slice name)
{
	return is_name(name, PL_SLICE("x-forwarded-for")) || is_name(name, PL_SLICE("forwarded")) ||
	       pl_slice_find(name, '_') < name.len;
}

/* Requests. */

typedef struct maker {
	pl_forward_head *head;
	const pl_exchange_request *request;
	const pl_forward_change *change;
	const pl_forward_client *client;
	int status;
} maker;

static void add(maker *self, pl_slice name, pl_slice value)
{
	pl_call_request *request = &self->head->request;

	self->head->fields[request->count++] = (pl_http_field){ name, value };
}

static bool is_same(pl_slice one, pl_slice other)
{
	if (one.len != other.len)
		return false;
	for (size_t i = 0; i < one.len; i++)
		if (folded(one.at[i]) != folded(other.at[i]))
			return false;
	return true;
}

static bool is_changed(const pl_forward_change *change, pl_slice name)
{
	for (size_t i = 0; i < change->field_count; i++)
		if (is_same(change->fields[i].name, name))
			return true;
	return false;
}

static bool goes_on(const maker *self, pl_slice name, bool options)
{
	const pl_exchange_request *request = self->request;

	if (ends_here(name) || is_changed(self->change, name))
		return false;
	if (options && is_named(request->fields, request->field_count, name))
		return false;
	if (is_about_client(name) && (!self->client->trusted || is_not_of_proxies(name)))
		return false;
	if (self->change->no_cache &&
	    (is_name(name, PL_SLICE("cache-control")) || is_name(name, PL_SLICE("pragma"))))
		return false;
	return !(self->change->origin.at && is_name(name, PL_SLICE("origin")));
}

static void copy_fields(maker *self)
{
	const pl_exchange_request *request = self->request;
	bool options =
		pl_http_field_find(request->fields, request->field_count, PL_SLICE("connection"))
			.at != NULL;

	for (size_t i = 0; i < request->field_count; i++)
		if (goes_on(self, request->fields[i].name, options))
			add(self, request->fields[i].name, request->fields[i].value);
}

/* Appends to the texts. */
static void put(maker *self, pl_slice text)
{
	int status = pl_buffer_append(&self->head->texts, text.at, text.len);

	if (status)
		self->status = status;
}

/* What the texts have from `from` on. */
static pl_slice since(const maker *self, size_t from)
{
	const pl_buffer *texts = &self->head->texts;

	return pl_slice_make((const char *)texts->data + from, texts->len - from);
}

/* The lines of a name, of a request's list, with ", " behind each. */
static void put_lines(maker *self, pl_slice name)
{
	const pl_exchange_request *request = self->request;

	for (size_t i = 0; i < request->field_count; i++) {
		if (!pl_slice_equal_nocase(request->fields[i].name, name) ||
		    request->fields[i].value.len == 0)
			continue;
		put(self, request->fields[i].value);
		put(self, PL_SLICE(", "));
	}
}

static void add_via(maker *self)
{
	size_t from = self->head->texts.len;

	put_lines(self, PL_SLICE("via"));
	put(self, self->request->minor > 0 ? PL_SLICE("1.1 ") : PL_SLICE("1.0 "));
	put(self, NAME);
	add(self, PL_SLICE("Via"), since(self, from));
}

/* Ours, unless a proxy that is trusted has said it, or the application does. */
static void add_own(maker *self, pl_slice name, pl_slice value)
{
	const pl_exchange_request *request = self->request;

	if (is_changed(self->change, name) || value.len == 0)
		return;
	if (self->client->trusted &&
	    pl_http_field_find(request->fields, request->field_count, name).at &&
	    !is_named(request->fields, request->field_count, name))
		return;
	add(self, name, value);
}

static void add_forwarded_for(maker *self, pl_slice ip)
{
	size_t from = self->head->texts.len;

	if (is_changed(self->change, PL_SLICE("x-forwarded-for")))
		return;
	if (self->client->trusted)
		put_lines(self, PL_SLICE("x-forwarded-for"));
	put(self, ip);
	add(self, PL_SLICE("X-Forwarded-For"), since(self, from));
}

/* RFC 7239 4: for="[::1]";host="a:80";proto=https */
static void add_forwarded(maker *self, pl_slice ip, pl_slice proto)
{
	size_t from = self->head->texts.len;
	bool v6 = pl_slice_find(ip, ':') < ip.len;
	pl_slice host = self->request->host;

	if (is_changed(self->change, PL_SLICE("forwarded")))
		return;
	if (self->client->trusted)
		put_lines(self, PL_SLICE("forwarded"));
	put(self, v6 ? PL_SLICE("for=\"[") : PL_SLICE("for="));
	put(self, ip);
	put(self, v6 ? PL_SLICE("]\"") : PL_SLICE(""));
	if (host.len > 0) {
		put(self, PL_SLICE(";host=\""));
		put(self, host); /* an authority has no quote and no backslash */
		put(self, PL_SLICE("\""));
	}
	put(self, PL_SLICE(";proto="));
	put(self, proto);
	add(self, PL_SLICE("Forwarded"), since(self, from));
}

static pl_slice put_ip(maker *self)
{
	size_t from = self->head->texts.len;
	char ip[PL_ADDRESS_TEXT];

	put(self, pl_slice_make(ip, pl_address_ip(&self->client->peer, ip)));
	return since(self, from);
}

static pl_slice put_port(maker *self)
{
	size_t from = self->head->texts.len;
	pl_slice host = self->request->host;
	pl_slice named = host.len > 0 ? pl_http_authority_port(host) : host;
	char room[PL_SLICE_DIGITS];

	put(self, named.len > 0 ? named : pl_slice_from_u64(room, self->client->port));
	return since(self, from);
}

static void add_client(maker *self)
{
	pl_slice proto = self->client->secure ? PL_SLICE("https") : PL_SLICE("http");
	pl_slice ip = put_ip(self);

	add_forwarded_for(self, ip);
	add_own(self, PL_SLICE("X-Forwarded-Proto"), proto);
	add_own(self, PL_SLICE("X-Forwarded-Host"), self->request->host);
	add_own(self, PL_SLICE("X-Forwarded-Port"), put_port(self));
	add_forwarded(self, ip, proto);
}

static void add_changes(maker *self)
{
	const pl_forward_change *change = self->change;

	if (change->no_cache && !is_changed(change, PL_SLICE("cache-control"))) {
		add(self, PL_SLICE("Cache-Control"), PL_SLICE("no-cache"));
		add(self, PL_SLICE("Pragma"), PL_SLICE("no-cache"));
	}
	if (change->origin.len > 0)
		add(self, PL_SLICE("Origin"), change->origin);
	for (size_t i = 0; i < change->field_count; i++)
		if (change->fields[i].value.at)
			add(self, change->fields[i].name, change->fields[i].value);
}

/* How often we are among those that the request came by already. */
static int hops(const pl_exchange_request *request)
{
	int count = 0;

	for (size_t i = 0; i < request->field_count; i++) {
		pl_slice rest = request->fields[i].value, element;

		if (!pl_slice_equal_nocase(request->fields[i].name, PL_SLICE("via")))
			continue;
		while (pl_slice_next_element(&rest, &element)) {
			pl_slice name = NAME;

			count += element.len > name.len &&
				 pl_slice_equal(pl_slice_make(element.at + element.len - name.len,
							      name.len),
						name);
		}
	}
	return count;
}

static bool wants_websocket(const pl_exchange_request *request)
{
	const pl_http_field *fields = request->fields;
	size_t count = request->field_count;

	return request->minor > 0 && !request->chunked && request->content_length <= 0 &&
	       pl_slice_equal(request->method, PL_SLICE("GET")) &&
	       pl_http_field_has(fields, count, PL_SLICE("connection"), PL_SLICE("upgrade")) &&
	       pl_http_field_has(fields, count, PL_SLICE("upgrade"), PL_SLICE("websocket"));
}

static int64_t length_of(const pl_exchange_request *request)
{
	if (request->chunked)
		return PL_CALL_UNKNOWN;
	return request->content_length >= 0 ? request->content_length : PL_CALL_NO_BODY;
}

static void frame(maker *self)
{
	const pl_exchange_request *request = self->request;
	pl_call_request *made = &self->head->request;

	made->method = request->method;
	made->host = self->change->authority;
	made->fields = self->head->fields;
	made->length = length_of(request);
	made->trailers = pl_http_field_has(request->fields, request->field_count, PL_SLICE("te"),
					   PL_SLICE("trailers"));
	if (wants_websocket(request)) {
		made->upgrade = PL_SLICE("websocket");
		made->length = PL_CALL_NO_BODY;
	}
}

/* RFC 9110 7.6.2: of OPTIONS it is counted down. False: it ends with us. */
static bool count_down(maker *self)
{
	const pl_exchange_request *request = self->request;
	pl_slice most =
		pl_http_field_find(request->fields, request->field_count, PL_SLICE("max-forwards"));
	char room[PL_SLICE_DIGITS];
	size_t from = self->head->texts.len;
	uint64_t left;

	if (!pl_slice_equal(request->method, PL_SLICE("OPTIONS")) ||
	    !pl_slice_to_u64(most, INT32_MAX, &left))
		return true;
	if (left == 0)
		return false;
	put(self, pl_slice_from_u64(room, left - 1));
	add(self, PL_SLICE("Max-Forwards"), since(self, from));
	return true;
}

static int refused(int *answer, int status, int as)
{
	*answer = as;
	return status;
}

/* The texts grow no more behind this: what points into them stays. */
static int reserve(maker *self)
{
	const pl_forward_change *change = self->change;
	size_t size = 512 + self->request->raw.len + 3 * change->document.len + change->base.len +
		      change->query_params.len + 2 * self->request->host.len;

	return pl_buffer_reserve(&self->head->texts, size);
}

static int put_target(maker *self)
{
	const pl_exchange_request *request = self->request;
	const pl_forward_change *change = self->change;
	const pl_forward_target target = { .path = request->path,
					   .query = request->query,
					   .strip = change->strip,
					   .base = change->base,
					   .document = change->document,
					   .query_params = change->query_params };
	size_t from = self->head->texts.len;
	int status = pl_forward_target_put(&self->head->texts, &target);

	self->head->request.target = since(self, from);
	return status;
}

static bool is_refused(pl_slice method)
{
	return pl_slice_equal(method, PL_SLICE("CONNECT")) ||
	       pl_slice_equal(method, PL_SLICE("TRACE"));
}

int pl_forward_head_make(pl_forward_head *head, const pl_exchange_request *request,
			 const pl_forward_change *change, const pl_forward_client *client,
			 int *answer)
{
	maker self = { head, request, change, client, PL_OK };
	int status;

	head->request = (pl_call_request){ 0 };
	head->texts = (pl_buffer){ 0 };
	*answer = 500;
	if (is_refused(request->method))
		return refused(answer, PL_ENOTSUP, 501);
	if (hops(request) >= PL_FORWARD_HOPS)
		return refused(answer, PL_ELIMIT, 508);
	status = reserve(&self);
	if (!status)
		status = put_target(&self);
	if (status)
		return refused(answer, status, status == PL_EINVAL ? 400 : 503);
	if (!count_down(&self))
		return refused(answer, PL_ELIMIT, 200);
	frame(&self);
	copy_fields(&self);
	add_changes(&self);
	add_client(&self);
	add_via(&self);
	if (self.status)
		return refused(answer, self.status, 503);
	return pl_call_problem(&head->request) ? PL_EINVAL : PL_OK;
}

void pl_forward_head_deinit(pl_forward_head *head)
{
	pl_buffer_deinit(&head->texts);
}

/* Responses. */

/* Whether a URL is on the server behind; *rest: its path and what follows. */
static bool is_behind(pl_slice url, pl_slice authority, pl_slice *rest)
{
	size_t at;

	if (begins(url, PL_SLICE("http://")))
		at = 7;
	else if (begins(url, PL_SLICE("https://")))
		at = 8;
	else
		return false;
	if (url.len < at + authority.len ||
	    !pl_slice_equal_nocase(pl_slice_make(url.at + at, authority.len), authority))
		return false;
	at += authority.len;
	*rest = pl_slice_make(url.at + at, url.len - at);
	return rest->len == 0 || rest->at[0] == '/' || rest->at[0] == '?' || rest->at[0] == '#';
}

/* Whether a path lies below another one. */
static bool is_below(pl_slice path, pl_slice base)
{
	return path.len >= base.len && pl_slice_equal(pl_slice_make(path.at, base.len), base) &&
	       (path.len == base.len || path.at[base.len] == '/' || path.at[base.len] == '?');
}

/* "//name" leads to another host; and browsers take '\\' for '/', and pass over tabs. */
static bool leads_away(pl_slice path)
{
	size_t at = 1;

	while (at < path.len && path.at[at] == '\t')
		at++;
	return at < path.len && path.at[0] == '/' && (path.at[at] == '/' || path.at[at] == '\\');
}

static int put_location(pl_buffer *out, pl_slice url, const pl_forward_change *change)
{
	pl_slice base = change->base, strip = change->strip;
	pl_slice path = url;
	bool behind = is_behind(url, change->authority, &path);
	int status;

	if ((!behind && (url.len == 0 || url.at[0] != '/')) || leads_away(path))
		return pl_buffer_append(out, url.at, url.len);
	if (strip.len > 0 && strip.at[strip.len - 1] == '/')
		strip.len--;
	if (base.len > 0 && is_below(path, base))
		path = pl_slice_make(path.at + base.len, path.len - base.len);
	else if (base.len > 0)
		strip.len = 0;
	if (strip.len == 0 && leads_away(path)) /* what is left of it does so */
		return pl_buffer_append(out, url.at, url.len);
	status = pl_buffer_append(out, strip.at, strip.len);
	if (!status && (path.len == 0 || path.at[0] != '/'))
		status = pl_buffer_append(out, "/", 1);
	return status ? status : pl_buffer_append(out, path.at, path.len);
}

static int locate(pl_http_field *field, const pl_forward_change *change, pl_buffer *scratch)
{
	size_t from = scratch->len;
	int status = put_location(scratch, field->value, change);

	field->value = pl_slice_make((const char *)scratch->data + from, scratch->len - from);
	return status;
}

/* An answer that demands a protocol names it (RFC 9110 15.5.22). */
static bool response_goes_on(const pl_http_response *response, pl_slice name, bool trailers)
{
	if (is_name(name, PL_SLICE("upgrade")))
		return response->status == 426;
	if (is_name(name, PL_SLICE("trailer")))
		return trailers;
	return !is_hop(name) && !is_named(response->fields, response->field_count, name);
}

int pl_forward_response_fields(pl_http_field *fields, const pl_http_response *response,
			       const pl_forward_change *change, bool trailers, pl_buffer *scratch)
{
	int count = 0;
	pl_slice location =
		pl_http_field_find(response->fields, response->field_count, PL_SLICE("location"));
	size_t room = 2 * (location.len + change->strip.len + 1);

	if (location.at && pl_buffer_reserve(scratch, room))
		return PL_ENOMEM;
	for (size_t i = 0; i < response->field_count; i++) {
		pl_http_field *field = &fields[count];

		*field = response->fields[i];
		if (!response_goes_on(response, field->name, trailers))
			continue;
		if (location.len > 0 && location.at && field->value.at == location.at &&
		    locate(field, change, scratch))
			return PL_ENOMEM;
		count++;
	}
	return count;
}

static bool changed_goes_on(const pl_http_response *response, pl_slice name)
{
	return !is_name(name, PL_SLICE("upgrade")) && !is_hop(name) &&
	       !is_named(response->fields, response->field_count, name);
}

static int put_field(pl_buffer *out, const pl_http_field *field)
{
	return pl_buffer_printf(out, "%.*s: %.*s\r\n", (int)field->name.len, field->name.at,
				(int)field->value.len, field->value.at);
}

int pl_forward_changed_head(pl_buffer *out, const pl_http_response *response)
{
	int status = pl_buffer_printf(out, "HTTP/1.1 101 Switching Protocols\r\n"
					   "Upgrade: websocket\r\nConnection: Upgrade\r\n");

	for (size_t i = 0; i < response->field_count && !status; i++)
		if (changed_goes_on(response, response->fields[i].name))
			status = put_field(out, &response->fields[i]);
	return status ? status : pl_buffer_append(out, "\r\n", 2);
}

/* They were checked for their form when they came. */
size_t pl_forward_trailers(pl_http_field *fields, pl_slice lines)
{
	size_t count = 0;

	while (lines.len > 0 && count < PL_HTTP_FIELDS_MAX) {
		size_t end = pl_slice_find(lines, '\r');
		pl_slice line = pl_slice_make(lines.at, end);
		size_t colon = pl_slice_find(line, ':');

		if (colon < line.len)
			fields[count++] = (pl_http_field){
				pl_slice_make(line.at, colon),
				pl_slice_trim(
					pl_slice_make(line.at + colon + 1, line.len - colon - 1)),
			};
		end = end + 2 < lines.len ? end + 2 : lines.len;
		lines = pl_slice_make(lines.at + end, lines.len - end);
	}
	return count;
}
