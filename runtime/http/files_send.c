#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/status.h"
#include "codec/http_condition.h"
#include "crypto/random.h"
#include "http/files_internal.h"

enum { OWN_FIELDS = 12, WAITING = 1 };

static bool is_method(const pl_files_answer *answer, pl_slice method)
{
	return pl_slice_equal(answer->exchange->request->method, method);
}

static pl_slice text_of(const char *text)
{
	return pl_slice_make(text, strlen(text));
}

static pl_slice etag_of(const pl_files_answer *answer)
{
	return pl_slice_make(answer->variant->etag, answer->variant->etag_len);
}

/* The answer's head. */

typedef struct head {
	size_t count;
	pl_http_field fields[PL_FILES_FIELDS + OWN_FIELDS];
} head;

static pl_slice ordered(const pl_files_answer *answer, pl_slice name)
{
	return pl_http_field_find(answer->order.fields, answer->order.field_count, name);
}

/* Unless what was ordered has one of its own. */
static void add(head *self, const pl_files_answer *answer, pl_slice name, pl_slice value)
{
	if (answer->order.field_count == 0 || !ordered(answer, name).at)
		self->fields[self->count++] = (pl_http_field){ name, value };
}

static pl_slice type_of(const pl_files_answer *answer)
{
	pl_slice type = ordered(answer, PL_SLICE("content-type"));

	return type.at ? type : text_of(answer->entry->type);
}

/* What every answer about this representation says (RFC 9110 15.4.5). */
static void add_validators(head *self, const pl_files_answer *answer)
{
	const pl_files_settings *settings = &answer->files->settings;
	bool varies = answer->entry->compressible &&
		      (settings->precompressed || settings->gzip_level > 0);

	add(self, answer, PL_SLICE("ETag"), etag_of(answer));
	if (varies) /* beside an ordered one: a cache must not mix codings up */
		self->fields[self->count++] =
			(pl_http_field){ PL_SLICE("Vary"), PL_SLICE("Accept-Encoding") };
	if (settings->cache_control.len > 0 && !answer->entry->fixed)
		add(self, answer, PL_SLICE("Cache-Control"), settings->cache_control);
}

static void add_coding(head *self, const pl_files_answer *answer)
{
	unsigned coding = (unsigned)(answer->variant - answer->entry->variants);

	if (coding == PL_FILES_MADE)
		coding = PL_HTTP_GZIP;
	if (coding != PL_HTTP_IDENTITY)
		add(self, answer, PL_SLICE("Content-Encoding"),
		    pl_http_coding_name((enum pl_http_coding)coding));
}

/* Never later than Date (RFC 9110 8.8.2.1), also when the clock was put back since it was noted. */
static pl_slice modified_of(const pl_files_answer *answer)
{
	const pl_files_variant *variant = answer->variant;

	if (variant->modified > (int64_t)time(NULL))
		return pl_slice_make(pl_loop_date(answer->files->loop), PL_HTTP_DATE_SIZE);
	return pl_slice_make(variant->modified_text, PL_HTTP_DATE_SIZE);
}

/* A browser must not guess another type from what the bytes look like. `multipart` is NULL for a
 * whole or single part. */
static void add_content(head *self, const pl_files_answer *answer, const char *multipart)
{
	const pl_files_variant *variant = answer->variant;

	if (multipart)
		self->fields[self->count++] =
			(pl_http_field){ PL_SLICE("Content-Type"), text_of(multipart) };
	else
		add(self, answer, PL_SLICE("Content-Type"), text_of(answer->entry->type));
	add(self, answer, PL_SLICE("X-Content-Type-Options"), PL_SLICE("nosniff"));
	add(self, answer, PL_SLICE("Accept-Ranges"), PL_SLICE("bytes"));
	if (variant->modified >= 0)
		add(self, answer, PL_SLICE("Last-Modified"), modified_of(answer));
	add_coding(self, answer);
}

static void add_ordered(head *self, const pl_files_answer *answer, bool multipart)
{
	for (size_t i = 0; i < answer->order.field_count; i++)
		if (!multipart ||
		    !pl_slice_equal_nocase(answer->order.fields[i].name, PL_SLICE("content-type")))
			self->fields[self->count++] = answer->order.fields[i];
}

