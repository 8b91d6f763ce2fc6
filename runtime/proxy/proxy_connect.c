/* HTTP CONNECT (RFC 9110 9.3.6), without authentication or with Basic (RFC 7617). */
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/base64.h"
#include "codec/http_response.h"
#include "proxy/proxy_internal.h"

enum { LINE_MAX = 8192, SHOWN = 64 };

static int add_authority(pl_buffer *out, const pl_proxy_settings *settings)
{
	pl_slice host = settings->host;
	bool bare = pl_slice_find(host, ':') < host.len && host.at[0] != '[';

	return pl_buffer_printf(out, bare ? "[%.*s]:%u" : "%.*s:%u", (int)host.len, host.at,
				settings->port);
}

static int add_credentials(pl_buffer *out, const pl_proxy_settings *settings)
{
	char plain[2 * PL_PROXY_TEXT_MAX + 1];
	char coded[PL_BASE64_LENGTH(sizeof(plain))];
	size_t len = settings->user.len, coded_len;
	int status;

	memcpy(plain, settings->user.at, len);
	plain[len++] = ':';
	if (settings->password.len > 0)
		memcpy(plain + len, settings->password.at, settings->password.len);
	len += settings->password.len;
	coded_len = pl_base64_encode(coded, (const uint8_t *)plain, len);
	status =
		pl_buffer_printf(out, "Proxy-Authorization: Basic %.*s\r\n", (int)coded_len, coded);
	explicit_bzero(plain, sizeof(plain));
	explicit_bzero(coded, sizeof(coded));
	return status;
}

static int write_request(pl_buffer *out, const pl_proxy_settings *settings)
{
	if (pl_buffer_append(out, "CONNECT ", 8) || add_authority(out, settings) ||
	    pl_buffer_printf(out, " HTTP/1.1\r\nHost: ") || add_authority(out, settings) ||
	    pl_buffer_append(out, "\r\n", 2) ||
	    (settings->user.len > 0 && add_credentials(out, settings)))
		return PL_ENOMEM;
	return pl_buffer_append(out, "\r\n", 2);
}

int pl_proxy_connect_begin(pl_proxy *proxy)
{
	pl_buffer request = { 0 };
	int status = write_request(&request, &proxy->settings);

	proxy->phase = PL_PROXY_HEAD;
	if (status == PL_OK)
		status = pl_stream_write(proxy->stream, request.data, request.len);
	if (request.cap > 0)
		explicit_bzero(request.data, request.cap);
	pl_buffer_deinit(&request);
	return status;
}

static int refused(pl_proxy *proxy, const pl_http_response *response)
{
	int status = response->status, code = PL_ECONNREFUSED;
	char reason[SHOWN + 1];
	size_t len = response->reason.len < SHOWN ? response->reason.len : SHOWN;

	for (size_t i = 0; i < len; i++) {
		char c = response->reason.at[i];

		reason[i] = (char)(c >= ' ' && c < 0x7F ? c : '?');
	}
	reason[len] = '\0';
	if (status == 407)
		return pl_proxy_fail(proxy, PL_EACCES,
				     proxy->settings.user.len > 0
					     ? "the proxy refuses user and password (407)"
					     : "the proxy wants a user and a password (407)");
	if (status == 401 || status == 403)
		code = PL_EACCES;
	else if (status == 504)
		code = PL_ETIMEDOUT;
	return pl_proxy_fail(proxy, code, "the proxy refuses the tunnel: %d %s", status, reason);
}

static int decided(pl_proxy *proxy, const pl_http_response *response, int used, bool *open)
{
	if (response->status == 101)
		return pl_proxy_fail(proxy, PL_EPROTO, "the proxy changes the protocol unasked");
	if (response->status >= 300)
		return refused(proxy, response);
	/* An interim head (RFC 9110 15.2) has no say, but counts. */
	*open = response->status >= 200;
	proxy->answered += (size_t)used;
	return used;
}

int pl_proxy_connect_answer(pl_proxy *proxy, const uint8_t *buf, size_t len, bool *open)
{
	size_t left = proxy->settings.max_answer - proxy->answered;
	size_t line = left < LINE_MAX ? left : LINE_MAX;
	const pl_http_rules rules = { line, left, PL_HTTP_FIELDS_MAX };
	pl_http_response *response = pl_alloc(sizeof(*response));
	int used;

	if (!response)
		return pl_proxy_fail(proxy, PL_ENOMEM, "%s", pl_status_text(PL_ENOMEM));
	used = pl_http_response_decode(response, &rules, (const char *)buf, len, proxy->scanned);
	proxy->scanned = len;
	if (used < 0)
		used = pl_proxy_fail(proxy, used, "the proxy's answer: %s", response->error);
	else if ((size_t)used > left || (used == 0 && len >= left))
		used = pl_proxy_fail(proxy, PL_ELIMIT, "the proxy's answer: it is too long");
	else if (used > 0)
		used = decided(proxy, response, used, open);
	pl_free(response);
	return used;
}
