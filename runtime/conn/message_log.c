#include "conn/message_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/log.h"
#include "base/status.h"
#include "conn/head_secrets.h"
#include "net/fs.h"
#include "net/work.h"

enum { TIME_SIZE = 80 };

struct pl_message_log {
	pl_loop *loop;
	size_t most; /* bytes that wait */
	uint32_t refs;
	pl_deferred flush;
	pl_buffer waiting; /* lines */
	pl_buffer leaving; /* those that the pool writes */
	uint64_t waits;	   /* entries in `waiting` */
	uint64_t leaves;   /* in `leaving` */
	uint64_t lost;	   /* which the file has not been told of */
	uint64_t told;	   /* of these in the line that leaves */
	int fd;		   /* the pool's while it writes */
	int status;	   /* of the last write */
	bool broken;	   /* the last write may have left a part of a line */
	bool writing;
	bool warned; /* of the trouble that lasts */
	bool holds;  /* the loop, until `flush` has run */
	bool raw;
	char path[];
};

static void destroy(pl_message_log *self)
{
	close(self->fd);
	pl_deferred_cancel(&self->flush);
	pl_buffer_deinit(&self->waiting);
	pl_buffer_deinit(&self->leaving);
	pl_free(self);
}

/* On the pool. */

static void run_write(void *context)
{
	pl_message_log *self = context;

	self->status = pl_fs_write_at(self->fd, self->leaving.data, self->leaving.len, 0);
}

/* On the loop. */

static void put_time(char out[TIME_SIZE])
{
	struct timespec now;
	struct tm utc;

	timespec_get(&now, TIME_UTC);
	gmtime_r(&now.tv_sec, &utc);
	snprintf(out, TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
		 (utc.tm_year + 1900) % 10000, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		 utc.tm_sec, (int)(now.tv_nsec / 1000000));
}

/* The line stands where the entries are missing: before those that came after them. */
static void tell_file(pl_message_log *self)
{
	char time[TIME_SIZE];
	pl_buffer out = { 0 };

	put_time(time);
	if (pl_buffer_printf(&out, "%s- Stat %s - %llu entries are missing here\n",
			     self->broken ? "\n" : "", time, (unsigned long long)self->lost) ||
	    pl_buffer_append(&out, self->waiting.data, self->waiting.len)) {
		pl_buffer_deinit(&out); /* without memory the next line tells */
		return;
	}
	pl_buffer_deinit(&self->waiting);
	self->waiting = out;
	self->told = self->lost;
	self->broken = false;
}

/* Once for each trouble, which is over when everything is written. */
static void warn(pl_message_log *self)
{
	bool trouble = self->status || self->lost > 0;

	if (trouble && !self->warned)
		pl_log(PL_LOG_WARN, "log_file '%s': %llu entries are lost: %s", self->path,
		       (unsigned long long)self->lost,
		       self->status ? pl_status_text(self->status) : "the disk is too slow");
	self->warned = trouble;
}

static void write_on(pl_message_log *self);

static void on_written(void *context)
{
	pl_message_log *self = context;

	self->writing = false;
	if (self->status) {
		self->lost += self->leaves;
		self->broken = true;
	} else {
		self->lost -= self->told;
	}
	self->told = 0;
	self->leaving.len = 0;
	warn(self);
	if (self->waiting.len > 0)
		write_on(self);
	else if (self->refs == 0)
		destroy(self);
	else /* an idle one holds nothing but its file */
		pl_buffer_deinit(&self->leaving);
}

static void write_on(pl_message_log *self)
{
	pl_buffer lines;

	if (self->lost > 0) {
		warn(self);
		tell_file(self);
	}
	lines = self->waiting;
	self->waiting = self->leaving;
	self->leaving = lines;
	self->leaves = self->waits;
	self->waits = 0;
	self->writing = true;
	if (pl_work_start(self->loop, run_write, on_written, self) == PL_OK)
		return;
	self->status = PL_ENOMEM;
	on_written(self);
}

static void hold(pl_message_log *self, bool holds)
{
	if (holds && !self->holds)
		pl_loop_hold(self->loop);
	else if (!holds && self->holds)
		pl_loop_release(self->loop);
	self->holds = holds;
}

static void run_flush(pl_deferred *deferred)
{
	pl_message_log *self = PL_CONTAINER(deferred, pl_message_log, flush);

	hold(self, false);
	if (!self->writing && self->waiting.len > 0)
		write_on(self);
	else if (!self->writing)
		warn(self);
}

/* Lines. */

static int put_hex(pl_buffer *out, pl_slice data)
{
	static const char digits[] = "0123456789abcdef";
	int status = pl_buffer_reserve(out, data.len * 2);

	if (status)
		return status;
	for (size_t i = 0; i < data.len; i++) {
		uint8_t byte = (uint8_t)data.at[i];

		out->data[out->len++] = (uint8_t)digits[byte >> 4];
		out->data[out->len++] = (uint8_t)digits[byte & 15];
	}
	return PL_OK;
}

/* Up to C0, DEL, and the lead byte of C1, so that nothing forges a line or speaks to a terminal. A
 * head need not be UTF-8. */
