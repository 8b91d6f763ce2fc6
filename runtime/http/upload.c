#include "http/upload.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/file_name.h"
#include "codec/http_path.h"
#include "codec/multipart.h"
#include "net/fs.h"
#include "net/work.h"

enum { BEHIND = 1 << 20 }; /* bytes that wait for the disk while more is read */

static const char TEMPORARY[] = "/upload-XXXXXX.sgc_ps";
enum { ENDING = 7 };

struct pl_upload {
	const pl_upload_settings *settings; /* until it is over */
	const char *directory;		    /* or NULL; a copy, for the pool */
	pl_exchange *exchange;		    /* NULL: over */
	pl_loop *loop;
	pl_upload_over *over;
	void *owner;
	pl_multipart form;
	bool is_form;
	bool received;
	bool paused;
	bool working;	/* the pool has the job */
	bool freed;	/* when the job is done */
	pl_buffer rest; /* bytes that the decoder could not use yet */
	pl_list items;
	pl_upload_item *current; /* that grows */
	pl_list *written;	 /* the items up to here need no job */
	int64_t size;		 /* of the whole body so far */
	size_t memory;		 /* bytes that stay in memory */
	size_t behind;		 /* bytes that wait for the disk */
	struct {
		pl_upload_item *item;
		pl_buffer bytes;
		int64_t offset;
		bool close;
		int status;
	} job;
};

/* Whether. */

static pl_slice type_of(const pl_exchange_request *request)
{
	return pl_http_field_find(request->fields, request->field_count, PL_SLICE("content-type"));
}

static bool is_type(pl_slice type, pl_slice wanted)
{
	return pl_slice_equal_nocase(
		pl_slice_trim(pl_slice_make(type.at, pl_slice_find(type, ';'))), wanted);
}

bool pl_upload_wants(const pl_upload_settings *settings, const pl_exchange_request *request)
{
	pl_slice type = type_of(request);

	if (request->content_length == 0 || (request->content_length < 0 && !request->chunked))
		return false;
	if (is_type(type, PL_SLICE("multipart/form-data")))
		return true;
	if (!settings->directory || is_type(type, PL_SLICE("application/x-www-form-urlencoded")))
		return false;
	return request->content_length < 0 || request->content_length >= settings->min_size;
}

/* The end. */

static void finish(pl_upload *self, int status)
{
	pl_exchange *exchange = self->exchange;

	self->exchange = NULL;
	self->over(self->owner, status ? NULL : exchange, status);
}

static void refuse(pl_upload *self, int answer, int status, const char *why)
{
	pl_log(status == PL_EPROTO || status == PL_ETOOBIG ? PL_LOG_DEBUG : PL_LOG_ERROR,
	       "upload refused: %s", why);
	pl_exchange_answer(self->exchange, answer, answer < 500 ? why : NULL);
	finish(self, status);
}

static void refuse_status(pl_upload *self, int status)
{
	int answer = status == PL_ENOSPC ? 507 : status == PL_ENOMEM ? 503 : 500;

	refuse(self, answer, status, pl_status_text(status));
}

static void item_free(pl_upload_item *item)
{
	pl_buffer_deinit(&item->bytes);
	pl_free(item->room);
	pl_free(item);
}

/* On the pool, or without it when there is no memory: leaving a file behind is worse. */
static void remove_files(void *context)
{
	pl_upload *self = context;

	for (pl_list *node = self->items.next; node != &self->items; node = node->next) {
		pl_upload_item *item = PL_CONTAINER(node, pl_upload_item, node);

		if (item->fd >= 0)
			close(item->fd);
		if (item->path)
			unlink(item->path);
	}
}

static void removed(void *context)
{
	pl_upload *self = context;

	while (!pl_list_empty(&self->items)) {
		pl_upload_item *item = PL_CONTAINER(self->items.next, pl_upload_item, node);

		pl_list_remove(&item->node);
		item_free(item);
	}
	pl_buffer_deinit(&self->rest);
	pl_buffer_deinit(&self->job.bytes);
	pl_free(self);
}

static bool has_files(const pl_upload *self)
{
	for (pl_list *node = self->items.next; node != &self->items; node = node->next)
		if (PL_CONTAINER(node, pl_upload_item, node)->path)
			return true;
	return false;
}

