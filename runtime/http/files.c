#include "http/files.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/http_path.h"
#include "codec/http_text.h"
#include "net/file.h"

enum { BYTES_PIECE = 65536 };

static const pl_slice index_name = { "index.html", 10 };

/* One exchange that is being answered with a file. */
typedef struct file_answer {
	pl_exchange *exchange;
	pl_file *file;
	pl_files_missing missing;
	void *owner;
	int64_t left; /* bytes of the file not yet written */
	size_t path_len;
	char path[]; /* relative to the root */
} file_answer;

static pl_slice path_of(const file_answer *answer)
{
	return pl_slice_make(answer->path, answer->path_len);
}

static bool is_head(const pl_exchange *exchange)
{
	return pl_slice_equal(exchange->request->method, PL_SLICE("HEAD"));
}

/* GET or HEAD; else the exchange is answered. */
static bool method_allowed(pl_exchange *exchange)
{
	const pl_http_field allow = { PL_SLICE("Allow"), PL_SLICE("GET, HEAD") };

	if (is_head(exchange) || pl_slice_equal(exchange->request->method, PL_SLICE("GET")))
		return true;
	if (pl_exchange_respond(exchange, 405, &allow, 1, 0) == PL_OK)
		pl_exchange_end(exchange);
	else
		pl_exchange_abort(exchange, PL_ECANCELED);
	return false;
}

/* A browser must not guess another type from what the bytes look like. */
static int respond(pl_exchange *exchange, const char *media_type, int64_t len)
{
	const pl_http_field fields[] = {
		{ PL_SLICE("Content-Type"), pl_slice_make(media_type, strlen(media_type)) },
		{ PL_SLICE("X-Content-Type-Options"), PL_SLICE("nosniff") },
	};

	return pl_exchange_respond(exchange, 200, fields, 2, len);
}

static void answer_free(file_answer *answer)
{
	if (answer->file)
		pl_file_close(answer->file);
	pl_free(answer);
}

static void finish(file_answer *answer)
{
	pl_exchange *exchange = answer->exchange;

	answer_free(answer);
	pl_exchange_end(exchange);
}

static void break_off(file_answer *answer, int status)
{
	pl_exchange *exchange = answer->exchange;

	answer_free(answer);
	pl_exchange_abort(exchange, status);
}

static void read_piece(file_answer *answer)
{
	int status = pl_file_read(answer->file);

	if (status != PL_OK)
		break_off(answer, status);
}

static void on_read(void *owner, pl_file *file, int status, const uint8_t *data, size_t len)
{
	file_answer *answer = owner;
	int result;

	(void)file;
	if (status < 0) {
		break_off(answer, status);
		return;
	}
	if ((uint64_t)len > (uint64_t)answer->left)
		len = (size_t)answer->left; /* the file has grown */
	if (len == 0) {
		finish(answer); /* it is shorter than it was: the connection shows it */
		return;
	}
	result = pl_exchange_write(answer->exchange, data, len);
	answer->left -= (int64_t)len;
	if (result < 0)
		break_off(answer, result);
	else if (answer->left == 0)
		finish(answer);
	else if (result != PL_EXCHANGE_BLOCKED)
		read_piece(answer);
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

static bool names_index(const file_answer *answer)
{
	const char *end = answer->path + answer->path_len;

	return answer->path_len >= index_name.len &&
	       memcmp(end - index_name.len, index_name.at, index_name.len) == 0;
}

/* The file is gone, as pl_file says it of every failure to open. */
static void refuse(file_answer *answer, int status)
{
	pl_exchange *exchange = answer->exchange;
	pl_files_missing missing = answer->missing;
	void *owner = answer->owner;
	bool index = names_index(answer);

	pl_free(answer);
	if (status == PL_ENOENT || (status == PL_EISDIR && index))
		missing(owner, exchange, PL_ENOENT);
	else if (status == PL_EISDIR)
		redirect(exchange);
	else if (status == PL_EACCES)
		pl_exchange_answer(exchange, 403, NULL);
	else if (status == PL_EMFILE)
		pl_exchange_answer(exchange, 503, NULL);
	else
		pl_exchange_answer(exchange, 500, NULL);
}

static void on_opened(void *owner, pl_file *file, int status, int64_t size)
{
	file_answer *answer = owner;

	(void)file;
	if (status < 0) {
		refuse(answer, status);
		return;
	}
	answer->left = size;
	status = respond(answer->exchange, pl_http_media_type(path_of(answer)), size);
	if (status != PL_OK)
		break_off(answer, status);
	else if (size == 0 || is_head(answer->exchange))
		finish(answer);
	else
		read_piece(answer);
}

static const pl_file_events file_events = { .opened = on_opened, .read = on_read };

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
	read_piece(owner);
}

