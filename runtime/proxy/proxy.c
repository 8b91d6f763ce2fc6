#include "proxy/proxy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/status.h"
#include "codec/http_authority.h"
#include "net/tls.h"
#include "proxy/proxy_internal.h"

int pl_proxy_fail(pl_proxy *proxy, int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(proxy->why, sizeof(proxy->why), format, arguments);
	va_end(arguments);
	return status;
}

/* What can be asked. */

bool pl_proxy_address(pl_slice host, pl_address *address)
{
	char text[PL_ADDRESS_TEXT];

	if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = pl_slice_make(host.at + 1, host.len - 2);
	if (host.len == 0 || host.len >= sizeof(text) || memchr(host.at, '\0', host.len))
		return false;
	memcpy(text, host.at, host.len);
	text[host.len] = '\0';
	return pl_address_parse(address, text) && address->scope == 0;
}

static bool has_control(pl_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((uint8_t)text.at[i] < ' ' || text.at[i] == 0x7F)
			return true;
	return false;
}

static const char *host_problem(const pl_proxy_settings *settings)
{
	pl_address address = { 0 };
	pl_slice host = settings->host;
	bool is_address = pl_proxy_address(host, &address);

	if (host.len == 0 || host.len > PL_PROXY_TEXT_MAX ||
	    (!is_address && (!pl_http_authority_valid(host) || host.at[0] == '[' ||
			     pl_slice_find(host, ':') < host.len)))
		return "the host is neither a name nor an address";
	if (settings->port == 0)
		return "there is no port 0";
	if (settings->kind == PL_PROXY_SOCKS4 && !is_address)
		return "SOCKS4 takes addresses, no names";
	if (settings->kind == PL_PROXY_SOCKS4 || settings->kind == PL_PROXY_SOCKS4A) {
		if (address.family == 6)
			return "SOCKS4 has no IPv6";
		if (is_address && memcmp(address.ip, "\0\0\0", 3) == 0)
			return "SOCKS4 cannot name an address of 0.0.0.0/24";
	}
	return NULL;
}

static const char *user_problem(const pl_proxy_settings *settings)
{
	pl_slice user = settings->user, password = settings->password;

	if (user.len > PL_PROXY_TEXT_MAX || password.len > PL_PROXY_TEXT_MAX)
		return "user or password is too long";
	if (has_control(user) || has_control(password))
		return "user or password has control bytes";
	if (user.len == 0)
		return password.len > 0 ? "there is a password and no user" : NULL;
	switch (settings->kind) {
	case PL_PROXY_HTTP: /* RFC 7617 2 */
		return pl_slice_find(user, ':') < user.len ? "the user has a colon" : NULL;
	case PL_PROXY_SOCKS5: /* RFC 1929 2 */
		return password.len == 0 ? "SOCKS5 has no empty password" : NULL;
	default:
		return password.len > 0 ? "SOCKS4 has no password" : NULL;
	}
}

const char *pl_proxy_problem(const pl_proxy_settings *settings)
{
	const char *problem = host_problem(settings);

	return problem ? problem : user_problem(settings);
}

/* The end. */

static void release(pl_proxy *proxy)
{
	size_t texts =
		proxy->settings.host.len + proxy->settings.user.len + proxy->settings.password.len;

	pl_loop_stop_timer(proxy->stream->loop, &proxy->timer);
	pl_buffer_deinit(&proxy->input);
	explicit_bzero(proxy->texts, texts);
	pl_free(proxy);
}

static void tell(pl_proxy *proxy, int status)
{
	const pl_proxy_settings *settings = &proxy->settings;

	if (proxy->ended)
		return;
	proxy->ended = true;
	pl_loop_stop_timer(proxy->stream->loop, &proxy->timer);
	if (proxy->why[0] == '\0')
		pl_proxy_fail(proxy, status, "%s", pl_status_text(status));
	settings->done(settings->owner, status, proxy->why, NULL, NULL, 0);
}

/* The receiver may cancel within `done`; the stream's `closed` frees in either case. */
static void fail(pl_proxy *proxy, int status)
{
	pl_stream *stream = proxy->stream;

	tell(proxy, status);
	if (!stream->closing)
		pl_stream_abort(stream, status);
}

static void on_timer(pl_timer *timer)
{
	pl_proxy *proxy = PL_CONTAINER(timer, pl_proxy, timer);

	fail(proxy, pl_proxy_fail(proxy, PL_ETIMEDOUT, "the proxy does not answer in time"));
}

