#include "http/files.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/http_path.h"
#include "http/files_internal.h"

enum { KEY_SHORT = 1024 };

static const pl_slice index_name = { "index.html", 10 };

/* The end of an answer. */

static void release(pl_files_answer *answer)
{
	pl_files_entry_unref(answer->entry);
	pl_file_unref(answer->file);
	pl_block_unref(answer->piece);
	if (!answer->kept)
		return;
	pl_list_remove(&answer->node);
	pl_deferred_cancel(&answer->again);
	pl_files_unref(answer->files);
	pl_free(answer);
}

void pl_files_tell(pl_files_answer *answer, int status)
{
	if (answer->told)
		return;
	answer->told = true;
	if (answer->order.begun)
		answer->order.begun(answer->order.owner, NULL, status);
}

void pl_files_end(pl_files_answer *answer)
{
	pl_exchange *exchange = answer->exchange;

	answer->exchange = NULL;
	pl_exchange_end(exchange);
	pl_files_tell(answer, PL_OK);
	release(answer);
}

void pl_files_break(pl_files_answer *answer, int status)
{
	pl_exchange *exchange = answer->exchange;

	answer->exchange = NULL;
	pl_exchange_abort(exchange, status);
	pl_files_tell(answer, status);
	release(answer);
}

/* "/dir" as "/dir/", so that relative links of its index lead into it. The path cannot begin
 * with "//", which would name another host: such a path was refused. */
static void redirect(pl_exchange *exchange)
{
	const pl_exchange_request *request = exchange->request;
	pl_http_field location = { PL_SLICE("Location"), { NULL, 0 } };
	size_t query = request->query.at ? request->query.len + 1 : 0;
	char *text = pl_alloc(request->path.len + 1 + query);
	int status = PL_ENOMEM;

	if (text) {
		memcpy(text, request->path.at, request->path.len);
		text[request->path.len] = '/';
		if (query > 0)
			memcpy(text + request->path.len + 1, request->query.at - 1, query);
		location.value = pl_slice_make(text, request->path.len + 1 + query);
		status = pl_exchange_respond(exchange, 301, &location, 1, 0);
		pl_free(text);
	}
	if (status == PL_OK)
		pl_exchange_end(exchange);
	else
		pl_exchange_abort(exchange, status);
}

/* What was looked for is the folder's index. */
static bool asks_for_folder(const pl_exchange *exchange)
{
	pl_slice path = exchange->request->path;

	return path.len > 0 && path.at[path.len - 1] == '/';
}

/* What a client is told of a file that cannot be had, unless it is missing. */
static void refuse(pl_exchange *exchange, int status)
{
	if (status == PL_EISDIR)
		redirect(exchange);
	else if (status == PL_ENOMEM)
		pl_exchange_abort(exchange, status);
	else if (status == PL_EACCES)
		pl_exchange_answer(exchange, 403, NULL);
	else if (status == PL_EMFILE)
		pl_exchange_answer(exchange, 503, NULL);
	else
		pl_exchange_answer(exchange, 500, NULL);
}

void pl_files_fail(pl_files_answer *answer, int status)
{
	pl_exchange *exchange = answer->exchange;
	pl_files_missing missing = answer->missing;
	pl_files_order order = answer->order;
	void *owner = answer->owner;

	if (answer->head_out) {
		pl_files_break(answer, status);
		return;
	}
	release(answer);
	if (order.begun)
		order.begun(order.owner, exchange, status);
	else if (status == PL_ENOENT || (status == PL_EISDIR && asks_for_folder(exchange)))
		missing(owner, exchange, PL_ENOENT);
	else
		refuse(exchange, status);
}

/* The exchange's events, for answers that wait. */

static void on_body(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	(void)owner, (void)exchange, (void)data, (void)len;
}

static void on_body_end(void *owner, pl_exchange *exchange)
{
	(void)owner, (void)exchange;
}

static void on_drain(void *owner, pl_exchange *exchange)
{
	(void)exchange;
	pl_files_write_on(owner);
}

