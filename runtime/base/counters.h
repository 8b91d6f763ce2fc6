/*
 * counters.h - what the program has done, and what it holds, as numbers.
 *
 * Each worker's thread counts in a block of its own, with plain loads and stores: nobody else
 * writes there, and whoever wants to know adds the blocks up. What comes and goes is counted up and
 * down, in the same worker or not: only the sum means anything. Threads that are no worker's share
 * block 0 and may lose counts there.
 */
#ifndef PL_BASE_COUNTERS_H
#define PL_BASE_COUNTERS_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Blocks besides that of the other threads. */
enum { PL_COUNTERS_WORKERS = 256 };

/* F(family, name, type, what it is): as Prometheus knows them. */
#define PL_COUNTER_FAMILIES(F)                                                                     \
	F(ACCEPTED, "connections_accepted_total", "counter", "Connections let in by servers.")     \
	F(TURNED_AWAY, "connections_refused_total", "counter",                                     \
	  "Connections that servers turned away.")                                                 \
	F(CONNECTIONS, "connections", "gauge", "Connections of servers now.")                      \
	F(SESSIONS, "sessions_total", "counter", "Message sessions that servers began.")           \
	F(SUBSCRIPTIONS, "subscriptions", "gauge", "Subscriptions to channels now.")               \
	F(REFUSED, "handshakes_refused_total", "counter", "WebSocket handshakes refused.")         \
	F(RECEIVED, "messages_received_total", "counter",                                          \
	  "Messages received, also single fragments.")                                             \
	F(SENT, "messages_sent_total", "counter", "Messages sent, to each receiver.")              \
	F(BYTES_IN, "received_bytes_total", "counter", "Bytes read from TCP connections.")         \
	F(BYTES_OUT, "sent_bytes_total", "counter", "Bytes written to TCP connections.")           \
	F(QUEUE, "queue_bytes", "gauge", "Messages that wait for peers who do not read.")          \
	F(DROPPED, "slow_peers_dropped_total", "counter",                                          \
	  "Connections dropped because send_queue was full.")                                      \
	F(LEFT_OUT, "messages_left_out_total", "counter",                                          \
	  "Messages that a peer did not get because it read too slowly.")                          \
	F(HEARTBEAT, "heartbeat_timeouts_total", "counter",                                        \
	  "Connections dropped because a ping had no answer.")                                     \
	F(HTTP, "http_requests_total", "counter", "Answers of servers to HTTP requests.")          \
	F(TLS, "tls_handshakes_total", "counter", "TLS handshakes of servers.")                    \
	F(ERRORS, "handler_errors_total", "counter", "Handlers of scripts that threw.")            \
	F(SLOW, "slow_handlers_total", "counter",                                                  \
	  "Handlers that held their worker for too long at a time.")                               \
	F(LUA, "lua_memory_bytes", "gauge", "Memory of the Lua states.")                           \
	F(SERIES, "metric_series_refused_total", "counter",                                        \
	  "Series of scripts' metrics that the limit refused.")

