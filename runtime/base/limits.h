/*
 * limits.h - everything that a peer can make grow, with its name and default.
 *
 * The names are those of the `limits` option in Lua. Sizes are bytes, times are
 * seconds in Lua and milliseconds here.
 */
#ifndef PL_BASE_LIMITS_H
#define PL_BASE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

enum pl_limit_unit { PL_LIMIT_BYTES, PL_LIMIT_COUNT, PL_LIMIT_SECONDS };

/* X(name, unit, default, smallest, largest, what it bounds) */
#define PL_LIMITS_MAP(X)                                                                           \
	X(request_line, BYTES, 8192, 64, 1 << 20, "an HTTP request line")                          \
	X(header_block, BYTES, 32768, 256, 1 << 20, "all header fields of a request")              \
	X(header_count, COUNT, 100, 1, 100, "header fields of a request")                          \
	X(body, BYTES, 1 << 20, 0, 1 << 30, "a request body kept in memory")                       \
	X(body_window, BYTES, 65536, 1024, 1 << 30, "a request body that waits for request:read")  \
	X(upload, BYTES, INT64_C(64) << 30, 0, INT64_C(1) << 50, "a body that is an upload")       \
	X(upload_parts, COUNT, 1000, 1, 1 << 20, "parts of a form")                                \
	X(upload_part_head, BYTES, 8192, 64, 1 << 20, "the fields of a part of a form")            \
	X(message, BYTES, 16 << 20, 1, 1 << 30, "a WebSocket message")                             \
	X(fragments, COUNT, 65536, 1, 1 << 30, "fragments of a WebSocket message")                 \
	X(fragmented_bytes, BYTES, 1 << 30, 1, INT64_C(1) << 40,                                   \
	  "what OnFragmented gets in all of a message, with fragmented_messages = 'all'")          \
	X(pending_events, COUNT, 64, 1, 65536, "messages waiting for a handler that waits")        \
	X(pipelined, COUNT, 32, 1, 65536, "requests answered for one read")                        \
	X(high_water, BYTES, 1 << 20, 1024, 1 << 30,                                               \
	  "queued output that makes write say buffered")                                           \
	X(low_water, BYTES, 256 << 10, 0, 1 << 30, "queued output at which OnDrain comes")         \
	X(send_queue, BYTES, 16 << 20, 1024, 1 << 30,                                              \
	  "queued output at which a connection closes")                                            \
	X(kept_messages, BYTES, 16 << 20, 0, 1 << 30,                                              \
	  "messages a client keeps while it is not connected")                                     \
	X(in_flight, COUNT, 1024, 1, 65535, "MQTT messages that are not acknowledged at a time")   \
	X(message_log, BYTES, 16 << 20, 1024, 1 << 30,                                             \
	  "lines that wait to be written to log_file")                                             \
	X(worker_backlog, BYTES, 64 << 20, 1024, 1 << 30, "messages waiting for another worker")   \
	X(accept_rate, COUNT, 1 << 20, 1, 1 << 20, "connections a server takes in a second")       \
	X(connections, COUNT, 100000, 1, 1 << 24, "connections of a server")                       \
	X(connections_per_address, COUNT, 1024, 1, 1 << 24, "connections of one client address")   \
	X(channels_per_connection, COUNT, 1024, 1, 1 << 20,                                        \
	  "channels one connection subscribes to")                                                 \
	X(file_cache, BYTES, 16 << 20, 0, 1 << 30, "memory that keeps served files")               \
	X(cached_file, BYTES, 128 << 10, 0, 1 << 30, "a file that is kept in memory")              \
	X(gzip_file, BYTES, 4 << 20, 0, 1 << 30, "a file that is compressed")                      \
	X(ranges, COUNT, 16, 0, 64, "ranges of a request for a file")                              \
	X(failed_logins, COUNT, 20, 1, 1 << 20, "wrong passwords of one client address")           \
	X(failed_login_time, SECONDS, 60000, 10, 86400000, "how long these count")                 \
	X(password_hashes, COUNT, 2, 1, 64, "passwords that are hashed at a time")                 \
	X(password_queue, COUNT, 128, 1, 65536, "passwords that wait to be hashed")                \
	X(login_sessions, COUNT, 65536, 1, 1 << 24, "sessions of authentication")                  \
	X(login_sessions_per_user, COUNT, 1024, 1, 1 << 24,                                        \
	  "sessions of authentication of one user")                                                \
	X(handshake_timeout, SECONDS, 10000, 10, 86400000,                                         \
	  "a TLS handshake, OnTCPConnect, OnHandshake, an authentication")                         \
	X(tls_handshakes, COUNT, 16, 1, 65536, "steps of TLS handshakes in one turn")              \
	X(header_timeout, SECONDS, 10000, 10, 86400000, "a whole request head")                    \
	X(body_timeout, SECONDS, 30000, 10, 86400000, "silence within a request body")             \
	X(keep_alive, SECONDS, 60000, 10, 86400000, "an idle HTTP connection")                     \
	X(keep_alive_requests, COUNT, 1000000, 1, 1 << 30, "requests of an HTTP connection")       \
	X(write_timeout, SECONDS, 30000, 10, 86400000, "output that makes no progress")            \
	X(close_timeout, SECONDS, 5000, 10, 86400000, "the peer's answer to a Close frame")        \
	X(drain_time, SECONDS, 0, 0, 86400000, "over which a server that stops spreads its Closes")

typedef struct pl_limits {
#define X(name, unit, standard, smallest, largest, text) int64_t name;
	PL_LIMITS_MAP(X)
#undef X
} pl_limits;

typedef struct pl_limit_info {
	const char *name;
	const char *text;
	size_t offset; /* of the int64_t within pl_limits */
	enum pl_limit_unit unit;
	int64_t standard;
	int64_t smallest;
	int64_t largest;
} pl_limit_info;

void pl_limits_init(pl_limits *limits); /* the defaults */

/* The table, in the order above; *count receives its length. */
const pl_limit_info *pl_limits_table(size_t *count);

#endif