static void on_aborted(void *owner, pl_exchange *exchange, int status)
{
	(void)exchange, (void)status;
	answer_free(owner);
}

static const pl_exchange_events exchange_events = {
	.data = on_body,
	.end = on_body_end,
	.drain = on_drain,
	.aborted = on_aborted,
};

/* The path below the root, with the index's name for a folder. False when there cannot be one. */
static bool set_path(file_answer *answer, pl_slice path)
{
	ptrdiff_t len = pl_http_path_decode(answer->path, path);

	if (len < 0)
		return false;
	answer->path_len = (size_t)len;
	if (len == 0 || answer->path[len - 1] == '/') {
		memcpy(answer->path + len, index_name.at, index_name.len);
		answer->path_len += index_name.len;
	}
	return true;
}

void pl_files_serve(pl_exchange *exchange, const char *root, pl_files_missing missing, void *owner)
{
	pl_slice path = exchange->request->path;
	file_answer *answer;
	int status;

	if (!method_allowed(exchange))
		return;
	answer = pl_calloc(1, sizeof(*answer) + path.len + index_name.len);
	if (!answer) {
		pl_exchange_abort(exchange, PL_ENOMEM);
		return;
	}
	answer->exchange = exchange;
	answer->missing = missing;
	answer->owner = owner;
	if (!set_path(answer, path)) {
		refuse(answer, PL_ENOENT);
		return;
	}
	pl_exchange_own(exchange, &exchange_events, answer);
	status = pl_file_open(&answer->file, exchange->loop, root, path_of(answer), &file_events,
			      answer);
	if (status != PL_OK)
		break_off(answer, status);
}

/* Bytes in memory that are more than one piece. */
typedef struct bytes_answer {
	pl_exchange *exchange;
	pl_slice left;
} bytes_answer;

static void write_bytes(bytes_answer *answer)
{
	pl_exchange *exchange = answer->exchange;
	int status = PL_OK;

	while (answer->left.len > 0 && status == PL_OK) {
		size_t len = answer->left.len < BYTES_PIECE ? answer->left.len : BYTES_PIECE;

		status = pl_exchange_write(exchange, answer->left.at, len);
		answer->left.at += len;
		answer->left.len -= len;
	}
	if (answer->left.len > 0 && status >= 0)
		return;
	pl_free(answer);
	if (status < 0)
		pl_exchange_abort(exchange, status);
	else
		pl_exchange_end(exchange);
}

static void on_bytes_drain(void *owner, pl_exchange *exchange)
{
	(void)exchange;
	write_bytes(owner);
}

static void on_bytes_aborted(void *owner, pl_exchange *exchange, int status)
{
	(void)exchange, (void)status;
	pl_free(owner);
}

static const pl_exchange_events bytes_events = {
	.data = on_body,
	.end = on_body_end,
	.drain = on_bytes_drain,
	.aborted = on_bytes_aborted,
};

void pl_files_serve_bytes(pl_exchange *exchange, pl_slice content, const char *media_type)
{
	bytes_answer *answer;

	if (!method_allowed(exchange))
		return;
	answer = pl_alloc(sizeof(*answer));
	if (!answer || respond(exchange, media_type, (int64_t)content.len) != PL_OK) {
		pl_free(answer);
		pl_exchange_abort(exchange, PL_ECANCELED);
		return;
	}
	answer->exchange = exchange;
	answer->left = content;
	pl_exchange_own(exchange, &bytes_events, answer);
	write_bytes(answer);
}