#define PL_COUNTER_HTTP(X, method, label)                                                          \
	X(HTTP_##method##_1, HTTP, "method=\"" label "\",status=\"1xx\"")                          \
	X(HTTP_##method##_2, HTTP, "method=\"" label "\",status=\"2xx\"")                          \
	X(HTTP_##method##_3, HTTP, "method=\"" label "\",status=\"3xx\"")                          \
	X(HTTP_##method##_4, HTTP, "method=\"" label "\",status=\"4xx\"")                          \
	X(HTTP_##method##_5, HTTP, "method=\"" label "\",status=\"5xx\"")

/* X(counter, family, labels): those of a family follow each other. */
#define PL_COUNTERS_MAP(X)                                                                         \
	X(ACCEPTED, ACCEPTED, "")                                                                  \
	X(TURNED_AWAY_CONNECTIONS, TURNED_AWAY, "reason=\"connections\"")                          \
	X(TURNED_AWAY_ADDRESS, TURNED_AWAY, "reason=\"connections_per_address\"")                  \
	X(TURNED_AWAY_MEMORY, TURNED_AWAY, "reason=\"memory\"")                                    \
	X(NOW_HTTP, CONNECTIONS, "transport=\"http\"")                                             \
	X(NOW_RFC6455, CONNECTIONS, "transport=\"rfc6455\"")                                       \
	X(NOW_HIXIE76, CONNECTIONS, "transport=\"hixie76\"")                                       \
	X(NOW_SSE, CONNECTIONS, "transport=\"sse\"")                                               \
	X(NOW_TCP, CONNECTIONS, "transport=\"tcp\"")                                               \
	X(NOW_OTHER, CONNECTIONS, "transport=\"other\"")                                           \
	X(SESSIONS_RFC6455, SESSIONS, "transport=\"rfc6455\"")                                     \
	X(SESSIONS_HIXIE76, SESSIONS, "transport=\"hixie76\"")                                     \
	X(SESSIONS_SSE, SESSIONS, "transport=\"sse\"")                                             \
	X(SESSIONS_TCP, SESSIONS, "transport=\"tcp\"")                                             \
	X(SESSIONS_OTHER, SESSIONS, "transport=\"other\"")                                         \
	X(SUBSCRIPTIONS, SUBSCRIPTIONS, "")                                                        \
	X(REFUSED_REQUEST, REFUSED, "reason=\"request\"")                                          \
	X(REFUSED_VERSION, REFUSED, "reason=\"version\"")                                          \
	X(REFUSED_ORIGIN, REFUSED, "reason=\"origin\"")                                            \
	X(REFUSED_PROTOCOL, REFUSED, "reason=\"protocol\"")                                        \
	X(REFUSED_SCRIPT, REFUSED, "reason=\"script\"")                                            \
	X(REFUSED_TIMEOUT, REFUSED, "reason=\"timeout\"")                                          \
	X(RECEIVED_SERVER, RECEIVED, "side=\"server\"")                                            \
	X(RECEIVED_CLIENT, RECEIVED, "side=\"client\"")                                            \
	X(SENT_SERVER, SENT, "side=\"server\"")                                                    \
	X(SENT_CLIENT, SENT, "side=\"client\"")                                                    \
	X(BYTES_IN, BYTES_IN, "")                                                                  \
	X(BYTES_OUT, BYTES_OUT, "")                                                                \
	X(QUEUE_BYTES, QUEUE, "")                                                                  \
	X(SLOW_PEERS, DROPPED, "")                                                                 \
	X(MESSAGES_DROPPED, LEFT_OUT, "policy=\"drop_oldest\"")                                    \
	X(MESSAGES_CONFLATED, LEFT_OUT, "policy=\"conflate\"")                                     \
	X(HEARTBEAT_TIMEOUTS, HEARTBEAT, "")                                                       \
	PL_COUNTER_HTTP(X, GET, "GET")                                                             \
	PL_COUNTER_HTTP(X, HEAD, "HEAD")                                                           \
	PL_COUNTER_HTTP(X, POST, "POST")                                                           \
	PL_COUNTER_HTTP(X, PUT, "PUT")                                                             \
	PL_COUNTER_HTTP(X, DELETE, "DELETE")                                                       \
	PL_COUNTER_HTTP(X, PATCH, "PATCH")                                                         \
	PL_COUNTER_HTTP(X, OPTIONS, "OPTIONS")                                                     \
	PL_COUNTER_HTTP(X, OTHER, "other")                                                         \
	X(TLS_DONE, TLS, "result=\"done\"")                                                        \
	X(TLS_FAILED, TLS, "result=\"failed\"")                                                    \
	X(HANDLER_ERRORS, ERRORS, "")                                                              \
	X(SLOW_HANDLERS, SLOW, "")                                                                 \
	X(LUA_BYTES, LUA, "")                                                                      \
	X(SERIES_REFUSED, SERIES, "")

/* How long turns of the loops took: bounds in ms, the last one has none. */
enum { PL_COUNTER_TURNS = 10 };
extern const uint32_t pl_counter_turn_bounds[PL_COUNTER_TURNS - 1];

enum pl_counter {
#define X(name, family, labels) PL_COUNT_##name,
	PL_COUNTERS_MAP(X)
#undef X
		PL_COUNT_TURN,
	PL_COUNT_TURN_MS = PL_COUNT_TURN + PL_COUNTER_TURNS, /* all turns together */
	PL_COUNTER_COUNT
};

typedef struct pl_counters {
	alignas(64) _Atomic int64_t value[PL_COUNTER_COUNT];
	/* When the turn began that the loop is in, in ms of CLOCK_MONOTONIC; 0: it waits. */
	_Atomic uint64_t busy_since;
	/* What runs of the script: a text that is never freed; NULL: nothing that is known. */
	const char *_Atomic running;
} pl_counters;

/* The thread's own. */
extern _Thread_local pl_counters *pl_counters_own;

static inline void pl_count(enum pl_counter counter, int64_t by)
{
	_Atomic int64_t *value = &pl_counters_own->value[counter];

	atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + by,
			      memory_order_relaxed);
}

/* From now on the thread is that worker, from 1; 0: none. */
void pl_counters_begin(uint16_t worker);

/* Another thread's look at a worker. */
const pl_counters *pl_counters_of(uint16_t worker);

/* All blocks together. */
void pl_counters_sum(int64_t sums[PL_COUNTER_COUNT]);

/* The counter of an answer. */
enum pl_counter pl_counter_http(pl_slice method, int status);

/* A turn of the loop has taken so long. */
void pl_counters_turn(uint64_t ms);

typedef struct pl_counter_info {
	const char *family; /* "connections": without the prefix */
	const char *type;
	const char *help;
	const char *labels; /* "transport=\"http\"", or "" */
} pl_counter_info;

/* Of the counters before PL_COUNT_TURN. */
pl_counter_info pl_counter_info_of(enum pl_counter counter);

#endif
