/* log.c - one entry, one write. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CUT_MARK " [cut]"

/* With its newline an entry fits PIPE_BUF: a pipe does not mix it with others. */
enum { ENTRY_MAX = 4096, TEXT_END = ENTRY_MAX - (int)sizeof(CUT_MARK) };

typedef struct log_entry {
	size_t len;
	bool cut;
	char line[ENTRY_MAX];
} log_entry;

typedef void sink_function(void *context, enum pl_log_level level, const char *line, size_t len);

static const char *const names[] = { "error", "warn", "info", "debug" };

static atomic_int highest = PL_LOG_INFO;

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static sink_function *sink;
static void *sink_context;
static _Thread_local bool inside_sink;

void pl_log_set_level(enum pl_log_level level)
{
	atomic_store_explicit(&highest, (int)level, memory_order_relaxed);
}

bool pl_log_enabled(enum pl_log_level level)
{
	return (int)level <= atomic_load_explicit(&highest, memory_order_relaxed);
}

bool pl_log_level_parse(const char *name, enum pl_log_level *level)
{
	for (int i = PL_LOG_ERROR; i <= PL_LOG_DEBUG; i++) {
		if (strcmp(name, names[i]) == 0) {
			*level = (enum pl_log_level)i;
			return true;
		}
	}
	return false;
}

void pl_log_set_sink(void (*to)(void *context, enum pl_log_level level, const char *line,
				size_t len),
		     void *context)
{
	pthread_mutex_lock(&sink_lock);
	sink = to;
	sink_context = context;
	pthread_mutex_unlock(&sink_lock);
}

/* All of the bytes or, where they do not fit, none and the end of the entry. */
static void put(log_entry *entry, const char *bytes, size_t len)
{
	if (entry->cut || len > TEXT_END - entry->len) {
		entry->cut = true;
		return;
	}
	memcpy(entry->line + entry->len, bytes, len);
	entry->len += len;
}

/* As many of the bytes as fit without a part of a UTF-8 sequence at the end. */
static void put_some(log_entry *entry, const char *bytes, size_t len)
{
	size_t room = TEXT_END - entry->len;

	if (len > room) {
		while (room > 0 && ((unsigned char)bytes[room] & 0xc0) == 0x80)
			room--;
		put(entry, bytes, room);
		entry->cut = true;
		return;
	}
	put(entry, bytes, len);
}

enum { ESCAPED_MAX = 2 };

/* How many bytes at text, of len > 0, have to be escaped: 1 for a control byte, 2 for
 * U+0080 to U+009F in UTF-8, which a terminal obeys as it does ESC and a letter. */
static size_t escaped_len(const char *text, size_t len)
{
	unsigned char byte = (unsigned char)text[0];

	if (byte < 0x20 || byte == 0x7f)
		return 1;
	if (byte == 0xc2 && len > 1 && ((unsigned char)text[1] & 0xe0) == 0x80)
		return 2;
	return 0;
}

static size_t plain_len(const char *text, size_t len)
{
	size_t plain = 0;

	while (plain < len && escaped_len(text + plain, len - plain) == 0)
		plain++;
	return plain;
}

static void put_escaped(log_entry *entry, const char *text, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char escapes[ESCAPED_MAX * 4];
	char *at = escapes;

	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		*at++ = '\\';
		*at++ = 'x';
		*at++ = digits[byte >> 4];
		*at++ = digits[byte & 15];
	}
	put(entry, escapes, (size_t)(at - escapes));
}

static void put_text(log_entry *entry, const char *text, size_t len)
{
	while (len > 0 && !entry->cut) {
		size_t used = escaped_len(text, len);

		if (used > 0) {
			put_escaped(entry, text, used);
		} else {
			used = plain_len(text, len);
			put_some(entry, text, used);
		}
		text += used;
		len -= used;
	}
}

static void put_lines(log_entry *entry, const char *text, size_t len)
{
	static const char indent[] = "\n    ";
	const char *end;

	while (len > 0 && !entry->cut && (end = memchr(text, '\n', len)) != NULL) {
		put_text(entry, text, (size_t)(end - text));
		put(entry, indent, sizeof(indent) - 1);
		len -= (size_t)(end - text) + 1;
		text = end + 1;
		/* The indent stands for the tab of a traceback's line. */
		if (len > 0 && *text == '\t') {
			text++;
			len--;
		}
	}
	put_text(entry, text, len);
}

static void begin(log_entry *entry, enum pl_log_level level)
{
	struct timespec now;
	struct tm utc;
	char head[64];
	int len;

	timespec_get(&now, TIME_UTC);
	gmtime_r(&now.tv_sec, &utc);
	len = snprintf(head, sizeof(head), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %-5s ",
		       utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		       utc.tm_sec, (int)(now.tv_nsec / 1000000), names[level]);
	entry->len = 0;
	entry->cut = false;
	put(entry, head, (size_t)len);
}

/* What a sink logs itself goes to standard error, not round in circles. */
static bool give_to_sink(enum pl_log_level level, const log_entry *entry)
{
	bool given;

	if (inside_sink)
		return false;
	pthread_mutex_lock(&sink_lock);
	given = sink != NULL;
	if (given) {
		inside_sink = true;
		sink(sink_context, level, entry->line, entry->len);
		inside_sink = false;
	}
	pthread_mutex_unlock(&sink_lock);
	return given;
}

static void write_line(log_entry *entry)
{
	ssize_t written;

	entry->line[entry->len++] = '\n';
	do {
		written = write(STDERR_FILENO, entry->line, entry->len);
	} while (written < 0 && errno == EINTR);
}

static void end(log_entry *entry, enum pl_log_level level)
{
	if (entry->cut) {
		memcpy(entry->line + entry->len, CUT_MARK, sizeof(CUT_MARK) - 1);
		entry->len += sizeof(CUT_MARK) - 1;
	}
	if (!give_to_sink(level, entry))
		write_line(entry);
}

/* Callers log between a failed call and their look at errno. */
void pl_log(enum pl_log_level level, const char *format, ...)
{
	int saved = errno;
	char text[ENTRY_MAX];
	log_entry entry;
	va_list args;
	int len;

	if (!pl_log_enabled(level))
		return;
	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	begin(&entry, level);
	if (len < 0)
		put_text(&entry, format, strlen(format));
	else
		put_text(&entry, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
	end(&entry, level);
	errno = saved;
}

void pl_log_text(enum pl_log_level level, const char *text, size_t len)
{
	int saved = errno;
	log_entry entry;

	if (!pl_log_enabled(level))
		return;
	while (len > 0 && text[len - 1] == '\n')
		len--;
	begin(&entry, level);
	put_lines(&entry, text, len);
	end(&entry, level);
	errno = saved;
}
