#include "http/call.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/http_char.h"

/* Fields that frame the message, or that are for the next hop alone. */
static bool name_reserved(pl_slice name)
{
	static const pl_slice names[] = {
		{ "connection", 10 }, { "content-length", 14 },
		{ "keep-alive", 10 }, { "te", 2 },
		{ "trailer", 7 },     { "proxy-connection", 16 },
		{ "upgrade", 7 },     { "transfer-encoding", 17 },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pl_slice_equal_nocase(name, names[i]))
			return true;
	return false;
}

/* *hosts counts lines of Host. */
static const char *field_problem(const pl_http_field *field, size_t *hosts)
{
	if (!pl_http_token_valid(field->name))
		return "a header has a malformed name";
	if (!pl_http_value_valid(field->value))
		return "a header has a control character in its value";
	if (name_reserved(field->name))
		return "a header is none that can be set: it frames the message or speaks of the "
		       "connection";
	if (!pl_slice_equal_nocase(field->name, PL_SLICE("host")))
		return NULL;
	if (!pl_http_authority_valid(field->value))
		return "the header Host is malformed";
	return ++*hosts > 1 ? "there are several headers Host" : NULL;
}

static bool target_valid(const pl_call_request *request)
{
	pl_slice target = request->target;

	if (target.len == 0)
		return false;
	for (size_t i = 0; i < target.len; i++)
		if (!pl_http_is(target.at[i], PL_HTTP_TARGET))
			return false;
	if (pl_slice_equal(target, PL_SLICE("*")))
		return pl_slice_equal(request->method, PL_SLICE("OPTIONS"));
	return target.at[0] == '/' || (target.len > 7 && memcmp(target.at, "http://", 7) == 0);
}

const char *pl_call_problem(const pl_call_request *request)
{
	size_t hosts = 0;

	if (!pl_http_token_valid(request->method))
		return "the method is no token";
	if (pl_slice_equal(request->method, PL_SLICE("CONNECT")))
		return "CONNECT is no request for a response";
	if (!target_valid(request))
		return "the target is malformed";
	for (size_t i = 0; i < request->count; i++) {
		const char *problem = field_problem(&request->fields[i], &hosts);

		if (problem)
			return problem;
	}
	if (hosts == 0 && !pl_http_authority_valid(request->host))
		return "the host is malformed";
	if (request->upgrade.len > 0 &&
	    (request->length != PL_CALL_NO_BODY || !pl_http_token_valid(request->upgrade)))
		return "the protocol to change to is no token, or there is a body";
	return NULL;
}

static pl_slice copy(char **to, pl_slice text)
{
	pl_slice copied = pl_slice_make(*to, text.len);

	if (text.len > 0)
		memcpy(*to, text.at, text.len);
	*to += text.len;
	return copied;
}

pl_call_request *pl_call_request_copy(const pl_call_request *request)
{
	size_t texts = request->method.len + request->target.len + request->host.len +
		       request->upgrade.len;
	pl_call_request *copied;
	pl_http_field *fields;
	char *to;

	for (size_t i = 0; i < request->count; i++)
		texts += request->fields[i].name.len + request->fields[i].value.len;
	copied = pl_alloc(sizeof(*copied) + request->count * sizeof(*fields) + texts);
	if (!copied)
		return NULL;
	fields = (pl_http_field *)(copied + 1);
	to = (char *)(fields + request->count);
	*copied = *request;
	copied->method = copy(&to, request->method);
	copied->target = copy(&to, request->target);
	copied->host = copy(&to, request->host);
	copied->upgrade = copy(&to, request->upgrade);
	copied->fields = fields;
	for (size_t i = 0; i < request->count; i++) {
		fields[i].name = copy(&to, request->fields[i].name);
		fields[i].value = copy(&to, request->fields[i].value);
	}
	return copied;
}

int pl_call_write(pl_call *call, const void *data, size_t len)
{
	return call->ops->write(call, data, len);
}

int pl_call_finish(pl_call *call)
{
	return call->ops->finish(call);
}

void pl_call_pause(pl_call *call, bool pause)
{
	call->ops->pause(call, pause);
}

void pl_call_abort(pl_call *call)
{
	call->ops->abort(call);
}