static void on_aborted(void *owner, pl_exchange *exchange, int status)
{
	pl_files_answer *answer = owner;

	(void)exchange;
	answer->exchange = NULL;
	pl_files_tell(answer, status);
	if (answer->queued)
		answer->files->gzip_waiting--;
	if (!answer->busy)
		release(answer);
}

static const pl_exchange_events exchange_events = {
	.data = on_body,
	.end = on_body_end,
	.drain = on_drain,
	.aborted = on_aborted,
};

static void on_again(pl_deferred *deferred)
{
	pl_files_write_on(PL_CONTAINER(deferred, pl_files_answer, again));
}

pl_files_answer *pl_files_keep(pl_files_answer *answer)
{
	const pl_files_key *key = &answer->key;
	pl_files_answer *kept = answer;
	char *text;

	if (answer->kept)
		return answer;
	kept = pl_alloc(sizeof(*kept) + key->len);
	if (!kept) {
		pl_files_fail(answer, PL_ENOMEM);
		return NULL;
	}
	*kept = *answer;
	text = (char *)(kept + 1);
	memcpy(text, key->text, key->len);
	kept->key = (pl_files_key){ text, key->len, text + (key->root - key->text),
				    text + (key->path - key->text) };
	kept->kept = true;
	pl_files_ref(kept->files);
	pl_list_init(&kept->node);
	pl_deferred_init(&kept->again, on_again);
	pl_exchange_own(kept->exchange, &exchange_events, kept);
	return kept;
}

void pl_files_work(pl_files_answer *answer, void (*run)(void *answer), void (*done)(void *answer))
{
	answer->busy = true;
	if (pl_work_start(answer->files->loop, run, done, answer) == PL_OK)
		return;
	answer->status = PL_ENOMEM;
	done(answer);
}

/* The steps. */

static void run_load(void *context)
{
	pl_files_answer *answer = context;

	answer->status = pl_files_entry_load(&answer->entry, &answer->files->settings, &answer->key,
					     PL_FILE_WAIT);
}

static void loaded(pl_files_answer *answer)
{
	answer->entry->checked = pl_loop_now(answer->files->loop);
	pl_files_insert(answer->files, answer->entry);
}

static void done_work(pl_files_answer *answer)
{
	answer->busy = false;
	if (answer->exchange && answer->status)
		pl_files_fail(answer, answer->status);
	else
		pl_files_go(answer);
}

static void done_load(void *context)
{
	pl_files_answer *answer = context;

	if (answer->status == PL_OK)
		loaded(answer);
	done_work(answer);
}

static void run_open(void *context)
{
	pl_files_answer *answer = context;

	answer->status =
		pl_files_entry_open(answer->entry, answer->variant, &answer->file, PL_FILE_WAIT);
}

static void forget(pl_files_answer *answer, bool drop)
{
	if (drop)
		pl_files_drop(answer->files, answer->entry);
	pl_files_entry_unref(answer->entry);
	answer->entry = NULL;
	answer->variant = NULL;
}

/* It is another file than the one that was looked up. */
static void done_open(void *context)
{
	pl_files_answer *answer = context;

	if (answer->status == PL_ESTATE && answer->tries++ < PL_FILES_TRIES) {
		forget(answer, true);
		answer->status = PL_OK;
	}
	done_work(answer);
}

/* The entry that is known, if it is still right. PL_ENOENT: none is. */
static int find(pl_files_answer *answer)
{
	pl_files *files = answer->files;
	uint64_t now = pl_loop_now(files->loop);
	int status;

	answer->entry = pl_files_find(files, &answer->key);
	if (!answer->entry)
		return PL_ENOENT;
	if (answer->entry->fixed || now - answer->entry->checked < PL_FILES_FRESH)
		return PL_OK;
	status = pl_files_entry_check(answer->entry, &files->settings, 0);
	if (status == PL_OK)
		answer->entry->checked = now;
	else
		forget(answer, status == PL_ESTATE);
	return status == PL_ESTATE ? PL_ENOENT : status;
}

static int look_up(pl_files_answer *answer)
{
	int status = answer->entry ? PL_OK : find(answer);

	if (status != PL_ENOENT)
		return status;
	status = pl_files_entry_load(&answer->entry, &answer->files->settings, &answer->key, 0);
	if (status == PL_OK)
		loaded(answer);
	return status;
}