static void hand_on(pl_proxy *proxy, uint8_t *rest, size_t len)
{
	pl_proxy_settings settings = proxy->settings;
	pl_stream *stream = proxy->stream;
	pl_buffer input = proxy->input; /* `rest` may be in it */

	proxy->input = (pl_buffer){ 0 };
	proxy->ended = true;
	release(proxy);
	settings.done(settings.owner, PL_OK, NULL, stream, rest, len);
	pl_buffer_deinit(&input);
}

/* Answers. */

/* Takes answers from the front; false when the session is over. */
static bool take(pl_proxy *proxy, uint8_t *data, size_t len, size_t *used)
{
	bool open = false;

	*used = 0;
	while (*used < len) {
		uint8_t *at = data + *used;
		size_t left = len - *used;
		int result = proxy->phase == PL_PROXY_HEAD
				     ? pl_proxy_connect_answer(proxy, at, left, &open)
				     : pl_proxy_socks_answer(proxy, at, left, &open);

		if (result < 0) {
			fail(proxy, result);
			return false;
		}
		if (result == 0)
			return true;
		*used += (size_t)result;
		proxy->scanned = 0;
		if (open) {
			hand_on(proxy, data + *used, len - *used);
			return false;
		}
	}
	return true;
}

static void on_data(void *owner, uint8_t *data, size_t len)
{
	pl_proxy *proxy = owner;
	size_t used;

	if (proxy->ended)
		return;
	if (proxy->input.len == 0) {
		if (take(proxy, data, len, &used) && used < len &&
		    pl_buffer_append(&proxy->input, data + used, len - used))
			fail(proxy, PL_ENOMEM);
		return;
	}
	if (pl_buffer_append(&proxy->input, data, len))
		fail(proxy, PL_ENOMEM);
	else if (take(proxy, proxy->input.data, proxy->input.len, &used) && used > 0)
		pl_buffer_consume(&proxy->input, used);
}

static void on_end(void *owner)
{
	pl_proxy *proxy = owner;

	fail(proxy, pl_proxy_fail(proxy, PL_ECONNRESET,
				  "the proxy has closed the connection without an answer"));
}

static void on_drain(void *owner)
{
	(void)owner;
}

static void on_closed(void *owner, int status)
{
	pl_proxy *proxy = owner;
	const char *failure = pl_tls_failure(proxy->stream);

	if (failure && !proxy->ended)
		pl_proxy_fail(proxy, status, "TLS with the proxy: %s", failure);
	tell(proxy, status ? status : PL_ECLOSED);
	release(proxy);
}

static const pl_stream_events events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

/* The beginning. */

static pl_slice copy(char **to, pl_slice text)
{
	pl_slice copied = pl_slice_make(*to, text.len);

	if (text.len > 0)
		memcpy(*to, text.at, text.len);
	*to += text.len;
	return copied;
}

static pl_proxy *make(pl_stream *stream, const pl_proxy_settings *settings)
{
	size_t texts = settings->host.len + settings->user.len + settings->password.len;
	pl_proxy *proxy = pl_calloc(1, sizeof(*proxy) + texts);
	char *to;

	if (!proxy)
		return NULL;
	to = proxy->texts;
	proxy->settings = *settings;
	proxy->settings.host = copy(&to, settings->host);
	proxy->settings.user = copy(&to, settings->user);
	proxy->settings.password = copy(&to, settings->password);
	proxy->stream = stream;
	pl_timer_init(&proxy->timer, on_timer);
	return proxy;
}

int pl_proxy_start(pl_proxy **result, pl_stream *stream, const pl_proxy_settings *settings)
{
	pl_proxy *proxy;
	int status;

	if (pl_proxy_problem(settings))
		return PL_EINVAL;
	proxy = make(stream, settings);
	if (!proxy)
		return PL_ENOMEM;
	status = settings->kind == PL_PROXY_HTTP ? pl_proxy_connect_begin(proxy)
						 : pl_proxy_socks_begin(proxy);
	if (status) {
		release(proxy);
		return status;
	}
	pl_loop_start(stream->loop, &proxy->timer, settings->timeout);
	pl_stream_own(stream, &events, proxy);
	pl_stream_resume(stream);
	*result = proxy;
	return PL_OK;
}

void pl_proxy_cancel(pl_proxy *proxy)
{
	proxy->ended = true;
	pl_loop_stop_timer(proxy->stream->loop, &proxy->timer);
	if (!proxy->stream->closing)
		pl_stream_abort(proxy->stream, PL_ECANCELED);
}
