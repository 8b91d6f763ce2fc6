#include "client/route.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/ws_call.h"

/* What can be sent. */

static const char *place_problem(const pl_client_route *route, const pl_client_place *place)
{
	pl_connector_settings settings = { .host = place->host,
					   .port = pl_place_port(place),
					   .server_name = route->server_name,
					   .proxy = route->proxy };

	if (place->secure && !route->tls)
		return "there is no TLS for a place that wants it";
	return pl_connector_problem(&settings);
}

/* All that depends on the place but its Host is checked with it. */
static const char *call_problem(const pl_client_route *route, const pl_client_place *place,
				const pl_http_field *fields, size_t count)
{
	const pl_ws_call call = { .target = place->target,
				  .host = PL_SLICE("a"),
				  .origin = route->origin,
				  .protocols = route->protocols,
				  .protocol_count = route->protocol_count,
				  .added = fields,
				  .added_count = count };
	pl_buffer out = { 0 };
	int status = pl_ws_call_encode(&call, &out);

	pl_buffer_deinit(&out);
	return status == PL_EINVAL ? "the target, the origin, a subprotocol or a field of the "
				     "handshake cannot be sent"
				   : NULL;
}

const char *pl_client_route_problem(const pl_client_route *route)
{
	const char *problem = route->place_count > 0 ? NULL : "there is no place to connect to";

	for (size_t i = 0; i < route->place_count && !problem; i++) {
		const pl_client_place *place = &route->places[i];

		problem = place_problem(route, place);
		if (!problem && !place->tcp)
			problem = call_problem(route, place, route->fields, route->field_count);
		if (!problem && !place->tcp)
			problem = call_problem(route, place, route->secrets, route->secret_count);
	}
	return problem;
}

bool pl_route_secret(pl_slice name)
{
	return pl_slice_equal_nocase(name, PL_SLICE("authorization")) ||
	       pl_slice_equal_nocase(name, PL_SLICE("cookie")) ||
	       pl_slice_equal_nocase(name, PL_SLICE("proxy-authorization"));
}

/* The copy: one block, the arrays first and the texts behind them. */

typedef struct copier {
	pl_client_route route;
	pl_connector_proxy proxy;
	size_t size; /* of the block */
	char *to;    /* where the next text goes */
	max_align_t rest[];
} copier;

static size_t fields_size(const pl_http_field *fields, size_t count)
{
	size_t size = count * sizeof(*fields);

	for (size_t i = 0; i < count; i++)
		size += fields[i].name.len + fields[i].value.len;
	return size;
}

static size_t size_of(const pl_client_route *route)
{
	size_t size = sizeof(copier) + route->server_name.len + route->origin.len +
		      fields_size(route->fields, route->field_count) +
		      fields_size(route->secrets, route->secret_count);

	for (size_t i = 0; i < route->place_count; i++)
		size += sizeof(*route->places) + route->places[i].host.len +
			route->places[i].target.len;
	for (size_t i = 0; i < route->protocol_count; i++)
		size += sizeof(*route->protocols) + route->protocols[i].len;
	if (route->proxy)
		size += route->proxy->host.len + route->proxy->user.len +
			route->proxy->password.len;
	return size;
}

static void copy_text(copier *self, pl_slice *text)
{
	if (text->len > 0)
		memcpy(self->to, text->at, text->len);
	text->at = self->to;
	self->to += text->len;
}

/* An array as it is; its texts follow later. */
static void *copy_array(char **at, const void *from, size_t size)
{
	void *array = *at;

	if (size > 0)
		memcpy(array, from, size);
	*at += size;
	return array;
}

static void copy_fields(copier *self, pl_http_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		copy_text(self, &fields[i].name);
		copy_text(self, &fields[i].value);
	}
}

static void copy_places(copier *self, pl_client_place *places, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		copy_text(self, &places[i].host);
		copy_text(self, &places[i].target);
	}
}

static void copy_proxy(copier *self)
{
	self->proxy = *self->route.proxy;
	self->route.proxy = &self->proxy;
	copy_text(self, &self->proxy.host);
	copy_text(self, &self->proxy.user);
	copy_text(self, &self->proxy.password);
	if (self->proxy.tls)
		pl_tls_context_ref(self->proxy.tls);
}

static void fill(copier *self, const pl_client_route *from)
{
	pl_client_route *route = &self->route;
	char *at = (char *)self->rest;
	pl_client_place *places =
		copy_array(&at, from->places, from->place_count * sizeof(*places));
	pl_http_field *fields = copy_array(&at, from->fields, from->field_count * sizeof(*fields));
	pl_http_field *secrets =
		copy_array(&at, from->secrets, from->secret_count * sizeof(*secrets));
	pl_slice *protocols =
		copy_array(&at, from->protocols, from->protocol_count * sizeof(*protocols));

	self->to = at;
	route->places = places;
	route->fields = fields;
	route->secrets = secrets;
	route->protocols = protocols;
	copy_places(self, places, from->place_count);
	copy_fields(self, fields, from->field_count);
	copy_fields(self, secrets, from->secret_count);
	for (size_t i = 0; i < from->protocol_count; i++)
		copy_text(self, &protocols[i]);
	copy_text(self, &route->server_name);
	copy_text(self, &route->origin);
}

pl_client_route *pl_route_copy(const pl_client_route *route)
{
	size_t size = size_of(route);
	copier *self = pl_calloc(1, size);

	if (!self)
		return NULL;
	self->route = *route;
	self->size = size;
	fill(self, route);
	if (route->proxy)
		copy_proxy(self);
	if (route->tls)
		pl_tls_context_ref(route->tls);
	return &self->route;
}

/* There are secrets in it. */
void pl_route_free(pl_client_route *copy)
{
	copier *self = (copier *)copy;

	if (!self)
		return;
	pl_tls_context_unref(self->route.tls);
	if (self->route.proxy)
		pl_tls_context_unref(self->proxy.tls);
	explicit_bzero(self, self->size);
	pl_free(self);
}
