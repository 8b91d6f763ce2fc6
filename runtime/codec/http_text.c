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
		ROW("3gp", "video/3gpp"),
		ROW("7z", "application/x-7z-compressed"),
		ROW("aac", "audio/aac"),
		ROW("apng", "image/apng"),
		ROW("atom", "application/atom+xml"),
		ROW("avi", "video/x-msvideo"),
		ROW("avif", "image/avif"),
		ROW("bmp", "image/bmp"),
		ROW("br", "application/x-brotli"),
		ROW("bz2", "application/x-bzip2"),
		ROW("cjs", "text/javascript; charset=utf-8"),
		ROW("conf", "text/plain; charset=utf-8"),
		ROW("csv", "text/csv; charset=utf-8"),
		ROW("deb", "application/vnd.debian.binary-package"),
		ROW("doc", "application/msword"),
		ROW("docx",
		    "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
		ROW("eot", "application/vnd.ms-fontobject"),
		ROW("epub", "application/epub+zip"),
		ROW("flac", "audio/flac"),
		ROW("geojson", "application/geo+json"),
		ROW("gif", "image/gif"),
		ROW("glb", "model/gltf-binary"),
		ROW("gltf", "model/gltf+json"),
		ROW("gpx", "application/gpx+xml"),
		ROW("gz", "application/gzip"),
		ROW("heic", "image/heic"),
		ROW("htm", "text/html; charset=utf-8"),
		ROW("ics", "text/calendar; charset=utf-8"),
		ROW("ini", "text/plain; charset=utf-8"),
		ROW("jar", "application/java-archive"),
		ROW("jpeg", "image/jpeg"),
		ROW("jpg", "image/jpeg"),
		ROW("jsonld", "application/ld+json"),
		ROW("jxl", "image/jxl"),
		ROW("kml", "application/vnd.google-earth.kml+xml"),
		ROW("log", "text/plain; charset=utf-8"),
		ROW("lua", "text/plain; charset=utf-8"),
		ROW("m3u8", "application/vnd.apple.mpegurl"),
		ROW("m4a", "audio/mp4"),
		ROW("m4v", "video/mp4"),
		ROW("map", "application/json"),
		ROW("md", "text/markdown; charset=utf-8"),
		ROW("mid", "audio/midi"),
		ROW("midi", "audio/midi"),
		ROW("mjs", "text/javascript; charset=utf-8"),
		ROW("mkv", "video/matroska"),
		ROW("mov", "video/quicktime"),
		ROW("mp3", "audio/mpeg"),
		ROW("mp4", "video/mp4"),
		ROW("mpd", "application/dash+xml"),
		ROW("mpeg", "video/mpeg"),
		ROW("mpg", "video/mpeg"),
		ROW("ndjson", "application/x-ndjson"),
		ROW("odp", "application/vnd.oasis.opendocument.presentation"),
		ROW("ods", "application/vnd.oasis.opendocument.spreadsheet"),
		ROW("odt", "application/vnd.oasis.opendocument.text"),
		ROW("oga", "audio/ogg"),
		ROW("ogg", "audio/ogg"),
		ROW("ogv", "video/ogg"),
		ROW("opus", "audio/ogg"),
		ROW("otf", "font/otf"),
		ROW("pdf", "application/pdf"),
		ROW("ppt", "application/vnd.ms-powerpoint"),
		ROW("pptx",
		    "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
		ROW("rar", "application/vnd.rar"),
		ROW("rss", "application/rss+xml"),
		ROW("rtf", "application/rtf"),
		ROW("sql", "application/sql"),
		ROW("tar", "application/x-tar"),
		ROW("tif", "image/tiff"),
		ROW("tiff", "image/tiff"),
		ROW("toml", "application/toml"),
		ROW("ts", "video/mp2t"),
		ROW("tsv", "text/tab-separated-values; charset=utf-8"),
		ROW("ttf", "font/ttf"),
		ROW("txt", "text/plain; charset=utf-8"),
		ROW("vcf", "text/vcard; charset=utf-8"),
		ROW("vtt", "text/vtt; charset=utf-8"),
		ROW("wasm", "application/wasm"),
		ROW("wav", "audio/wav"),
		ROW("weba", "audio/webm"),
		ROW("webm", "video/webm"),
		ROW("webmanifest", "application/manifest+json"),
		ROW("webp", "image/webp"),
		ROW("woff", "font/woff"),
		ROW("xhtml", "application/xhtml+xml"),
		ROW("xls", "application/vnd.ms-excel"),
		ROW("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
		ROW("xml", "application/xml"),
		ROW("xsl", "application/xslt+xml"),
		ROW("xz", "application/x-xz"),
		ROW("yaml", "application/yaml"),
		ROW("yml", "application/yaml"),
		ROW("zip", "application/zip"),
		ROW("zst", "application/zstd"),
#undef ROW
	};
	pl_slice wanted = ending(file_name);

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (pl_slice_equal_nocase(table[i].ending, wanted))
			return table[i].type;
	return "application/octet-stream";
}

static bool has_ending(pl_slice text, pl_slice wanted)
{
	return text.len > wanted.len &&
	       pl_slice_equal_nocase(pl_slice_make(text.at + text.len - wanted.len, wanted.len),
				     wanted);
}

static bool has_beginning(pl_slice text, pl_slice wanted)
{
	return text.len > wanted.len &&
	       pl_slice_equal_nocase(pl_slice_make(text.at, wanted.len), wanted);
}

bool pl_http_media_compressible(pl_slice type)
{
	static const pl_slice names[] = {
#define NAME(text) { text, sizeof(text) - 1 }
		NAME("application/javascript"),
		NAME("application/json"),
		NAME("application/rtf"),
		NAME("application/sql"),
		NAME("application/toml"),
		NAME("application/vnd.apple.mpegurl"),
		NAME("application/vnd.ms-fontobject"),
		NAME("application/wasm"),
		NAME("application/x-javascript"),
		NAME("application/x-ndjson"),
		NAME("application/xml"),
		NAME("application/yaml"),
		NAME("font/otf"),
		NAME("font/ttf"),
		NAME("image/bmp"),
		NAME("image/vnd.microsoft.icon"),
#undef NAME
	};

	type = pl_slice_trim(pl_slice_make(type.at, pl_slice_find(type, ';')));
	if (pl_slice_equal_nocase(type, PL_SLICE("text/event-stream")))
		return false; /* its pieces have to arrive as they are written */
	if (has_beginning(type, PL_SLICE("text/")) || has_ending(type, PL_SLICE("+json")) ||
	    has_ending(type, PL_SLICE("+xml")))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pl_slice_equal_nocase(type, names[i]))
			return true;
	return false;
}
