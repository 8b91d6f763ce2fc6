#include "client/pool_internal.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/base64.h"

enum { AUTHORITY_MAX = PL_PROXY_TEXT_MAX + 10, CREDENTIALS_MAX = 2 * PL_PROXY_TEXT_MAX + 1 };

bool pl_pool_absolute(const pl_pool_order *order)
{
	return order->proxy && order->proxy->kind == PL_PROXY_HTTP && !order->tls;
}

static size_t put_authority(char *out, const pl_pool_order *order)
{
	pl_slice host = order->host;
	bool bare = pl_slice_find(host, ':') < host.len && host.at[0] != '[';
	const char *format =
		order->port == 80 ? (bare ? "[%.*s]" : "%.*s") : (bare ? "[%.*s]:%u" : "%.*s:%u");

	return (size_t)snprintf(out, AUTHORITY_MAX, format, (int)host.len, host.at, order->port);
}

/* An asterisk is said by leaving the path out (RFC 9112 3.2.4). */
static pl_slice put_target(char *out, const pl_pool_order *order)
{
	pl_slice target = order->call.request->target;
	size_t len = sizeof("http://") - 1;

	memcpy(out, "http://", len);
	len += put_authority(out + len, order);
	if (target.at[0] == '/') {
		memcpy(out + len, target.at, target.len);
		len += target.len;
	}
	return pl_slice_make(out, len);
}

/* Basic (RFC 7617). */
static pl_slice put_credentials(char *out, const pl_connector_proxy *proxy)
{
	char plain[CREDENTIALS_MAX];
	size_t len = proxy->user.len, out_len = sizeof("Basic ") - 1;

	memcpy(plain, proxy->user.at, len);
	plain[len++] = ':';
	if (proxy->password.len > 0)
		memcpy(plain + len, proxy->password.at, proxy->password.len);
	len += proxy->password.len;
	memcpy(out, "Basic ", out_len);
	out_len += pl_base64_encode(out + out_len, (const uint8_t *)plain, len);
	explicit_bzero(plain, sizeof(plain));
	return pl_slice_make(out, out_len);
}

static void copy_fields(pl_pool_absolute_request *self, const pl_call_request *request)
{
	self->request = *request;
	self->request.fields = self->fields;
	if (request->count > 0)
		memcpy(self->fields, request->fields, request->count * sizeof(*self->fields));
}

int pl_pool_absolute_init(pl_pool_absolute_request *self, const pl_pool_order *order)
{
	const pl_call_request *request = order->call.request;
	size_t target_max = sizeof("http://") + AUTHORITY_MAX + request->target.len;
	char *credentials;

	self->texts_len = target_max + sizeof("Basic ") + PL_BASE64_LENGTH(CREDENTIALS_MAX);
	self->texts = pl_alloc(self->texts_len);
	if (!self->texts)
		return PL_ENOMEM;
	copy_fields(self, request);
	self->request.target = put_target(self->texts, order);
	credentials = self->texts + target_max;
	if (order->proxy->user.len > 0)
		self->fields[self->request.count++] =
			(pl_http_field){ PL_SLICE("Proxy-Authorization"),
					 put_credentials(credentials, order->proxy) };
	return PL_OK;
}

void pl_pool_absolute_deinit(pl_pool_absolute_request *self)
{
	explicit_bzero(self->texts, self->texts_len);
	pl_free(self->texts);
}