void pl_upload_free(pl_upload *self)
{
	self->freed = true;
	if (self->working)
		return;
	if (!has_files(self)) {
		removed(self);
	} else if (pl_work_start(self->loop, remove_files, removed, self)) {
		remove_files(self);
		removed(self);
	}
}

/* Items. */

static size_t copy(char *to, pl_slice *at, pl_slice text)
{
	if (!text.at)
		return 0;
	if (text.len > 0)
		memcpy(to, text.at, text.len);
	*at = pl_slice_make(to, text.len);
	return text.len;
}

static pl_upload_item *add_item(pl_upload *self, const pl_multipart_part *part)
{
	size_t room =
		part->name.len + part->filename.len + PL_FILE_NAME_MAX + part->content_type.len + 1;
	pl_upload_item *item = pl_calloc(1, sizeof(*item) + room);
	char *at = (char *)(item + 1);

	if (!item)
		return NULL;
	item->fd = -1;
	at += copy(at, &item->content_type, part->content_type);
	if (part->name.at) {
		item->name = pl_slice_make(at, pl_multipart_text(at, part->name));
		at += item->name.len;
	}
	if (part->filename.at) {
		size_t len = pl_multipart_text(at + PL_FILE_NAME_MAX, part->filename);
		pl_slice given = pl_slice_make(at + PL_FILE_NAME_MAX, len);

		item->filename = pl_slice_make(at, len ? pl_file_name_safe(at, given) : 0);
	}
	pl_list_append(&self->items, &item->node);
	self->current = item;
	return item;
}

/* From here on its bytes only wait in memory. */
static void send_to_disk(pl_upload *self, pl_upload_item *item)
{
	item->to_disk = true;
	self->memory -= item->bytes.len;
	self->behind += item->bytes.len;
}

/* Where these bytes of the current item go. */
static int take_bytes(pl_upload *self, const void *data, size_t len)
{
	pl_upload_item *item = self->current;
	size_t most = (size_t)self->settings->limits->body;
	bool may = self->directory && item->filename.at;
	bool fits = len <= most - self->memory;

	item->size += (int64_t)len;
	if (!item->to_disk && may && (item->size >= self->settings->min_size || !fits))
		send_to_disk(self, item);
	if (!item->to_disk && !fits)
		return PL_ETOOBIG;
	*(item->to_disk ? &self->behind : &self->memory) += len;
	return pl_buffer_append(&item->bytes, data, len);
}

/* A form in which no file was chosen has one without a name and bytes (WHATWG HTML 4.10.21.4). */
static void end_item(pl_upload *self)
{
	static const char name[] = "upload";
	pl_upload_item *item = self->current;

	self->current = NULL;
	item->ended = true;
	if (item->filename.at && item->filename.len == 0) {
		if (item->size == 0) {
			pl_list_remove(&item->node);
			item_free(item);
			return;
		}
		item->filename = pl_slice_make(name, sizeof(name) - 1);
	}
	if (!item->to_disk && self->directory && item->filename.at &&
	    item->size >= self->settings->min_size)
		send_to_disk(self, item);
}

/* The disk. */

static int open_file(pl_upload *self, pl_upload_item *item)
{
	size_t room = strlen(self->directory) + sizeof(TEMPORARY);
	int status;

	item->room = pl_alloc(room);
	if (!item->room)
		return PL_ENOMEM;
	snprintf(item->room, room, "%s%s", self->directory, TEMPORARY);
	status = pl_fs_temporary_file(item->room, ENDING, &item->fd);
	if (!status)
		item->path = item->room;
	return status;
}

static void run_job(void *context)
{
	pl_upload *self = context;
	pl_upload_item *item = self->job.item;
	int status = item->path ? PL_OK : open_file(self, item);

	if (!status)
		status = pl_fs_write_at(item->fd, self->job.bytes.data, self->job.bytes.len,
					self->job.offset);
	if (!status && self->job.close) {
		if (close(item->fd))
			status = PL_EIO;
		item->fd = -1;
	}
	self->job.status = status == PL_ETOOBIG ? PL_ENOSPC : status; /* EFBIG */
}

static void go_on(pl_upload *self);