static size_t plain_run(pl_slice data, bool head)
{
	const uint8_t *bytes = (const uint8_t *)data.at;
	size_t at = 0;

	while (at < data.len && bytes[at] >= ' ' && bytes[at] != 0x7F && bytes[at] != '\\' &&
	       !(head && bytes[at] >= 0x80) &&
	       !(bytes[at] == 0xC2 && at + 1 < data.len && bytes[at + 1] < 0xA0))
		at++;
	return at;
}

static int put_text(pl_buffer *out, pl_slice data, bool head)
{
	int status = PL_OK;

	while (data.len > 0 && !status) {
		size_t run = plain_run(data, head);

		status = pl_buffer_append(out, data.at, run);
		if (!status && run < data.len)
			status = pl_buffer_printf(out, "\\x%02x", (uint8_t)data.at[run++]);
		data = pl_slice_make(data.at + run, data.len - run);
	}
	return status;
}

/* Each line of it on a line, indented: it cannot be taken for an entry. */
static int put_lines(pl_buffer *out, pl_slice head)
{
	int status = PL_OK;

	while (head.len > 0 && !status) {
		const char *end = memchr(head.at, '\n', head.len);
		size_t len = end ? (size_t)(end - head.at) : head.len;
		size_t used = end ? len + 1 : len;
		pl_slice line = pl_slice_make(head.at, len);

		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		if (line.len > 0)
			status = pl_buffer_append(out, "\n    ", 5);
		if (!status)
			status = put_text(out, line, true);
		head = pl_slice_make(head.at + used, head.len - used);
	}
	return status;
}

static int put_head(pl_buffer *out, pl_slice head)
{
	pl_buffer shown = { 0 };
	int status = pl_head_secrets_hide(&shown, head);

	if (!status)
		status = put_lines(out, pl_slice_make((const char *)shown.data, shown.len));
	pl_buffer_deinit(&shown);
	return status;
}

static int put_data(const pl_message_log *self, pl_buffer *out, const pl_message_line *line)
{
	bool state = line->direction == PL_MESSAGE_STATE;

	if (line->form == PL_MESSAGE_HEAD)
		return put_head(out, line->data);
	if (line->form == PL_MESSAGE_BYTES || (self->raw && !state))
		return put_hex(out, line->data);
	return put_text(out, line->data, false);
}

static int put_start(pl_buffer *out, const pl_message_line *line)
{
	static const char *const words[] = { "Stat", "Recv", "Sent" };
	char ip[PL_ADDRESS_TEXT], guid[PL_GUID_TEXT], time[TIME_SIZE];
	bool six = line->peer->family == 6;
	int status;

	put_time(time);
	pl_guid_encode(guid, line->guid);
	pl_address_ip(line->peer, ip);
	status = pl_buffer_printf(out, "%s%s%s:%u %s %s %.*s ", six ? "[" : "", ip, six ? "]" : "",
				  line->peer->port, words[line->direction], time, PL_GUID_TEXT,
				  guid);
	if (!status && line->kind)
		status = pl_buffer_printf(out, "%s%s: ", line->kind, line->more ? "..." : "");
	return status;
}

static int put_line(pl_message_log *self, const pl_message_line *line)
{
	pl_buffer *out = &self->waiting;
	int status = put_start(out, line);

	if (!status)
		status = put_data(self, out, line);
	return status ? status : pl_buffer_append(out, "\n", 1);
}

/* One that finds none waiting is taken whatever its size. */
void pl_message_log_put(pl_message_log *self, const pl_message_line *line)
{
	size_t before = self->waiting.len;
	bool fits = before == 0 || line->data.len <= self->most;

	if (!fits || put_line(self, line) || (before > 0 && self->waiting.len > self->most)) {
		self->waiting.len = before;
		self->lost++;
	} else {
		self->waits++;
	}
	hold(self, true);
	pl_loop_defer(self->loop, &self->flush);
}

/* Life. */

int pl_message_log_open(pl_message_log **result, pl_loop *loop, const char *path, bool raw,
			size_t most)
{
	size_t len = strlen(path);
	pl_message_log *self = pl_calloc(1, sizeof(*self) + len + 1);
	int status;

	if (!self)
		return PL_ENOMEM;
	status = pl_fs_open(path, O_WRONLY | O_APPEND | O_CREAT, 0600, &self->fd);
	if (status) {
		pl_free(self);
		return status;
	}
	memcpy(self->path, path, len);
	self->loop = loop;
	self->most = most;
	self->refs = 1;
	self->raw = raw;
	pl_deferred_init(&self->flush, run_flush);
	*result = self;
	return PL_OK;
}

pl_message_log *pl_message_log_ref(pl_message_log *self)
{
	self->refs++;
	return self;
}

void pl_message_log_unref(pl_message_log *self)
{
	if (!self || --self->refs > 0)
		return;
	hold(self, false);
	pl_deferred_cancel(&self->flush);
	if (self->writing)
		return;
	if (self->waiting.len > 0)
		write_on(self);
	else
		destroy(self);
}
