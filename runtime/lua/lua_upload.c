#include "lua/lua_upload.h"

#include "base/alloc.h"
#include "lua/lua_exchange.h"
#include "lua/lua_value.h"

/* A request while it is received. */
typedef struct receiving {
	pl_handlers *handlers;
	pl_server *server;
	pl_conn *conn;
	pl_upload *upload;
} receiving;

bool pl_lua_read_upload(lua_State *L, int options, pl_upload_settings *settings)
{
	int top = lua_gettop(L);
	bool wanted;

	lua_getfield(L, options, "http_upload_files");
	wanted = lua_istable(L, top + 1);
	if (wanted) {
		lua_getfield(L, top + 1, "directory");
		settings->directory = lua_tostring(L, -1);
		settings->min_size = pl_lua_int_field(L, top + 1, "min_size");
		settings->raw = !pl_lua_bool_field(L, top + 1, "remove_boundaries");
		wanted = settings->directory || !settings->raw;
	}
	lua_settop(L, top);
	return wanted;
}

static void on_over(void *owner, pl_exchange *exchange, int status)
{
	receiving *self = owner;

	(void)status; /* the client was told, and the log */
	if (exchange)
		pl_lua_exchange_received(self->handlers, self->server, self->conn, exchange,
					 self->upload);
	else
		pl_upload_free(self->upload);
	pl_handlers_leave(self->handlers);
	pl_free(self);
}

void pl_lua_upload(pl_handlers *handlers, pl_server *server, pl_conn *conn, pl_exchange *exchange,
		   const pl_upload_settings *settings)
{
	receiving *self = pl_alloc(sizeof(*self));

	if (self) {
		*self = (receiving){ .handlers = handlers, .server = server, .conn = conn };
		self->upload = pl_upload_begin(settings, exchange, on_over, self);
	}
	if (!self || !self->upload) {
		pl_free(self);
		pl_exchange_answer(exchange, 503, NULL);
		return;
	}
	pl_handlers_keep(handlers);
}

static void set_text(lua_State *L, const char *name, pl_slice text)
{
	if (!text.at)
		return;
	pl_lua_push(L, text);
	lua_setfield(L, -2, name);
}

static pl_slice bytes_of(const pl_upload_item *item)
{
	const char *at = (const char *)item->bytes.data;

	return pl_slice_make(at ? at : "", item->bytes.len);
}

static void push_item(lua_State *L, const pl_upload_item *item)
{
	lua_createtable(L, 0, 5);
	set_text(L, "name", item->name);
	if (!item->filename.at) {
		set_text(L, "value", bytes_of(item));
		return;
	}
	set_text(L, "filename", item->filename);
	set_text(L, "content_type", item->content_type);
	lua_pushnumber(L, (lua_Number)item->size);
	lua_setfield(L, -2, "size");
	if (item->path)
		lua_pushstring(L, item->path);
	else
		pl_lua_push(L, bytes_of(item));
	lua_setfield(L, -2, item->path ? "temporary" : "bytes");
}

void pl_lua_push_upload(lua_State *L, const pl_upload *upload)
{
	const pl_list *items = pl_upload_items(upload);
	int count = 0;

	lua_newtable(L);
	for (const pl_list *node = items->next; node != items; node = node->next) {
		push_item(L, PL_CONTAINER(node, pl_upload_item, node));
		lua_rawseti(L, -2, ++count);
	}
}

void pl_lua_push_upload_params(lua_State *L, const pl_upload *upload)
{
	const pl_list *items = pl_upload_items(upload);

	for (const pl_list *node = items->next; node != items; node = node->next) {
		const pl_upload_item *item = PL_CONTAINER(node, pl_upload_item, node);

		if (item->filename.at || !item->name.at)
			continue;
		pl_lua_push(L, item->name);
		lua_pushvalue(L, -1);
		lua_rawget(L, -3);
		if (lua_isnil(L, -1)) {
			lua_pop(L, 1);
			pl_lua_push(L, bytes_of(item));
			lua_rawset(L, -3);
		} else {
			lua_pop(L, 2);
		}
	}
}