/* False: the answer is over. */
static bool respond(pl_files_answer *answer, int code, const head *self, int64_t length)
{
	int status = pl_exchange_respond(answer->exchange, code, self->fields, self->count, length);

	if (status == PL_OK)
		answer->head_out = true;
	else if (status == PL_EINVAL) /* of what was ordered; nothing was sent */
		pl_files_fail(answer, status);
	else
		pl_files_break(answer, status);
	return status == PL_OK;
}

/* Conditions. */

static bool describes_content(pl_slice name)
{
	return name.len > 8 &&
	       pl_slice_equal_nocase(pl_slice_make(name.at, 8), PL_SLICE("content-")) &&
	       !pl_slice_equal_nocase(name, PL_SLICE("content-location"));
}

/* What a 200 would say goes along, but what describes a content that is not there. */
static void not_modified(pl_files_answer *answer)
{
	head self;

	self.count = 0;
	add_validators(&self, answer);
	for (size_t i = 0; i < answer->order.field_count; i++)
		if (!describes_content(answer->order.fields[i].name))
			self.fields[self.count++] = answer->order.fields[i];
	if (respond(answer, 304, &self, 0))
		pl_files_end(answer);
}

static void answer_text(pl_files_answer *answer, int code, pl_slice text, const head *self)
{
	if (!respond(answer, code, self, (int64_t)text.len))
		return;
	if (pl_exchange_write(answer->exchange, text.at, text.len) < 0)
		pl_files_break(answer, PL_ECANCELED);
	else
		pl_files_end(answer);
}

static void not_satisfiable(pl_files_answer *answer)
{
	char range[PL_HTTP_CONTENT_RANGE_MAX];
	head self = { 0 };

	self.fields[self.count++] =
		(pl_http_field){ PL_SLICE("Content-Type"), PL_SLICE("text/plain; charset=utf-8") };
	self.fields[self.count++] = (pl_http_field){
		PL_SLICE("Content-Range"),
		pl_slice_make(range, pl_http_unsatisfied_range_encode(range, answer->variant->size))
	};
	answer_text(answer, 416, PL_SLICE("Range Not Satisfiable"), &self);
}

static void failed(pl_files_answer *answer)
{
	head self = { 0 };

	self.fields[self.count++] =
		(pl_http_field){ PL_SLICE("Content-Type"), PL_SLICE("text/plain; charset=utf-8") };
	answer_text(answer, 412, PL_SLICE("Precondition Failed"), &self);
}

/* Parts. */

static void take_whole(pl_files_answer *answer)
{
	answer->boundary[0] = '\0';
	answer->part_count = answer->variant->size > 0;
	answer->parts[0] = (pl_http_range){ 0, answer->variant->size };
}

static void draw_boundary(pl_files_answer *answer)
{
	uint8_t bytes[(PL_FILES_BOUNDARY - 1) / 2];

	pl_random(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(answer->boundary + 2 * i, 3, "%02x", bytes[i]);
}

static int put(pl_files_answer *answer, bool send, pl_slice text, uint64_t *len)
{
	*len += text.len;
	return send ? pl_exchange_write(answer->exchange, text.at, text.len) : PL_OK;
}

/* What stands before a part of several (RFC 9110 14.6), or behind the last one. *len grows by its
 * length. >= 0 or an error. */
static int put_part_head(pl_files_answer *answer, size_t part, bool send, uint64_t *len)
{
	char range[PL_HTTP_CONTENT_RANGE_MAX];
	size_t range_len;
	int status = put(answer, send, part > 0 ? PL_SLICE("\r\n--") : PL_SLICE("--"), len);

	if (status >= 0)
		status = put(answer, send, text_of(answer->boundary), len);
	if (part == answer->part_count)
		return status < 0 ? status : put(answer, send, PL_SLICE("--\r\n"), len);
	if (status >= 0)
		status = put(answer, send, PL_SLICE("\r\nContent-Type: "), len);
	if (status >= 0)
		status = put(answer, send, type_of(answer), len);
	if (status >= 0)
		status = put(answer, send, PL_SLICE("\r\nContent-Range: "), len);
	range_len =
		pl_http_content_range_encode(range, &answer->parts[part], answer->variant->size);
	if (status >= 0)
		status = put(answer, send, pl_slice_make(range, range_len), len);
	return status < 0 ? status : put(answer, send, PL_SLICE("\r\n\r\n"), len);
}

static uint64_t content_length(pl_files_answer *answer)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < answer->part_count; i++)
		sum += answer->parts[i].len;
	for (size_t i = 0; answer->boundary[0] && i <= answer->part_count; i++)
		put_part_head(answer, i, false, &sum);
	return sum;
}