static pl_files_variant *choose(pl_files_entry *entry, const pl_http_codings *codings)
{
	unsigned there = 0;
	enum pl_http_coding coding;

	for (unsigned i = 0; i < PL_HTTP_CODINGS; i++)
		there |= entry->variants[i].there ? 1U << i : 0;
	if (entry->variants[PL_FILES_MADE].there)
		there |= 1U << PL_HTTP_GZIP;
	coding = pl_http_codings_choose(codings, there);
	if (coding == PL_HTTP_CODINGS)
		return NULL;
	return &entry->variants[entry->variants[coding].there ? (unsigned)coding : PL_FILES_MADE];
}

static bool is_method(const pl_exchange *exchange, pl_slice method)
{
	return pl_slice_equal(exchange->request->method, method);
}

/* PL_OK when what is to be sent is at hand. */
static int open_variant(pl_files_answer *answer)
{
	pl_files_variant *variant = answer->variant;
	int status;

	if (answer->file || variant->bytes || variant->size == 0 ||
	    is_method(answer->exchange, PL_SLICE("HEAD")))
		return PL_OK;
	if (variant->file) {
		answer->file = pl_file_ref(variant->file);
		return PL_OK;
	}
	status = pl_files_entry_open(answer->entry, variant, &answer->file, 0);
	if (status == PL_OK)
		pl_files_keep_open(answer->files, answer->entry, variant, answer->file);
	return status;
}

static void answer_406(pl_files_answer *answer)
{
	const pl_http_field vary = { PL_SLICE("Vary"), PL_SLICE("Accept-Encoding") };

	if (pl_exchange_respond(answer->exchange, 406, &vary, 1, 0) == PL_OK)
		pl_files_end(answer);
	else
		pl_files_break(answer, PL_ECANCELED);
}

static void wait_for(pl_files_answer *answer, void (*run)(void *), void (*done)(void *))
{
	answer = pl_files_keep(answer);
	if (answer)
		pl_files_work(answer, run, done);
}

/* One try; false: the file has changed meanwhile, and another one may be made. */
static bool try(pl_files_answer *answer)
{
	const pl_exchange_request *request = answer->exchange->request;
	int status = look_up(answer);
	pl_http_codings codings;
	int code;

	if (status == PL_EAGAIN) {
		wait_for(answer, run_load, done_load);
		return true;
	}
	if (status) {
		pl_files_fail(answer, status);
		return true;
	}
	pl_http_codings_decode(&codings, request->fields, request->field_count);
	if (pl_files_gzip(answer, &codings))
		return true;
	answer->variant = choose(answer->entry, &codings);
	if (!answer->variant) {
		answer_406(answer);
		return true;
	}
	if (!pl_files_judge(answer, &code))
		return true;
	status = open_variant(answer);
	if (status == PL_ESTATE && answer->tries++ < PL_FILES_TRIES)
		return false;
	if (status == PL_EAGAIN)
		wait_for(answer, run_open, done_open);
	else if (status)
		pl_files_fail(answer, status == PL_ESTATE ? PL_EIO : status);
	else
		pl_files_write(answer, code);
	return true;
}

void pl_files_go(pl_files_answer *answer)
{
	answer->busy = false;
	if (!answer->exchange) {
		release(answer);
		return;
	}
	while (!try(answer))
		forget(answer, true);
}

/* Orders. */

/* GET or HEAD; else the exchange is answered. */
static bool method_allowed(pl_exchange *exchange)
{
	const pl_http_field allow = { PL_SLICE("Allow"), PL_SLICE("GET, HEAD") };

	if (is_method(exchange, PL_SLICE("GET")) || is_method(exchange, PL_SLICE("HEAD")))
		return true;
	if (pl_exchange_respond(exchange, 405, &allow, 1, 0) == PL_OK)
		pl_exchange_end(exchange);
	else
		pl_exchange_abort(exchange, PL_ECANCELED);
	return false;
}

