/* SOCKS4, 4a, and SOCKS5 (RFC 1928, RFC 1929). */
#include <string.h>

#include "base/status.h"
#include "codec/socks.h"
#include "proxy/proxy_internal.h"

static pl_socks_target target_of(const pl_proxy *proxy)
{
	const pl_proxy_settings *settings = &proxy->settings;
	pl_socks_target target = { .port = settings->port };

	if (!pl_proxy_address(settings->host, &target.address))
		target.name = settings->host;
	return target;
}

/* Sends what was encoded, and forgets it. */
static int say(pl_proxy *proxy, uint8_t *bytes, int len, enum pl_proxy_phase phase)
{
	int status = len < 0 ? len : pl_stream_write(proxy->stream, bytes, (size_t)len);

	explicit_bzero(bytes, PL_SOCKS_MAX);
	proxy->phase = (uint8_t)phase;
	return status;
}

static int say_request(pl_proxy *proxy)
{
	pl_socks_target target = target_of(proxy);
	uint8_t bytes[PL_SOCKS_MAX];

	return say(proxy, bytes, pl_socks5_request_encode(bytes, &target), PL_PROXY_REPLY5);
}

static int say_password(pl_proxy *proxy)
{
	const pl_proxy_settings *settings = &proxy->settings;
	uint8_t bytes[PL_SOCKS_MAX];

	return say(proxy, bytes,
		   pl_socks5_password_encode(bytes, settings->user, settings->password),
		   PL_PROXY_STATUS);
}

int pl_proxy_socks_begin(pl_proxy *proxy)
{
	const pl_proxy_settings *settings = &proxy->settings;
	pl_socks_target target = target_of(proxy);
	uint8_t bytes[PL_SOCKS_MAX];

	if (settings->kind == PL_PROXY_SOCKS5)
		return say(proxy, bytes, pl_socks5_offer_encode(bytes, settings->user.len > 0),
			   PL_PROXY_CHOICE);
	return say(proxy, bytes, pl_socks4_request_encode(bytes, &target, settings->user),
		   PL_PROXY_REPLY4);
}

/* Each decides on an answer that is whole: PL_OK or why not. */

static int on_reply4(pl_proxy *proxy, uint8_t code)
{
	if (code == PL_SOCKS4_GRANTED)
		return PL_OK;
	return pl_proxy_fail(proxy, code == 91 ? PL_ECONNREFUSED : PL_EACCES,
			     "the proxy refuses the tunnel: %s", pl_socks4_text(code));
}

static int on_choice(pl_proxy *proxy, uint8_t method)
{
	bool password = proxy->settings.user.len > 0;

	if (method == PL_SOCKS5_OPEN)
		return say_request(proxy);
	if (method == PL_SOCKS5_PASSWORD && password)
		return say_password(proxy);
	if (method == PL_SOCKS5_NONE)
		return pl_proxy_fail(proxy, PL_EACCES,
				     password ? "the proxy takes no password"
					      : "the proxy wants to know who we are");
	return pl_proxy_fail(proxy, PL_EPROTO,
			     "the proxy chooses a way to authenticate that was not offered");
}

static int on_status(pl_proxy *proxy, uint8_t status)
{
	if (status != 0)
		return pl_proxy_fail(proxy, PL_EACCES, "the proxy refuses user and password");
	return say_request(proxy);
}

static int on_reply5(pl_proxy *proxy, uint8_t code)
{
	if (code == 0)
		return PL_OK;
	return pl_proxy_fail(proxy, pl_socks5_status(code), "the proxy refuses the tunnel: %s",
			     pl_socks5_text(code));
}

static const struct {
	int (*decode)(uint8_t *value, const uint8_t *buf, size_t len, const char **error);
	int (*decide)(pl_proxy *proxy, uint8_t value);
	bool last;
} phases[] = {
	[PL_PROXY_REPLY4] = { pl_socks4_reply_decode, on_reply4, true },
	[PL_PROXY_CHOICE] = { pl_socks5_choice_decode, on_choice, false },
	[PL_PROXY_STATUS] = { pl_socks5_status_decode, on_status, false },
	[PL_PROXY_REPLY5] = { pl_socks5_reply_decode, on_reply5, true },
};

int pl_proxy_socks_answer(pl_proxy *proxy, const uint8_t *buf, size_t len, bool *open)
{
	uint8_t phase = proxy->phase, value = 0;
	const char *error = NULL;
	int used = phases[phase].decode(&value, buf, len, &error);
	int status;

	if (used < 0)
		return pl_proxy_fail(proxy, used, "the proxy's answer: %s", error);
	if (used == 0)
		return 0;
	status = phases[phase].decide(proxy, value);
	if (status)
		return status;
	*open = phases[phase].last;
	if (!*open && (size_t)used < len)
		return pl_proxy_fail(proxy, PL_EPROTO, "the proxy answers before it is asked");
	return used;
}