/* Attacks D-12: what asks for more than the file twice over gets it once. */
static bool too_much(pl_files_answer *answer)
{
	uint64_t size = answer->variant->size;
	uint64_t left = size > UINT64_MAX / 2 ? UINT64_MAX : 2 * size;

	for (size_t i = 0; i < answer->part_count; i++) {
		if (answer->parts[i].len > left)
			return true;
		left -= answer->parts[i].len;
	}
	return content_length(answer) > (size > UINT64_MAX / 2 ? UINT64_MAX : 2 * size);
}

/* The parts that `range` asks for; false: the answer is over (416). */
static bool take_parts(pl_files_answer *answer, pl_slice range, int *code)
{
	int64_t most = answer->files->settings.limits->ranges;
	int count = pl_http_range_decode(answer->parts,
					 most < PL_FILES_RANGES ? (size_t)most : PL_FILES_RANGES,
					 range, answer->variant->size);

	if (count == PL_HTTP_RANGE_OUTSIDE) {
		not_satisfiable(answer);
		return false;
	}
	*code = 206;
	answer->part_count = (size_t)(count > 0 ? count : 0);
	if (count > 1)
		draw_boundary(answer);
	if (count == PL_HTTP_RANGE_IGNORED || (count > 1 && too_much(answer))) {
		*code = 200;
		take_whole(answer);
	}
	return true;
}

bool pl_files_judge(pl_files_answer *answer, int *code)
{
	const pl_exchange_request *request = answer->exchange->request;
	const pl_http_validators validators = { etag_of(answer), answer->variant->modified };
	bool get = is_method(answer, PL_SLICE("GET"));
	pl_slice range;

	*code = answer->order.status ? answer->order.status : 200;
	take_whole(answer);
	if (answer->order.status || (!get && !is_method(answer, PL_SLICE("HEAD"))))
		return true;
	switch (pl_http_evaluate(request->fields, request->field_count, &validators,
				 (int64_t)time(NULL), get, &range)) {
	case PL_HTTP_NOT_MODIFIED:
		not_modified(answer);
		return false;
	case PL_HTTP_FAILED:
		failed(answer);
		return false;
	case PL_HTTP_PERFORM_PART:
		return take_parts(answer, range, code);
	default:
		return true;
	}
}

/* The body. */

static void run_piece(void *context)
{
	pl_files_answer *answer = context;
	const pl_http_range *part = &answer->parts[answer->part];
	int64_t got = pl_file_read(answer->file, answer->piece->data, answer->piece->len,
				   (int64_t)(part->first + answer->part_sent), PL_FILE_WAIT);

	answer->status = got > 0 ? PL_OK : PL_EIO;
	if (got > 0)
		answer->piece->len = (size_t)got;
}

/* What was read goes out. >= 0, PL_EXCHANGE_BLOCKED among it, or an error. */
static int send_piece(pl_files_answer *answer)
{
	size_t len = answer->piece->len;
	int status = pl_exchange_write_part(answer->exchange, answer->piece, 0, len);

	pl_block_unref(answer->piece);
	answer->piece = NULL;
	answer->part_sent += len;
	return status;
}

static void done_piece(void *context)
{
	pl_files_answer *answer = context;
	int status = answer->status;

	answer->busy = false;
	if (!answer->exchange) {
		pl_files_go(answer); /* which ends it */
		return;
	}
	if (status == PL_OK)
		status = send_piece(answer);
	if (status < 0)
		pl_files_break(answer, status);
	else if (status != PL_EXCHANGE_BLOCKED)
		pl_files_write_on(answer);
}

