#include "codec/http_text.h"

#include <string.h>

const char *pl_http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} table[] = {
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 102, "Processing" },
		{ 103, "Early Hints" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 203, "Non-Authoritative Information" },
		{ 204, "No Content" },
		{ 205, "Reset Content" },
		{ 206, "Partial Content" },
		{ 207, "Multi-Status" },
		{ 208, "Already Reported" },
		{ 226, "IM Used" },
		{ 300, "Multiple Choices" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 305, "Use Proxy" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" },
		{ 423, "Locked" },
		{ 424, "Failed Dependency" },
		{ 425, "Too Early" },
		{ 426, "Upgrade Required" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 451, "Unavailable For Legal Reasons" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 506, "Variant Also Negotiates" },
		{ 507, "Insufficient Storage" },
		{ 508, "Loop Detected" },
		{ 510, "Not Extended" },
		{ 511, "Network Authentication Required" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].status == status)
			return table[i].reason;
	return "";
}

typedef struct civil {
	int64_t year;
	unsigned month; /* 0..11 */
	unsigned day;	/* 1..31 */
} civil;

/* The date of a day since 1970. Counts from 0000-03-01, so that the leap day is a year's last
 * and the lengths of the months before it follow one line: day 30.6 * m starts month m. */
static civil civil_from_days(int64_t days)
{
	int64_t shifted = days + 719468;
	int64_t era = shifted / 146097; /* of 400 years */
	unsigned day_of_era = (unsigned)(shifted % 146097);
	unsigned year =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day = day_of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * day + 2) / 153; /* 0 is March */

	return (civil){
		.year = era * 400 + year + (month >= 10),
		.month = (month + 2) % 12,
		.day = day - (153 * month + 2) / 5 + 1,
	};
}

static char *put_text(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	return at + len;
}

static char *put_number(char *at, int64_t value, size_t digits)
{
	for (size_t i = digits; i-- > 0; value /= 10)
		at[i] = (char)('0' + value % 10);
	return at + digits;
}

void pl_http_date_encode(char out[PL_HTTP_DATE_SIZE], int64_t seconds)
{
	static const char weekdays[] = "Thu, Fri, Sat, Sun, Mon, Tue, Wed, ";
	static const char months[] = " Jan  Feb  Mar  Apr  May  Jun  Jul  Aug  Sep  Oct  Nov  Dec ";
	int64_t days = seconds / 86400;
	int64_t time = seconds % 86400;
	civil date = civil_from_days(days);
	char *at = put_text(out, weekdays + days % 7 * 5, 5);

	at = put_number(at, date.day, 2);
	at = put_text(at, months + date.month * 5, 5);
	at = put_number(at, date.year, 4);
	*at++ = ' ';
	at = put_number(at, time / 3600, 2);
	*at++ = ':';
	at = put_number(at, time / 60 % 60, 2);
	*at++ = ':';
	at = put_number(at, time % 60, 2);
	put_text(at, " GMT", 4);
}

/* The name's ending behind its last dot, or empty. */
static pl_slice ending(pl_slice name)
{
	for (size_t i = name.len; i-- > 0 && name.at[i] != '/';)
		if (name.at[i] == '.')
			return pl_slice_make(name.at + i + 1, name.len - i - 1);
	return PL_SLICE("");
}

const char *pl_http_media_type(pl_slice file_name)
{
	static const struct {
		pl_slice ending;
		const char *type;
	} table[] = {
#define ROW(ending, type) { { ending, sizeof(ending) - 1 }, type }
		ROW("html", "text/html; charset=utf-8"),
		ROW("js", "text/javascript; charset=utf-8"),
		ROW("css", "text/css; charset=utf-8"),
		ROW("json", "application/json"),
		ROW("svg", "image/svg+xml"),
		ROW("png", "image/png"),
		ROW("ico", "image/vnd.microsoft.icon"),
		ROW("woff2", "font/woff2"),
		ROW("7z", "application/x-7z-compressed"),
		ROW("aac", "audio/aac"),
		ROW("apng", "image/apng"),
		ROW("atom", "application/atom+xml"),
		ROW("avif", "image/avif"),
		ROW("bmp", "image/bmp"),
		ROW("csv", "text/csv; charset=utf-8"),
		ROW("flac", "audio/flac"),
		ROW("gif", "image/gif"),
		ROW("gz", "application/gzip"),
		ROW("htm", "text/html; charset=utf-8"),
		ROW("ics", "text/calendar; charset=utf-8"),
		ROW("jpeg", "image/jpeg"),
		ROW("jpg", "image/jpeg"),
		ROW("jsonld", "application/ld+json"),
		ROW("m3u8", "application/vnd.apple.mpegurl"),
		ROW("m4a", "audio/mp4"),
		ROW("m4v", "video/mp4"),
		ROW("map", "application/json"),
		ROW("md", "text/markdown; charset=utf-8"),
		ROW("mjs", "text/javascript; charset=utf-8"),
		ROW("mov", "video/quicktime"),
		ROW("mp3", "audio/mpeg"),
		ROW("mp4", "video/mp4"),
		ROW("oga", "audio/ogg"),
		ROW("ogg", "audio/ogg"),
		ROW("ogv", "video/ogg"),
		ROW("opus", "audio/ogg"),
		ROW("otf", "font/otf"),
		ROW("pdf", "application/pdf"),
		ROW("rss", "application/rss+xml"),
		ROW("tar", "application/x-tar"),
		ROW("ts", "video/mp2t"),
		ROW("ttf", "font/ttf"),
		ROW("txt", "text/plain; charset=utf-8"),
		ROW("vtt", "text/vtt; charset=utf-8"),
		ROW("wasm", "application/wasm"),
		ROW("wav", "audio/wav"),
		ROW("weba", "audio/webm"),
		ROW("webm", "video/webm"),
		ROW("webmanifest", "application/manifest+json"),
		ROW("webp", "image/webp"),
		ROW("woff", "font/woff"),
		ROW("xhtml", "application/xhtml+xml"),
		ROW("xml", "application/xml"),
		ROW("yaml", "application/yaml"),
		ROW("yml", "application/yaml"),
		ROW("zip", "application/zip"),
#undef ROW
	};
	pl_slice wanted = ending(file_name);

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (pl_slice_equal_nocase(table[i].ending, wanted))
			return table[i].type;
	return "application/octet-stream";
}
