#include "codec/sse.h"

enum state {
	MARK_1, /* at the start of the stream, where a byte order mark is passed over */
	MARK_2,
	MARK_3,
	NAME,
	COLON, /* behind it: one space is not of the value */
	VALUE
};

static const char mark[] = "\xEF\xBB\xBF";

static const struct {
	pl_slice name;
	enum pl_sse_kind kind;
} names[] = {
	{ { "data", 4 }, PL_SSE_DATA },
	{ { "event", 5 }, PL_SSE_EVENT },
	{ { "id", 2 }, PL_SSE_ID },
	{ { "retry", 5 }, PL_SSE_RETRY },
};

static enum pl_sse_kind kind_of(const pl_sse *sse)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sse->name_len == names[i].name.len &&
		    memcmp(sse->name, names[i].name.at, sse->name_len) == 0)
			return names[i].kind;
	return PL_SSE_NOTHING;
}

static bool ends_line(char c)
{
	return c == '\n' || c == '\r';
}

/* Bytes of a mark that is none begin a name that nobody knows. */
static void take_mark(pl_sse *sse, char c)
{
	if (c == mark[sse->state]) {
		sse->state++;
	} else {
		sse->name_len = PL_SSE_NAME_MAX + 1;
		sse->state = NAME;
	}
}

static void take_name(pl_sse *sse, char c)
{
	if (c == ':') {
		sse->kind = (uint8_t)kind_of(sse);
		sse->state = COLON;
	} else if (sse->name_len < PL_SSE_NAME_MAX) {
		sse->name[sse->name_len++] = c;
	} else {
		sse->name_len = PL_SSE_NAME_MAX + 1;
	}
}

/* The end of a line, which is an empty one, a name alone, or a name and a value. */
static void end_line(pl_sse *sse, char c, pl_sse_piece *piece)
{
	if (sse->state == NAME && sse->name_len == 0)
		piece->kind = PL_SSE_DISPATCH;
	else if (sse->state <= NAME)
		piece->kind = kind_of(sse);
	piece->end = true;
	*sse = (pl_sse){ .state = NAME, .after_cr = c == '\r' };
}

/* Passes over what is before the value; the bytes used. */
static size_t take_head(pl_sse *sse, const char *buf, size_t len)
{
	size_t used = 0;

	if (sse->after_cr && buf[0] == '\n')
		used = 1;
	sse->after_cr = false;
	if (used < len && sse->state == MARK_1 && buf[used] != mark[0])
		sse->state = NAME;
	while (used < len && sse->state < NAME && !ends_line(buf[used]))
		take_mark(sse, buf[used++]);
	while (used < len && sse->state == NAME && !ends_line(buf[used]))
		take_name(sse, buf[used++]);
	if (used < len && sse->state == COLON && !ends_line(buf[used])) {
		used += buf[used] == ' ';
		sse->state = VALUE;
	}
	return used;
}

size_t pl_sse_decode(pl_sse *sse, const char *buf, size_t len, pl_sse_piece *piece)
{
	size_t used = take_head(sse, buf, len), from = used;

	*piece = (pl_sse_piece){ .kind = (enum pl_sse_kind)sse->kind };
	if (sse->state == VALUE)
		while (used < len && !ends_line(buf[used]))
			used++;
	piece->value = pl_slice_make(buf + from, used - from);
	if (used < len) {
		end_line(sse, buf[used], piece);
		used++;
	}
	return used;
}