static void begin(pl_files_answer *answer, pl_files *files, pl_exchange *exchange)
{
	memset(answer, 0, offsetof(pl_files_answer, parts));
	answer->files = files;
	answer->exchange = exchange;
}

/* Room for a key: `room` if it is enough. NULL without memory; the exchange goes on to `fail`. */
static char *key_room(char room[KEY_SHORT], size_t size)
{
	return size <= KEY_SHORT ? room : pl_alloc(size);
}

/* Writes mark, root and NUL; *path is where the path belongs. */
static void key_begin(pl_files_key *key, char *text, enum pl_files_mark mark, const char *root,
		      char **path)
{
	size_t root_len = strlen(root);

	text[0] = (char)mark;
	memcpy(text + 1, root, root_len + 1);
	*path = text + root_len + 2;
	key->text = text;
	key->root = text + 1;
	key->path = *path;
}

static void key_end(pl_files_key *key, char *end)
{
	*end = '\0';
	key->len = (size_t)(end + 1 - key->text);
}

/* The path below the root, with the index's name for a folder. NULL when there cannot be one. */
static char *put_path(char *out, pl_slice path)
{
	ptrdiff_t len = pl_http_path_decode(out, path);

	if (len < 0)
		return NULL;
	if (len > 0 && out[len - 1] != '/')
		return out + len;
	memcpy(out + len, index_name.at, index_name.len);
	return out + len + index_name.len;
}

void pl_files_serve(pl_files *files, pl_exchange *exchange, const char *root,
		    pl_files_missing missing, void *owner)
{
	pl_slice path = exchange->request->path;
	pl_files_answer answer;
	char room[KEY_SHORT];
	char *text;
	char *at;

	if (!method_allowed(exchange))
		return;
	text = key_room(room, strlen(root) + path.len + index_name.len + 3);
	if (!text) {
		pl_exchange_abort(exchange, PL_ENOMEM);
		return;
	}
	begin(&answer, files, exchange);
	answer.missing = missing;
	answer.owner = owner;
	key_begin(&answer.key, text, PL_FILES_BENEATH, root, &at);
	at = put_path(at, path);
	if (at) {
		key_end(&answer.key, at);
		pl_files_go(&answer);
	} else {
		missing(owner, exchange, PL_ENOENT);
	}
	if (text != room)
		pl_free(text);
}

void pl_files_send(pl_files *files, pl_exchange *exchange, const pl_files_order *order)
{
	pl_files_answer answer;
	char room[KEY_SHORT];
	char *text = key_room(room, strlen(order->root) + order->path.len + 3);
	char *at;

	if (!text) {
		order->begun(order->owner, exchange, PL_ENOMEM);
		return;
	}
	begin(&answer, files, exchange);
	answer.order = *order;
	key_begin(&answer.key, text, order->confined ? PL_FILES_BENEATH : PL_FILES_ANYWHERE,
		  order->root, &at);
	memcpy(at, order->path.at, order->path.len);
	key_end(&answer.key, at + order->path.len);
	pl_files_go(&answer);
	if (text != room)
		pl_free(text);
}

void pl_files_serve_bytes(pl_files *files, pl_exchange *exchange, pl_slice bytes,
			  const char *media_type)
{
	pl_files_answer answer;
	char text[1 + 2 * sizeof(bytes) + 2];
	char *at = text;
	int status;

	if (!method_allowed(exchange))
		return;
	begin(&answer, files, exchange);
	*at++ = PL_FILES_BYTES;
	memcpy(at, &bytes.at, sizeof(bytes.at));
	memcpy(at + sizeof(bytes.at), &bytes.len, sizeof(bytes.len));
	at += sizeof(bytes.at) + sizeof(bytes.len);
	answer.key = (pl_files_key){ .text = text, .root = at, .path = at };
	key_end(&answer.key, at);
	answer.entry = pl_files_find(files, &answer.key);
	if (!answer.entry) {
		status = pl_files_entry_of_bytes(&answer.entry, &answer.key, bytes, media_type);
		if (status) {
			pl_exchange_abort(exchange, status);
			return;
		}
		pl_files_insert(files, answer.entry);
	}
	pl_files_go(&answer);
}