/* Reads the next piece: > 0 bytes, WAITING = 0 for the pool, or an error. */
static int64_t read_piece(pl_files_answer *answer)
{
	const pl_http_range *part = &answer->parts[answer->part];
	uint64_t left = part->len - answer->part_sent;
	int64_t got;

	answer->piece = pl_block_new(left < PL_FILES_PIECE ? (size_t)left : PL_FILES_PIECE);
	if (!answer->piece)
		return PL_ENOMEM;
	got = pl_file_read(answer->file, answer->piece->data, answer->piece->len,
			   (int64_t)(part->first + answer->part_sent), 0);
	if (got == 0)
		return PL_EIO; /* it has become shorter */
	if (got > 0)
		answer->piece->len = (size_t)got;
	return got;
}

/* The rest of a part, a piece at a time. PL_OK when it is out, WAITING, or an error. */
static int send_pieces(pl_files_answer *answer)
{
	int left = PL_FILES_TURN;

	while (answer->part_sent < answer->parts[answer->part].len) {
		int64_t got;
		int status;

		if (left-- == 0) {
			pl_loop_defer(answer->files->loop, &answer->again);
			return WAITING;
		}
		got = read_piece(answer);
		if (got == PL_EAGAIN) {
			pl_files_work(answer, run_piece, done_piece);
			return WAITING;
		}
		status = got < 0 ? (int)got : send_piece(answer);
		if (status == PL_EXCHANGE_BLOCKED)
			return WAITING;
		if (status < 0)
			return status;
	}
	return PL_OK;
}

/* A part by reference; PL_ENOTSUP: it has to be read. */
static int send_part(pl_files_answer *answer)
{
	const pl_http_range *part = &answer->parts[answer->part];
	pl_exchange *exchange = answer->exchange;

	if (answer->variant->bytes)
		return pl_exchange_write_part(exchange, answer->variant->bytes, (size_t)part->first,
					      (size_t)part->len);
	if (answer->part_sent > 0)
		return PL_ENOTSUP;
	return pl_exchange_write_file(exchange, answer->file, (size_t)part->first,
				      (size_t)part->len);
}

static int begin_part(pl_files_answer *answer)
{
	uint64_t len = 0;

	if (answer->part_begun || !answer->boundary[0])
		return PL_OK;
	answer->part_begun = true;
	return put_part_head(answer, answer->part, true, &len);
}

static void finish(pl_files_answer *answer)
{
	uint64_t len = 0;
	int status = PL_OK;

	if (answer->boundary[0])
		status = put_part_head(answer, answer->part_count, true, &len);
	if (status < 0)
		pl_files_break(answer, status);
	else
		pl_files_end(answer);
}

void pl_files_write_on(pl_files_answer *answer)
{
	while (answer->part < answer->part_count) {
		int status = begin_part(answer);

		if (status >= 0)
			status = send_part(answer);
		if (status == PL_ENOTSUP) {
			answer = pl_files_keep(answer);
			if (!answer)
				return;
			if (!answer->boundary[0]) /* several parts need the fields to the end */
				pl_files_tell(answer, PL_OK);
			status = send_pieces(answer);
			if (status == WAITING)
				return;
		}
		if (status < 0) {
			pl_files_break(answer, status);
			return;
		}
		answer->part++;
		answer->part_begun = false;
		answer->part_sent = 0;
	}
	finish(answer);
}

void pl_files_write(pl_files_answer *answer, int code)
{
	char multipart[sizeof("multipart/byteranges; boundary=") + PL_FILES_BOUNDARY];
	char range[PL_HTTP_CONTENT_RANGE_MAX];
	bool several = answer->boundary[0] != '\0';
	head self;

	self.count = 0;
	if (several)
		snprintf(multipart, sizeof(multipart), "multipart/byteranges; boundary=%s",
			 answer->boundary);
	add_content(&self, answer, several ? multipart : NULL);
	add_validators(&self, answer);
	if (code == 206 && !several)
		self.fields[self.count++] = (pl_http_field){
			PL_SLICE("Content-Range"),
			pl_slice_make(range, pl_http_content_range_encode(range, &answer->parts[0],
									  answer->variant->size))
		};
	add_ordered(&self, answer, several);
	if (!respond(answer, code, &self, (int64_t)content_length(answer)))
		return;
	if (is_method(answer, PL_SLICE("HEAD")))
		answer->part_count = 0;
	if (answer->part_count == 0)
		answer->boundary[0] = '\0';
	pl_files_write_on(answer);
}
