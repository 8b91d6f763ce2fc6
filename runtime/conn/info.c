#include "conn/info.h"

#include <string.h>

#include "base/alloc.h"
#include "codec/http_pack.h"

pl_conn_info *pl_conn_info_new(pl_stream *stream, uint16_t worker)
{
	pl_conn_info *info = pl_calloc(1, sizeof(*info));

	if (!info)
		return NULL;
	info->refs = 1;
	info->transport = "http";
	pl_guid_new(&info->guid, worker);
	pl_stream_peer(stream, &info->peer);
	pl_stream_local(stream, &info->local);
	return info;
}

pl_conn_info *pl_conn_info_ref(pl_conn_info *info)
{
	info->refs++;
	return info;
}

void pl_conn_info_unref(pl_conn_info *info)
{
	if (info && --info->refs == 0)
		pl_free(info);
}

void pl_conn_info_set_alpn(pl_conn_info *info, pl_slice alpn)
{
	info->alpn = alpn.at;
	info->alpn_len = (uint8_t)alpn.len;
}

static size_t user_at(const pl_conn_info *info)
{
	return (size_t)info->protocol_len + info->request_len + info->response_len;
}

static void put_user(pl_conn_info *info, pl_slice user)
{
	info->user_len = (uint32_t)user.len;
	if (user.len > 0)
		memcpy(info->bytes + user_at(info), user.at, user.len);
}

static size_t packed_size(pl_slice head)
{
	return pl_http_pack(NULL, head.at, head.len);
}

pl_conn_info *pl_conn_info_with(const pl_conn_info *info, const pl_conn_heads *heads)
{
	size_t request = packed_size(heads->request), response = packed_size(heads->response);
	size_t protocol = heads->protocol.len;
	size_t before = (size_t)(heads->target.at - heads->request.at);
	pl_conn_info *result =
		pl_alloc(sizeof(*result) + protocol + request + response + info->user_len);

	if (!result)
		return NULL;
	*result = *info;
	result->refs = 1;
	result->protocol_len = (uint32_t)protocol & 0xffffff;
	result->request_len = (uint32_t)request;
	result->response_len = (uint32_t)response;
	/* A target has no byte that packing changes. */
	result->url_at = (uint32_t)(protocol + pl_http_pack(NULL, heads->request.at, before));
	result->url_len = (uint32_t)heads->target.len;
	if (protocol > 0)
		memcpy(result->bytes, heads->protocol.at, protocol);
	pl_http_pack(result->bytes + protocol, heads->request.at, heads->request.len);
	pl_http_pack(result->bytes + protocol + request, heads->response.at, heads->response.len);
	put_user(result, pl_conn_info_user(info));
	return result;
}

pl_conn_info *pl_conn_info_with_user(const pl_conn_info *info, pl_slice user)
{
	size_t before = user_at(info);
	pl_conn_info *result = pl_alloc(sizeof(*result) + before + user.len);

	if (!result)
		return NULL;
	*result = *info;
	result->refs = 1;
	memcpy(result->bytes, info->bytes, before);
	put_user(result, user);
	return result;
}

pl_slice pl_conn_info_alpn(const pl_conn_info *info)
{
	return pl_slice_make(info->alpn, info->alpn_len);
}

pl_slice pl_conn_info_url(const pl_conn_info *info)
{
	return pl_slice_make(info->bytes + info->url_at, info->url_len);
}

pl_slice pl_conn_info_protocol(const pl_conn_info *info)
{
	return pl_slice_make(info->bytes, info->protocol_len);
}

size_t pl_conn_info_request(const pl_conn_info *info, char *out)
{
	return pl_http_unpack(out, info->bytes + info->protocol_len, info->request_len);
}

size_t pl_conn_info_response(const pl_conn_info *info, char *out)
{
	return pl_http_unpack(out, info->bytes + info->protocol_len + info->request_len,
			      info->response_len);
}

pl_slice pl_conn_info_user(const pl_conn_info *info)
{
	return pl_slice_make(info->bytes + user_at(info), info->user_len);
}
