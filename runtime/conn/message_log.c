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
#include "net/fs.h"
#include "net/work.h"

struct pl_message_log {
	pl_loop *loop;
	const pl_limits *limits;
	pl_deferred flush;
	pl_buffer waiting; /* lines */
	pl_buffer leaving; /* those that the pool writes */
	uint64_t lost;	   /* lines, since the log was told */
	int fd;		   /* -1: not open yet; the pool's while it writes */
	int status;	   /* of the last write */
	bool writing;
	bool warned;
	bool released; /* freed by its owner */
	bool holds;    /* the loop, until `flush` has run */
	bool raw;
	char path[];
};

static void destroy(pl_message_log *self)
{
	if (self->fd >= 0)
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

	self->status = PL_OK;
	if (self->fd < 0)
		self->status = pl_fs_open(self->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
					  0600, &self->fd);
	if (!self->status)
		self->status = pl_fs_write_at(self->fd, self->leaving.data, self->leaving.len, 0);
}

/* On the loop. */

static void write_on(pl_message_log *self);

static void warn(pl_message_log *self)
{
	if (self->status && !self->warned) {
		pl_log(PL_LOG_WARN, "log_file '%s': %s", self->path, pl_status_text(self->status));
		self->warned = true;
	}
	if (self->lost > 0) {
		pl_log(PL_LOG_WARN, "log_file '%s': %llu messages are not in it", self->path,
		       (unsigned long long)self->lost);
		self->lost = 0;
	}
}

static void on_written(void *context)
{
	pl_message_log *self = context;

	self->writing = false;
	self->leaving.len = 0;
	warn(self);
	if (self->waiting.len > 0)
		write_on(self);
	else if (self->released)
		destroy(self);
	else /* an idle one holds nothing but its file */
		pl_buffer_deinit(&self->leaving);
}

static void write_on(pl_message_log *self)
{
	pl_buffer lines = self->waiting;

	self->waiting = self->leaving;
	self->leaving = lines;
	self->writing = true;
	if (pl_work_start(self->loop, run_write, on_written, self) == PL_OK)
		return;
	self->status = PL_ENOMEM;
	self->leaving.len = 0;
	self->lost++;
	self->writing = false;
	warn(self);
	if (self->released)
		destroy(self);
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

static int put_hex(pl_buffer *out, const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	int status = pl_buffer_reserve(out, len * 2);

	if (status)
		return status;
	for (size_t i = 0; i < len; i++) {
		out->data[out->len++] = (uint8_t)digits[data[i] >> 4];
		out->data[out->len++] = (uint8_t)digits[data[i] & 15];
	}
	return PL_OK;
}

/* C0, DEL, and the lead byte of C1, so that nothing forges a line or speaks to a terminal. */
static size_t plain_run(const uint8_t *data, size_t len)
{
	size_t at = 0;

	while (at < len && data[at] >= ' ' && data[at] != 0x7F && data[at] != '\\' &&
	       !(data[at] == 0xC2 && at + 1 < len && data[at + 1] < 0xA0))
		at++;
	return at;
}

static int put_text(pl_buffer *out, const uint8_t *data, size_t len)
{
	int status = PL_OK;

	while (len > 0 && !status) {
		size_t run = plain_run(data, len);

		status = pl_buffer_append(out, data, run);
		if (!status && run < len)
			status = pl_buffer_printf(out, "\\x%02x", data[run++]);
		data += run;
		len -= run;
	}
	return status;
}

static int put_head(pl_buffer *out, const pl_message_line *line)
{
	char guid[PL_GUID_TEXT];
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	pl_guid_encode(guid, line->guid);
	return pl_buffer_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %.*s %c %s%s %zu ",
				utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
				utc.tm_min, utc.tm_sec, (int)(now.tv_nsec / 1000000), PL_GUID_TEXT,
				guid, line->sent ? '>' : '<', line->kind, line->more ? "..." : "",
				line->len);
}

static int put_line(pl_message_log *self, const pl_message_line *line)
{
	pl_buffer *out = &self->waiting;
	int status = put_head(out, line);

	if (!status)
		status = line->is_text && !self->raw ? put_text(out, line->data, line->len)
						     : put_hex(out, line->data, line->len);
	return status ? status : pl_buffer_append(out, "\n", 1);
}

void pl_message_log_put(pl_message_log *self, const pl_message_line *line)
{
	size_t most = (size_t)self->limits->message_log;
	size_t before = self->waiting.len;

	if (put_line(self, line) || (before > 0 && self->waiting.len > most)) {
		self->waiting.len = before;
		self->lost++;
	}
	hold(self, true);
	pl_loop_defer(self->loop, &self->flush);
}

/* Life. */

int pl_message_log_new(pl_message_log **result, pl_loop *loop, const char *path, bool raw,
		       const pl_limits *limits)
{
	size_t len = strlen(path);
	pl_message_log *self = pl_calloc(1, sizeof(*self) + len + 1);

	if (!self)
		return PL_ENOMEM;
	memcpy(self->path, path, len);
	self->loop = loop;
	self->limits = limits;
	self->fd = -1;
	self->raw = raw;
	pl_deferred_init(&self->flush, run_flush);
	*result = self;
	return PL_OK;
}

void pl_message_log_free(pl_message_log *self)
{
	if (!self)
		return;
	self->released = true;
	hold(self, false);
	pl_deferred_cancel(&self->flush);
	if (self->writing)
		return;
	if (self->waiting.len > 0)
		write_on(self);
	else
		destroy(self);
}