static void job_done(void *context)
{
	pl_upload *self = context;

	self->working = false;
	if (self->freed) {
		pl_upload_free(self);
		return;
	}
	self->job.offset += (int64_t)self->job.bytes.len;
	self->behind -= self->job.bytes.len;
	self->job.bytes.len = 0;
	if (self->job.close) {
		self->job.item->closed = true;
		self->job.offset = 0;
	}
	if (self->exchange && self->job.status)
		refuse_status(self, self->job.status);
	else if (self->exchange)
		go_on(self);
}

/* The first item that has something for the disk; NULL: none has. */
static pl_upload_item *next_item(pl_upload *self)
{
	while (self->written->next != &self->items) {
		pl_upload_item *item = PL_CONTAINER(self->written->next, pl_upload_item, node);

		if (item->to_disk && !item->closed)
			return item->ended || item->bytes.len > 0 ? item : NULL;
		if (!item->ended)
			return NULL;
		self->written = &item->node;
	}
	return NULL;
}

/* The item's bytes change places with those of the last job, which are written. */
static int start_job(pl_upload *self, pl_upload_item *item)
{
	pl_buffer bytes = self->job.bytes;
	int status;

	self->job.bytes = item->bytes;
	item->bytes = item->ended ? (pl_buffer){ 0 } : bytes;
	if (item->ended)
		pl_buffer_deinit(&bytes);
	self->job.item = item;
	self->job.close = item->ended;
	self->working = true;
	status = pl_work_start(self->loop, run_job, job_done, self);
	if (status)
		self->working = false;
	return status;
}

/* What can be done now: write, read on, or end. */
static void go_on(pl_upload *self)
{
	pl_upload_item *item = self->working ? NULL : next_item(self);
	bool full;

	if (item && start_job(self, item)) {
		refuse_status(self, PL_ENOMEM);
		return;
	}
	if (self->received && !self->working) {
		finish(self, PL_OK);
		return;
	}
	full = self->behind >= BEHIND;
	if (!self->received && full != self->paused) {
		self->paused = full;
		pl_exchange_pause(self->exchange, full);
	}
}

/* What comes. False: it is over. */

/* Names count as what they name. */
static int begin_item(pl_upload *self, const pl_multipart_part *part)
{
	size_t most = (size_t)self->settings->limits->body;
	size_t len = part->name.len + part->filename.len + part->content_type.len;

	if (len > most - self->memory)
		return PL_ETOOBIG;
	self->memory += len;
	return add_item(self, part) ? PL_OK : PL_ENOMEM;
}

static int take_piece(pl_upload *self, const pl_multipart_piece *piece)
{
	switch (piece->kind) {
	case PL_MULTIPART_PART:
		return begin_item(self, &piece->part);
	case PL_MULTIPART_DATA:
		return take_bytes(self, piece->data.at, piece->data.len);
	case PL_MULTIPART_PART_ENDS:
		end_item(self);
		return PL_OK;
	default:
		return PL_OK;
	}
}

static bool refuse_bytes(pl_upload *self, int status)
{
	if (status == PL_EPROTO)
		refuse(self, self->form.error_status, status, self->form.error);
	else if (status == PL_ETOOBIG)
		refuse(self, 413, status, "the form is over limits.body in memory");
	else
		refuse_status(self, status);
	return false;
}

static bool decode(pl_upload *self, const char *data, size_t len, size_t *used)
{
	ptrdiff_t n;

	*used = 0;
	do {
		pl_multipart_piece piece;
		int status;

		n = pl_multipart_decode(&self->form, data + *used, len - *used, &piece);
		status = n < 0 ? (int)n : take_piece(self, &piece);
		if (status)
			return refuse_bytes(self, status);
		*used += (size_t)n;
	} while (n > 0);
	return true;
}

/* In place when nothing was left of what came before. */
static bool decode_form(pl_upload *self, const void *data, size_t len)
{
	size_t used;

	if (self->rest.len > 0) {
		if (pl_buffer_append(&self->rest, data, len))
			return refuse_bytes(self, PL_ENOMEM);
		if (!decode(self, (const char *)self->rest.data, self->rest.len, &used))
			return false;
		pl_buffer_consume(&self->rest, used);
		return true;
	}
	if (!decode(self, data, len, &used))
		return false;
	if (pl_buffer_append(&self->rest, (const char *)data + used, len - used))
		return refuse_bytes(self, PL_ENOMEM);
	return true;
}

