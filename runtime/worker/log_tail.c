#include "worker/log_tail.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pl_log_tail_line *lines; /* number n is at n modulo their count */
static uint64_t last;

static void write_line(const char *text, size_t len)
{
	const struct iovec parts[] = { { (void *)(uintptr_t)text, len },
				       { (void *)(uintptr_t) "\n", 1 } };
	ssize_t written;

	do
		written = writev(STDERR_FILENO, parts, 2);
	while (written < 0 && errno == EINTR);
}

/* Without the begin of a UTF-8 sequence whose end is cut off. */
static size_t cut(const char *text, size_t len)
{
	if (len <= PL_LOG_TAIL_LINE)
		return len;
	len = PL_LOG_TAIL_LINE;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void keep(void *context, enum pl_log_level level, const char *text, size_t len)
{
	pl_log_tail_line *line;

	(void)context, (void)level;
	write_line(text, len);
	pthread_mutex_lock(&lock);
	if (lines) {
		line = &lines[++last % PL_LOG_TAIL_LINES];
		line->number = last;
		line->len = cut(text, len);
		memcpy(line->text, text, line->len);
	}
	pthread_mutex_unlock(&lock);
}

int pl_log_tail_begin(void)
{
	bool begun;
	bool there;

	pthread_mutex_lock(&lock);
	begun = lines != NULL;
	if (!begun)
		lines = pl_calloc(PL_LOG_TAIL_LINES, sizeof(*lines));
	there = lines != NULL;
	pthread_mutex_unlock(&lock);
	if (!there)
		return PL_ENOMEM;
	if (!begun)
		pl_log_set_sink(keep, NULL);
	return PL_OK;
}

void pl_log_tail_end(void)
{
	bool begun;

	pthread_mutex_lock(&lock);
	begun = lines != NULL;
	pl_free(lines);
	lines = NULL;
	last = 0;
	pthread_mutex_unlock(&lock);
	if (begun)
		pl_log_set_sink(NULL, NULL);
}

bool pl_log_tail_next(uint64_t after, pl_log_tail_line *line)
{
	bool found;

	pthread_mutex_lock(&lock);
	if (last > PL_LOG_TAIL_LINES && after < last - PL_LOG_TAIL_LINES)
		after = last - PL_LOG_TAIL_LINES;
	found = lines && after < last;
	if (found)
		*line = lines[(after + 1) % PL_LOG_TAIL_LINES];
	pthread_mutex_unlock(&lock);
	return found;
}
