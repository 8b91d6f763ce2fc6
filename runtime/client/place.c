#include "client/place.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "codec/url.h"

uint16_t pl_place_port(const pl_client_place *place)
{
	if (place->port > 0 || place->tcp)
		return place->port;
	return place->secure ? 443 : 80;
}

static pl_slice bare(pl_slice host)
{
	if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		return pl_slice_make(host.at + 1, host.len - 2);
	return host;
}

void pl_place_text(char out[PL_PLACE_TEXT], pl_slice host, uint16_t port)
{
	host = bare(host);
	snprintf(out, PL_PLACE_TEXT, pl_slice_find(host, ':') < host.len ? "[%.*s]:%u" : "%.*s:%u",
		 (int)host.len, host.at, port);
}

int pl_place_authority(const pl_client_place *place, bool always, pl_buffer *out)
{
	pl_slice host = bare(place->host);
	bool six = pl_slice_find(host, ':') < host.len;
	uint16_t port = pl_place_port(place);
	int status = pl_buffer_printf(out, six ? "[%.*s]" : "%.*s", (int)host.len, host.at);

	if (!status && (always || port != (place->secure ? 443 : 80)))
		status = pl_buffer_printf(out, ":%u", port);
	return status;
}

bool pl_place_same_origin(const pl_client_place *a, const pl_client_place *b)
{
	return a->secure == b->secure && a->tcp == b->tcp && pl_place_port(a) == pl_place_port(b) &&
	       pl_slice_equal_nocase(bare(a->host), bare(b->host));
}

bool pl_place_redirects(const pl_http_response *response)
{
	switch (response->status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return true;
	default:
		return false;
	}
}

static const pl_http_field *find_location(const pl_http_response *response, const char **why)
{
	const pl_http_field *found = NULL;

	*why = NULL;
	for (size_t i = 0; i < response->field_count; i++) {
		if (!pl_slice_equal_nocase(response->fields[i].name, PL_SLICE("location")))
			continue;
		if (found)
			*why = "the redirect has several Locations";
		found = &response->fields[i];
	}
	if (!found)
		*why = "the redirect has no Location";
	return *why ? NULL : found;
}

static bool is_scheme(pl_slice scheme, pl_slice one, pl_slice other)
{
	return pl_slice_equal_nocase(scheme, one) || pl_slice_equal_nocase(scheme, other);
}

/* What a URL means for a WebSocket. */
static const char *read_url(pl_client_place *to, const pl_buffer *text)
{
	pl_url url;

	if (pl_url_decode(&url, pl_slice_make((const char *)text->data, text->len)))
		return "the redirect's Location is no URL";
	*to = (pl_client_place){ .secure = pl_url_secure(url.scheme),
				 .host = url.host,
				 .port = url.port };
	if (!is_scheme(url.scheme, PL_SLICE("ws"), PL_SLICE("http")) &&
	    !is_scheme(url.scheme, PL_SLICE("wss"), PL_SLICE("https")))
		return "the redirect leads to a scheme that is no WebSocket's";
	if (url.userinfo.at)
		return "the redirect's Location has a user";
	to->target = url.target;
	return NULL;
}

/* "/" in front of a target that is a query alone, in a copy behind all of the text. */
static int put_slash(pl_client_place *to, pl_buffer *url)
{
	size_t host = (size_t)(to->host.at - (const char *)url->data);
	size_t target = (size_t)(to->target.at - (const char *)url->data);
	size_t len = to->target.len;
	char *at;

	if (len == 0 || to->target.at[0] == '/')
		return PL_OK;
	if (pl_buffer_reserve(url, len + 1))
		return PL_ENOMEM;
	at = (char *)url->data + url->len;
	at[0] = '/';
	memcpy(at + 1, url->data + target, len);
	url->len += len + 1;
	to->target = pl_slice_make(at, len + 1);
	to->host.at = (const char *)url->data + host;
	return PL_OK;
}

static int put_base(const pl_client_place *from, pl_buffer *out)
{
	pl_slice target = from->target.len > 0 ? from->target : PL_SLICE("/");
	int status = pl_buffer_printf(out, from->secure ? "wss://" : "ws://");

	if (!status)
		status = pl_place_authority(from, true, out);
	if (!status)
		status = pl_buffer_append(out, target.at, target.len);
	return status;
}

int pl_place_redirect(pl_client_place *to, pl_buffer *url, const pl_client_place *from,
		      const pl_http_response *response, const char **why)
{
	const pl_http_field *location = find_location(response, why);
	pl_buffer base = { 0 };
	pl_url decoded;
	int status;

	if (!location)
		return PL_EPROTO;
	status = put_base(from, &base);
	if (!status)
		status = pl_url_decode(&decoded, pl_slice_make((const char *)base.data, base.len));
	if (!status)
		status = pl_url_resolve(url, &decoded, location->value);
	pl_buffer_deinit(&base);
	if (status == PL_EINVAL) {
		*why = "the redirect's Location is no URL";
		return PL_EPROTO;
	}
	if (status)
		return status;
	*why = read_url(to, url);
	return *why ? PL_EPROTO : put_slash(to, url);
}