static bool refuse_size(pl_upload *self)
{
	refuse(self, 413, PL_ETOOBIG, "over limits.upload");
	return false;
}

/* What the head says alone: none of the body is awaited, when that is wrong. */
static bool check_head(pl_upload *self)
{
	if (self->form.error) /* of the Content-Type */
		return refuse_bytes(self, PL_EPROTO);
	if (self->exchange->request->content_length > self->settings->limits->upload)
		return refuse_size(self);
	return true;
}

static bool take_data(pl_upload *self, const void *data, size_t len)
{
	int status;

	if (!check_head(self))
		return false;
	if ((int64_t)len > self->settings->limits->upload - self->size)
		return refuse_size(self);
	self->size += (int64_t)len;
	if (self->is_form)
		return decode_form(self, data, len);
	status = take_bytes(self, data, len);
	return status ? refuse_bytes(self, status) : true;
}

static void on_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	(void)exchange;
	if (take_data(owner, data, len))
		go_on(owner);
}

static void on_starved(void *owner, pl_exchange *exchange)
{
	(void)exchange;
	check_head(owner);
}

static void on_end(void *owner, pl_exchange *exchange)
{
	pl_upload *self = owner;

	(void)exchange;
	if (self->is_form && !pl_multipart_done(&self->form)) {
		refuse(self, 400, PL_EPROTO,
		       self->form.error ? self->form.error
					: "the form ends before its last boundary");
		return;
	}
	if (self->current)
		end_item(self);
	self->received = true;
	go_on(self);
}

static void on_drain(void *owner, pl_exchange *exchange)
{
	(void)owner, (void)exchange;
}

static void on_aborted(void *owner, pl_exchange *exchange, int status)
{
	pl_upload *self = owner;

	(void)exchange;
	self->exchange = NULL; /* finish tells of it */
	finish(self, status ? status : PL_ECLOSED);
}

static const pl_exchange_events events = {
	.data = on_data,
	.starved = on_starved,
	.end = on_end,
	.drain = on_drain,
	.aborted = on_aborted,
};

/* The beginning. */

/* A body that is no form is a file with the name at the end of the path. */
static int begin_raw(pl_upload *self, const pl_exchange_request *request)
{
	pl_slice path = request->path;
	pl_multipart_part part = { .content_type = type_of(request) };
	char *decoded = pl_alloc(path.len + 1);
	pl_upload_item *item;
	ptrdiff_t len;

	if (!decoded)
		return PL_ENOMEM;
	len = pl_percent_decode(decoded, path);
	part.filename = len < 0 ? path : pl_slice_make(decoded, (size_t)len);
	item = add_item(self, &part);
	pl_free(decoded);
	return item ? PL_OK : PL_ENOMEM;
}

static int begin(pl_upload *self, const pl_exchange_request *request)
{
	int status = PL_ENOTSUP;

	if (!self->settings->raw)
		status = pl_multipart_init(&self->form, type_of(request));
	self->form.max_head = (size_t)self->settings->limits->upload_part_head;
	self->form.max_parts = (size_t)self->settings->limits->upload_parts;
	self->is_form = status != PL_ENOTSUP;
	return self->is_form ? status : begin_raw(self, request);
}

pl_upload *pl_upload_begin(const pl_upload_settings *settings, pl_exchange *exchange,
			   pl_upload_over *over, void *owner)
{
	size_t room = settings->directory ? strlen(settings->directory) + 1 : 0;
	pl_upload *self = pl_calloc(1, sizeof(*self) + room);
	int status;

	if (!self)
		return NULL;
	if (settings->directory)
		self->directory = memcpy(self + 1, settings->directory, room);
	self->settings = settings;
	self->exchange = exchange;
	self->loop = exchange->loop;
	self->over = over;
	self->owner = owner;
	pl_list_init(&self->items);
	self->written = &self->items;
	status = begin(self, exchange->request);
	if (status == PL_ENOMEM) {
		pl_upload_free(self);
		return NULL;
	}
	pl_exchange_own(exchange, &events, self);
	return self;
}

const pl_list *pl_upload_items(const pl_upload *self)
{
	return &self->items;
}
