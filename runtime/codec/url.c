#include "codec/url.h"

#include "base/status.h"
#include "codec/http_authority.h"

enum {
	UNRESERVED = 1,
	SUB_DELIMS = 2,
	COLON = 4,
	AT = 8,
	SLASH = 16,
	QUESTION = 32,
	PCHAR = UNRESERVED | SUB_DELIMS | COLON | AT,
	USERINFO = UNRESERVED | SUB_DELIMS | COLON,
	QUERY = PCHAR | SLASH | QUESTION /* and fragment */
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static unsigned class_of(char c)
{
	if (is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~')
		return UNRESERVED;
	switch (c) {
	case ':':
		return COLON;
	case '@':
		return AT;
	case '/':
		return SLASH;
	case '?':
		return QUESTION;
	default:
		return c != '\0' && strchr("!$&'()*+,;=", c) ? SUB_DELIMS : 0;
	}
}

/* Only such characters and whole escapes. */
static bool made_of(pl_slice text, unsigned classes)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		if (text.at[i] == '%') {
			if (text.len - i < 3 || pl_hex_digit(text.at[i + 1]) < 0 ||
			    pl_hex_digit(text.at[i + 2]) < 0)
				return false;
			i += 2;
		} else if (!(class_of(text.at[i]) & classes)) {
			return false;
		}
	}
	return true;
}

static pl_slice skip(pl_slice text, size_t count)
{
	return pl_slice_make(text.at + count, text.len - count);
}

/* Up to the first of these characters, or the end. */
static size_t until(pl_slice text, const char *stops)
{
	size_t i = 0;

	while (i < text.len && (text.at[i] == '\0' || !strchr(stops, text.at[i])))
		i++;
	return i;
}

/* A reference of any form in its parts (RFC 3986 appendix B); parts that are not there have no
 * `at`, but for the path. */
typedef struct parts {
	pl_slice scheme;
	pl_slice authority; /* with userinfo */
	pl_slice path;
	pl_slice query;
	pl_slice fragment;
} parts;

static bool scheme_valid(pl_slice scheme)
{
	size_t i;

	if (scheme.len == 0 || !is_letter(scheme.at[0]))
		return false;
	for (i = 1; i < scheme.len; i++)
		if (!is_letter(scheme.at[i]) && !is_digit(scheme.at[i]) &&
		    !strchr("+-.", scheme.at[i]))
			return false;
	return true;
}

static pl_slice take(pl_slice *rest, size_t len)
{
	pl_slice part = pl_slice_make(rest->at, len);

	*rest = skip(*rest, len);
	return part;
}

/* What stands behind `mark`, if that is next. */
static pl_slice take_behind(pl_slice *rest, char mark, const char *stops)
{
	if (rest->len == 0 || rest->at[0] != mark)
		return pl_slice_make(NULL, 0);
	*rest = skip(*rest, 1);
	return take(rest, until(*rest, stops));
}

static parts split(pl_slice text)
{
	parts found = { .scheme = { NULL, 0 } };
	size_t colon = until(text, ":/?#");

	if (colon < text.len && text.at[colon] == ':') {
		found.scheme = take(&text, colon);
		text = skip(text, 1);
	}
	if (text.len >= 2 && text.at[0] == '/' && text.at[1] == '/') {
		text = skip(text, 2);
		found.authority = take(&text, until(text, "/?#"));
	}
	found.path = take(&text, until(text, "?#"));
	found.query = take_behind(&text, '?', "#");
	found.fragment = take_behind(&text, '#', "");
	return found;
}

static const char *fault_of(const parts *of)
{
	if (of->scheme.at && !scheme_valid(of->scheme))
		return "the scheme is malformed";
	if (!made_of(of->path, PCHAR | SLASH))
		return "the path has a character that has to be encoded";
	if (!made_of(of->query, QUERY))
		return "the query has a character that has to be encoded";
	if (!made_of(of->fragment, QUERY))
		return "the fragment has a character that has to be encoded";
	return NULL;
}

/* Userinfo, host and port. */
static const char *read_authority(pl_url *url, pl_slice authority)
{
	size_t at = authority.len;
	pl_slice port;
	uint64_t number = 0;

	while (at > 0 && authority.at[at - 1] != '@')
		at--;
	if (at > 0)
		url->userinfo = pl_slice_make(authority.at, at - 1);
	url->authority = skip(authority, at);
	if (!made_of(url->userinfo, USERINFO))
		return "user and password have a character that has to be encoded";
	if (!pl_http_authority_valid(url->authority))
		return "host or port is malformed";
	port = pl_http_authority_port(url->authority);
	if (port.len > 0 && (!pl_slice_to_u64(port, UINT16_MAX, &number) || number == 0))
		return "the port is not from 1 to 65535";
	url->port = (uint16_t)number;
	url->host = url->authority;
	if (url->host.at[0] == '[')
		url->host = pl_slice_make(url->host.at + 1, pl_slice_find(url->host, ']') - 1);
	else
		url->host.len = pl_slice_find(url->host, ':');
	return NULL;
}

