#include "codec/file_name.h"

#include "codec/utf8.h"

enum { ENDING_MAX = 20, NAME_MAX_BYTES = 255 };

static pl_slice last_of_path(pl_slice name)
{
	size_t at = name.len;

	while (at > 0 && name.at[at - 1] != '/' && name.at[at - 1] != '\\')
		at--;
	return pl_slice_make(name.at + at, name.len - at);
}

/* The bytes of the character in front; 0: it is none. */
static size_t character(pl_slice text)
{
	pl_utf8 utf8 = { 0 };
	size_t len = 0;

	while (len < text.len && len < 4) {
		if (!pl_utf8_feed(&utf8, (const uint8_t *)text.at + len, 1))
			return 0;
		len++;
		if (pl_utf8_done(&utf8))
			return len;
	}
	return 0;
}

/* U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069; C1 controls; line separators. */
static bool turns(const char *at, size_t len)
{
	const unsigned char *c = (const unsigned char *)at;

	if (len == 2)
		return (c[0] == 0xD8 && c[1] == 0x9C) || (c[0] == 0xC2 && c[1] < 0xA0);
	if (len != 3 || c[0] != 0xE2)
		return false;
	return (c[1] == 0x80 && (c[2] == 0x8E || c[2] == 0x8F || (c[2] >= 0xA8 && c[2] <= 0xAE))) ||
	       (c[1] == 0x81 && c[2] >= 0xA6 && c[2] <= 0xA9);
}

static bool harmful(char c)
{
	static const char others[] = { '<', '>', ':', '"', '|', '?', '*' };

	return (unsigned char)c < 0x20 || c == 0x7F || memchr(others, c, sizeof(others)) != NULL;
}

/* One character of the name in out; the bytes that it had before. */
static size_t put_character(char *out, size_t *len, pl_slice text)
{
	size_t size = character(text);

	if (size == 0 || turns(text.at, size) || harmful(*text.at)) {
		out[(*len)++] = '_';
		return size ? size : 1;
	}
	memcpy(out + *len, text.at, size);
	*len += size;
	return size;
}

static bool is_blank_end(char c)
{
	return c == ' ' || c == '.';
}

/* "NUL", "nul.txt", "COM1". */
static bool is_device(pl_slice name)
{
	static const char *const words[] = { "CON", "PRN", "AUX", "NUL", "COM", "LPT" };
	pl_slice stem = pl_slice_make(name.at, pl_slice_find(name, '.'));

	while (stem.len > 0 && stem.at[stem.len - 1] == ' ')
		stem.len--;
	for (size_t i = 0; i < 6; i++) {
		bool numbered = i >= 4;

		if (stem.len == (numbered ? 4u : 3u) &&
		    pl_slice_equal_nocase(pl_slice_make(stem.at, 3), pl_slice_make(words[i], 3)) &&
		    (!numbered || (stem.at[3] >= '0' && stem.at[3] <= '9')))
			return true;
	}
	return false;
}

/* Where the ending begins that a cut name keeps; name.len: it has none. */
static size_t ending(pl_slice name)
{
	size_t at = name.len;

	while (at > 1 && name.len - at < ENDING_MAX && name.at[at - 1] != '.')
		at--;
	return at > 1 && name.at[at - 1] == '.' ? at - 1 : name.len;
}

/* Characters from the front of the text while `room` holds them. */
static size_t put_text(char *out, size_t room, pl_slice text)
{
	size_t len = 0;

	while (text.len > 0) {
		size_t size = character(text);
		size_t used;

		if (len + (size ? size : 1) > room)
			break;
		used = put_character(out, &len, text);
		text = pl_slice_make(text.at + used, text.len - used);
	}
	return len;
}

/* The name within `room` bytes: its front, then its ending. */
static size_t put_name(char *out, size_t room, pl_slice name)
{
	size_t end = name.len <= room ? name.len : ending(name);
	size_t tail = name.len - end;
	size_t len = put_text(out, room - tail, pl_slice_make(name.at, end));

	return len + put_text(out + len, tail, pl_slice_make(name.at + end, tail));
}

static bool ends_in(const char *text, size_t len, pl_slice end)
{
	return len >= end.len &&
	       pl_slice_equal_nocase(pl_slice_make(text + len - end.len, end.len), end);
}

size_t pl_file_name_safe(char out[PL_FILE_NAME_MAX], pl_slice name)
{
	pl_slice rest = last_of_path(name);
	size_t len, front = 0;

	while (rest.len > 0 && *rest.at == ' ')
		rest = pl_slice_make(rest.at + 1, rest.len - 1);
	while (rest.len > 0 && is_blank_end(rest.at[rest.len - 1]))
		rest.len--;
	if (rest.len == 0)
		rest = PL_SLICE("upload");
	if (is_device(rest))
		out[front++] = '_';
	len = front + put_name(out + front, PL_FILE_NAME_MAX - 2, rest);
	if (out[0] == '.' || out[0] == '~')
		out[0] = '_';
	while (len > 1 && is_blank_end(out[len - 1]))
		len--;
	if (ends_in(out, len, PL_SLICE(".sgc_ps")))
		out[len++] = '_';
	return len;
}

bool pl_file_name_valid(pl_slice name)
{
	if (name.len == 0 || name.len > NAME_MAX_BYTES || memchr(name.at, '/', name.len) ||
	    memchr(name.at, '\0', name.len))
		return false;
	return !pl_slice_equal(name, PL_SLICE(".")) && !pl_slice_equal(name, PL_SLICE(".."));
}
