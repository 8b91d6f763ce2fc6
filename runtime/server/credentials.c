#include "server/credentials.h"

#include <string.h>

#include "base/status.h"
#include "codec/base64.h"
#include "codec/http_path.h"

static const pl_slice url_place = PL_SLICE("/sgc/auth/url/");
static const pl_slice session_place = PL_SLICE("/sgc/auth/session/");
static const pl_slice ask_place = PL_SLICE("/sgc/req/auth/session");

static bool begins(pl_slice text, pl_slice start)
{
	return text.len >= start.len && memcmp(text.at, start.at, start.len) == 0;
}

static pl_slice behind(pl_slice text, size_t len)
{
	return pl_slice_make(text.at + len, text.len - len);
}

/* Up to the next '/', without it; *rest begins with it. */
static pl_slice segment(pl_slice path, pl_slice *rest)
{
	size_t len = pl_slice_find(path, '/');

	*rest = behind(path, len);
	return pl_slice_make(path.at, len);
}

/* No byte that could end a line somewhere, or hide in one (RFC 7617 2). */
static bool is_plain(pl_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
			return false;
	return true;
}

/* One part of a path, decoded to `out`. */
static bool decode_part(pl_slice *result, char *out, pl_slice part)
{
	ptrdiff_t len =
		part.len <= 3 * (size_t)PL_CREDENTIAL_MAX ? pl_percent_decode(out, part) : -1;

	*result = pl_slice_make(out, len < 0 ? 0 : (size_t)len);
	return len >= 0 && len <= PL_CREDENTIAL_MAX && is_plain(*result);
}

/* USER/PASSWORD[/...]: the decoded ones use the room one behind the other. */
static int read_pair(pl_credentials *self, pl_slice path, pl_slice *rest, const char **error)
{
	pl_slice user = segment(path, rest);
	pl_slice password;

	*error = "user and password are missing in the path";
	if (user.len == 0 || rest->len == 0)
		return PL_EPROTO;
	password = segment(behind(*rest, 1), rest);
	*error = "bad user or password in the path";
	if (!decode_part(&self->user, self->room, user) ||
	    !decode_part(&self->password, self->room + self->user.len, password))
		return PL_EPROTO;
	self->kind = PL_CREDENTIALS_PASSWORD;
	self->in_path = true;
	return PL_OK;
}

static int read_url(pl_credentials *self, pl_slice path, const char **error)
{
	pl_slice rest;
	int status = read_pair(self, behind(path, url_place.len), &rest, error);

	self->prefix = path.len - rest.len;
	return status;
}

static int read_token(pl_credentials *self, pl_slice path, const char **error)
{
	pl_slice rest;
	pl_slice token = segment(behind(path, session_place.len), &rest);

	*error = "bad session in the path";
	if (!decode_part(&self->password, self->room, token) || token.len == 0)
		return PL_EPROTO;
	self->kind = PL_CREDENTIALS_TOKEN;
	self->in_path = true;
	self->prefix = path.len - rest.len;
	return PL_OK;
}

static int read_basic(pl_credentials *self, pl_slice data, const char **error)
{
	ptrdiff_t len = data.len <= sizeof(self->room)
				? pl_base64_decode((uint8_t *)self->room, data.at, data.len)
				: -1;
	pl_slice both = pl_slice_make(self->room, len < 0 ? 0 : (size_t)len);
	size_t colon = pl_slice_find(both, ':');

	*error = "bad Authorization";
	if (len < 0 || colon == both.len || !is_plain(both))
		return PL_EPROTO;
	self->user = pl_slice_make(both.at, colon);
	self->password = behind(both, colon + 1);
	if (self->user.len > PL_CREDENTIAL_MAX || self->password.len > PL_CREDENTIAL_MAX)
		return PL_EPROTO;
	self->kind = PL_CREDENTIALS_PASSWORD;
	return PL_OK;
}

static int read_scheme(pl_credentials *self, const pl_credentials_ways *ways, pl_slice value,
		       const char **error)
{
	size_t space = pl_slice_find(value, ' ');

	self->scheme = pl_slice_make(value.at, space);
	self->password = pl_slice_trim(behind(value, space));
	*error = "bad Authorization";
	if (!pl_http_token_valid(self->scheme))
		return PL_EPROTO;
	if ((ways->basic || self->wants_token) &&
	    pl_slice_equal_nocase(self->scheme, PL_SLICE("basic")))
		return read_basic(self, self->password, error);
	self->kind = PL_CREDENTIALS_OTHER;
	return PL_OK;
}

/* Two of them would leave open which one counts (RFC 9110 5.3). */
static int read_field(pl_credentials *self, const pl_credentials_ways *ways,
		      const pl_exchange_request *request, const char **error)
{
	const pl_http_field *found = NULL;

	for (size_t i = 0; i < request->field_count; i++) {
		if (!pl_slice_equal_nocase(request->fields[i].name, PL_SLICE("authorization")))
			continue;
		*error = "several Authorization fields";
		if (found)
			return PL_EPROTO;
		found = &request->fields[i];
	}
	return found ? read_scheme(self, ways, found->value, error) : PL_OK;
}

/* The request for a token; false: it is another one. */
static bool asks_for_token(const pl_credentials_ways *ways, const pl_exchange_request *request)
{
	pl_slice path = request->path;

	if (!ways->session || !begins(path, ask_place))
		return false;
	return path.len == ask_place.len || path.at[ask_place.len] == '/';
}

static int read_ask(pl_credentials *self, const pl_credentials_ways *ways,
		    const pl_exchange_request *request, const char **error)
{
	pl_slice rest = behind(request->path, ask_place.len);
	int status;

	self->wants_token = true;
	if (rest.len == 0)
		return read_field(self, ways, request, error);
	status = read_pair(self, behind(rest, 1), &rest, error);
	*error = status ? *error : "nothing stands behind user and password";
	return status || rest.len == 0 ? status : PL_EPROTO;
}

int pl_credentials_read(pl_credentials *self, const pl_credentials_ways *ways,
			const pl_exchange_request *request, const char **error)
{
	memset(self, 0, offsetof(pl_credentials, room));
	*error = "";
	if (asks_for_token(ways, request))
		return read_ask(self, ways, request, error);
	if (ways->url && begins(request->path, url_place))
		return read_url(self, request->path, error);
	if (ways->session && begins(request->path, session_place))
		return read_token(self, request->path, error);
	return read_field(self, ways, request, error);
}