static const char *read_url(pl_url *url, pl_slice text)
{
	parts found = split(text);
	const char *fault = fault_of(&found);

	if (text.len > PL_URL_MAX)
		return "it is longer than 8192 bytes";
	if (fault)
		return fault;
	if (!found.scheme.at)
		return "it has no scheme";
	if (!found.authority.at)
		return "it has no host: a URL is like scheme://host/path";
	url->scheme = found.scheme;
	url->path = found.path;
	url->query = found.query;
	url->fragment = found.fragment;
	url->target = pl_slice_make(found.path.at,
				    found.path.len + (found.query.at ? found.query.len + 1 : 0));
	return read_authority(url, found.authority);
}

int pl_url_decode(pl_url *url, pl_slice text)
{
	*url = (pl_url){ .error = NULL };
	url->error = read_url(url, text);
	return url->error ? PL_EINVAL : PL_OK;
}

typedef struct known_scheme {
	pl_slice name;
	uint16_t port;
	bool secure;
} known_scheme;

static const known_scheme *find_scheme(pl_slice scheme)
{
	static const known_scheme known[] = {
		{ { "http", 4 }, 80, false },	{ { "https", 5 }, 443, true },
		{ { "ws", 2 }, 80, false },	{ { "wss", 3 }, 443, true },
		{ { "tcp", 3 }, 0, false },	{ { "tls", 3 }, 0, true },
		{ { "mqtt", 4 }, 1883, false }, { { "mqtts", 5 }, 8883, true },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (pl_slice_equal_nocase(scheme, known[i].name))
			return &known[i];
	return NULL;
}

uint16_t pl_url_default_port(pl_slice scheme)
{
	const known_scheme *known = find_scheme(scheme);

	return known ? known->port : 0;
}

bool pl_url_secure(pl_slice scheme)
{
	const known_scheme *known = find_scheme(scheme);

	return known && known->secure;
}

/* References. */

/* "/a/b/../c/./d" becomes "/a/c/d" (5.2.4): written over itself, from `start` of the buffer on. */
static void remove_dots(pl_buffer *out, size_t start)
{
	char *path = (char *)out->data + start;
	size_t len = out->len - start;
	size_t to = 0;
	size_t from = 0;

	while (from < len) {
		size_t end = from + 1;
		pl_slice segment;
		bool last;

		while (end < len && path[end] != '/')
			end++;
		segment = pl_slice_make(path + from + 1, end - from - 1);
		last = end == len;
		if (pl_slice_equal(segment, PL_SLICE(".."))) {
			while (to > 0 && path[--to] != '/')
				;
			if (last)
				path[to++] = '/';
		} else if (pl_slice_equal(segment, PL_SLICE("."))) {
			if (last)
				path[to++] = '/';
		} else {
			memmove(path + to, path + from, end - from);
			to += end - from;
		}
		from = end;
	}
	out->len = start + to;
}

static int put(pl_buffer *out, pl_slice text)
{
	return pl_buffer_append(out, text.at, text.len);
}

/* The base's path up to its last '/', for a path that goes on from there (5.2.3). */
static pl_slice folder_of(pl_slice path)
{
	size_t len = path.len;

	while (len > 0 && path.at[len - 1] != '/')
		len--;
	return len > 0 ? pl_slice_make(path.at, len) : PL_SLICE("/");
}

static int put_path(pl_buffer *out, const pl_url *base, const parts *to)
{
	bool own = to->scheme.at || to->authority.at || (to->path.len > 0 && to->path.at[0] == '/');
	size_t start = out->len;

	if (!own && to->path.len == 0)
		return put(out, base->path);
	if ((!own && put(out, folder_of(base->path))) || put(out, to->path))
		return PL_ENOMEM;
	remove_dots(out, start);
	return PL_OK;
}

static int put_marked(pl_buffer *out, const char *mark, pl_slice part)
{
	if (!part.at)
		return PL_OK;
	return put(out, pl_slice_make(mark, 1)) || put(out, part) ? PL_ENOMEM : PL_OK;
}

static int put_all(pl_buffer *out, const pl_url *base, const parts *to)
{
	bool same = !to->scheme.at && !to->authority.at;
	pl_slice userinfo = same ? base->userinfo : pl_slice_make(NULL, 0);

	if (put(out, to->scheme.at ? to->scheme : base->scheme) || put(out, PL_SLICE("://")))
		return PL_ENOMEM;
	if (userinfo.at && (put(out, userinfo) || put(out, PL_SLICE("@"))))
		return PL_ENOMEM;
	if (put(out, same ? base->authority : to->authority) || put_path(out, base, to))
		return PL_ENOMEM;
	if (put_marked(out, "?",
		       same && to->path.len == 0 && !to->query.at ? base->query : to->query))
		return PL_ENOMEM;
	return put_marked(out, "#", to->fragment);
}

int pl_url_resolve(pl_buffer *out, const pl_url *base, pl_slice reference)
{
	parts to = split(reference);
	size_t before = out->len;
	pl_url whole;
	int status;

	if (reference.len > PL_URL_MAX || fault_of(&to) || (to.scheme.at && !to.authority.at))
		return PL_EINVAL;
	status = put_all(out, base, &to);
	if (!status)
		status = pl_url_decode(
			&whole, pl_slice_make((const char *)out->data + before, out->len - before));
	if (status)
		out->len = before;
	return status;
}
