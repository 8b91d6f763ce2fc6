#include "conn/head_secrets.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/status.h"

static const pl_slice mark = PL_SLICE("***");

enum { NAME_MAX_LEN = 128 };

/* Within names, in lower case. */
static const char *const words[] = {
	"auth",	     "token",	  "secret",  "passw",	   "pwd",
	"apikey",    "api_key",	  "api-key", "access_key", "access-key",
	"accesskey", "signature", "cookie",  "session",	   "credential",
};

static const char *const names[] = { "key", "sig", "code", "sid", "pass" };

/* They begin like secrets, and say which kinds there are. */
static const char *const open_names[] = { "www-authenticate", "proxy-authenticate" };

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* Lower case, percent-decoded, for a comparison. What is too long counts as secret. */
static bool plain_name(char out[NAME_MAX_LEN + 1], pl_slice name)
{
	size_t len = 0;

	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (len == NAME_MAX_LEN)
			return false;
		if (c == '%' && i + 2 < name.len && pl_hex_digit(name.at[i + 1]) >= 0 &&
		    pl_hex_digit(name.at[i + 2]) >= 0) {
			c = (char)(pl_hex_digit(name.at[i + 1]) * 16 +
				   pl_hex_digit(name.at[i + 2]));
			i += 2;
		}
		out[len++] = (char)tolower((unsigned char)c);
	}
	out[len] = '\0';
	return strlen(out) == len;
}

static bool is_secret(pl_slice name)
{
	char plain[NAME_MAX_LEN + 1];

	if (!plain_name(plain, name))
		return true;
	if (is_one_of(plain, open_names, sizeof(open_names) / sizeof(open_names[0])))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(plain, words[i]))
			return true;
	return is_one_of(plain, names, sizeof(names) / sizeof(names[0]));
}

static int put(pl_buffer *out, pl_slice text)
{
	return pl_buffer_append(out, text.at, text.len);
}

/* Up to the first of these bytes, or all of it; *rest is what follows, with that byte. */
static pl_slice cut(pl_slice text, const char *ends, pl_slice *rest)
{
	size_t len = 0;

	while (len < text.len && (text.at[len] == '\0' || !strchr(ends, text.at[len])))
		len++;
	*rest = pl_slice_make(text.at + len, text.len - len);
	return pl_slice_make(text.at, len);
}

static pl_slice behind(pl_slice text, size_t len)
{
	return pl_slice_make(text.at + len, text.len - len);
}

static int hide_query(pl_buffer *out, pl_slice query)
{
	int status = PL_OK;

	while (query.len > 0 && !status) {
		pl_slice rest, value;
		pl_slice name = cut(query, "=&;", &rest);
		bool has_value = rest.len > 0 && rest.at[0] == '=';

		value = has_value ? cut(rest, "&;", &rest) : pl_slice_make(rest.at, 0);
		status = put(out, name);
		if (!status && value.len > 1 && is_secret(name)) {
			status = put(out, PL_SLICE("="));
			value = mark;
		}
		if (!status)
			status = put(out, value);
		if (!status && rest.len > 0)
			status = pl_buffer_append(out, rest.at, 1);
		query = rest.len > 0 ? behind(rest, 1) : rest;
	}
	return status;
}

/* Where it stands in the text; its length if nowhere. */
static size_t find(pl_slice text, pl_slice part)
{
	for (size_t at = 0; at + part.len <= text.len; at++)
		if (pl_slice_equal_nocase(pl_slice_make(text.at + at, part.len), part))
			return at;
	return text.len;
}

/* The end of the first of these places; the path's length if there is none. */
static size_t behind_place(pl_slice path)
{
	static const pl_slice places[] = { PL_SLICE("/sgc/auth/"), PL_SLICE("/sgc/req/auth/") };
	size_t first = path.len;
	size_t end = path.len;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		size_t at = find(path, places[i]);

		if (at >= first)
			continue;
		first = at;
		end = at + places[i].len;
	}
	return end;
}

/* What comes behind these, after the word that says which kind it is. */
static size_t told_of_path(pl_slice path)
{
	pl_slice rest;

	cut(behind(path, behind_place(path)), "/", &rest);
	return rest.len > 0 ? path.len - rest.len + 1 : path.len;
}

static int hide_path(pl_buffer *out, pl_slice path)
{
	size_t scheme = find(path, PL_SLICE("://"));
	pl_slice rest;
	size_t told;
	int status = PL_OK;

	/* Not the one of a URL within a path. */
	if (scheme < path.len && cut(path, "/", &rest).len == scheme + 1) {
		pl_slice authority = cut(behind(path, scheme + 3), "/", &rest);
		size_t user = find(authority, PL_SLICE("@"));

		status = put(out, pl_slice_make(path.at, scheme + 3));
		if (!status && user < authority.len)
			status = put(out, mark);
		path = behind(path, scheme + 3 + (user < authority.len ? user : 0));
	}
	told = told_of_path(path);
	if (!status)
		status = put(out, pl_slice_make(path.at, told));
	return !status && told < path.len ? put(out, mark) : status;
}

static int hide_url(pl_buffer *out, pl_slice url)
{
	pl_slice query;
	pl_slice path = cut(url, "?", &query);
	int status = hide_path(out, path);

	if (!status && query.len > 0)
		status = pl_buffer_append(out, "?", 1);
	return !status && query.len > 0 ? hide_query(out, behind(query, 1)) : status;
}

/* "GET /a HTTP/1.1"; of a response nothing is changed. */
static int hide_first_line(pl_buffer *out, pl_slice line)
{
	pl_slice rest, end;
	pl_slice method = cut(line, " ", &rest);
	pl_slice target;
	int status = put(out, method);

	if (status || rest.len == 0)
		return status;
	target = cut(behind(rest, 1), " ", &end);
	status = pl_buffer_append(out, " ", 1);
	if (!status)
		status = hide_url(out, target);
	return status ? status : put(out, end);
}

static int hide_field(pl_buffer *out, pl_slice line)
{
	pl_slice value;
	pl_slice name = cut(line, ":", &value);
	int status = put(out, name);

	if (status || value.len == 0)
		return status;
	if (is_secret(name))
		return put(out, PL_SLICE(": ***"));
	if (pl_slice_equal_nocase(name, PL_SLICE("location")) ||
	    pl_slice_equal_nocase(name, PL_SLICE("sec-websocket-location")) ||
	    pl_slice_equal_nocase(name, PL_SLICE("referer")))
		return hide_url(out, value);
	return put(out, value);
}

int pl_head_secrets_hide(pl_buffer *out, pl_slice head)
{
	int status = PL_OK;
	bool first = true;

	while (head.len > 0 && !status) {
		pl_slice rest, end;
		pl_slice line = cut(cut(head, "\n", &rest), "\r", &end);

		status = first ? hide_first_line(out, line) : hide_field(out, line);
		if (!status && end.len > 0)
			status = pl_buffer_append(out, "\r", 1);
		if (!status && rest.len > 0)
			status = pl_buffer_append(out, "\n", 1);
		head = rest.len > 0 ? behind(rest, 1) : rest;
		first = false;
	}
	return status;
}
