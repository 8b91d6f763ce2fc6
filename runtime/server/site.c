/* What a server answers by itself: files of document_root, the built-in pages and libraries. */
#include <string.h>

#include "base/embedded.h"
#include "codec/http_text.h"
#include "http/files.h"
#include "server/server.h"

enum { NAME_MAX_LEN = 64 };

static bool has_ending(pl_slice name, pl_slice ending)
{
	return name.len > ending.len &&
	       memcmp(name.at + name.len - ending.len, ending.at, ending.len) == 0;
}

static bool allowed(const pl_server_settings *settings, pl_slice name)
{
	if (has_ending(name, PL_SLICE(".html")) || has_ending(name, PL_SLICE(".css")))
		return settings->html_files;
	return has_ending(name, PL_SLICE(".js")) && settings->javascript_files;
}

/* The bytes of "/NAME" when NAME is a built-in page or library; { NULL, 0 } otherwise. */
static pl_slice built_in(const pl_server_settings *settings, pl_slice path)
{
	static const char folder[] = "perilune/web/";
	char file[sizeof(folder) + NAME_MAX_LEN];
	pl_slice name = { path.at + 1, path.len - 1 };

	if (path.len < 2 || name.len > NAME_MAX_LEN || memchr(name.at, '/', name.len) ||
	    !allowed(settings, name))
		return pl_slice_make(NULL, 0);
	memcpy(file, folder, sizeof(folder) - 1);
	memcpy(file + sizeof(folder) - 1, name.at, name.len);
	return pl_embedded_find(pl_slice_make(file, sizeof(folder) - 1 + name.len));
}

static void serve_built_in(void *owner, pl_exchange *exchange, int status)
{
	pl_server *server = owner;
	pl_slice path = exchange->request->path;
	pl_slice bytes = built_in(&server->settings, path);

	(void)status;
	if (bytes.at)
		pl_files_serve_bytes(server->files, exchange, bytes, pl_http_media_type(path));
	else
		pl_exchange_answer(exchange, 404, NULL);
}

void pl_server_serve(pl_server *server, pl_exchange *exchange)
{
	if (server->settings.document_root)
		pl_files_serve(server->files, exchange, server->settings.document_root,
			       serve_built_in, server);
	else
		serve_built_in(server, exchange, 0);
}
