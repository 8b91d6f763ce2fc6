/*
 * proxy_fuzz.c - a proxy's answers to a session of each kind: one outcome, the same whole and in
 * pieces.
 */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "net/memory.h"
#include "proxy/proxy.h"

typedef struct outcome {
	int told;
	int status;
	bool open;
	size_t rest;
} outcome;

static pl_loop *loop;

static void on_data(void *owner, uint8_t *data, size_t len)
{
	(void)data;
	((outcome *)owner)->rest += len;
}

static void on_nothing(void *owner)
{
	(void)owner;
}

static void on_closed(void *owner, int status)
{
	(void)owner, (void)status;
}

static const pl_stream_events events = {
	.data = on_data, .end = on_nothing, .drain = on_nothing, .closed = on_closed
};

static void on_done(void *owner, int status, const char *why, pl_stream *stream, uint8_t *rest,
		    size_t len)
{
	outcome *seen = owner;

	(void)rest;
	seen->told++;
	seen->status = status;
	seen->open = stream != NULL;
	seen->rest = len;
	FUZZ_CHECK(seen->open == (status == PL_OK));
	FUZZ_CHECK(seen->open ? !why : why && *why);
	if (stream)
		pl_stream_own(stream, &events, seen);
}

static outcome run(enum pl_proxy_kind kind, const uint8_t *data, size_t size, bool pieces)
{
	fuzz_cuts cuts = fuzz_cuts_of(data, size);
	bool named = kind == PL_PROXY_SOCKS4;
	outcome seen = { 0 };
	const pl_proxy_settings settings = { .kind = kind,
					     .host = PL_SLICE("1.2.3.4"),
					     .port = 443,
					     .user = PL_SLICE("me"),
					     .password = named ? PL_SLICE("") : PL_SLICE("sesame"),
					     .timeout = 1000,
					     .max_answer = 300,
					     .done = on_done,
					     .owner = &seen };
	pl_memory memory;
	pl_proxy *proxy;
	size_t at = 0;

	pl_memory_init(&memory, loop);
	FUZZ_CHECK(pl_proxy_start(&proxy, &memory.stream, &settings) == PL_OK);
	while (at < size) {
		size_t len = pieces ? fuzz_cut(&cuts, size - at) : size - at;

		pl_memory_feed(&memory, data + at, len);
		at += len;
	}
	pl_memory_end(&memory);
	if (!memory.stream.closing)
		pl_stream_abort(&memory.stream, PL_ECANCELED);
	pl_loop_turn(loop);
	pl_loop_turn(loop);
	FUZZ_CHECK(seen.told == 1 && memory.closed);
	pl_memory_deinit(&memory);
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum pl_proxy_kind kinds[] = { PL_PROXY_HTTP, PL_PROXY_SOCKS4,
						    PL_PROXY_SOCKS5 };
	FUZZ_CHECK(loop || pl_loop_new(&loop) == PL_OK);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		outcome whole = run(kinds[i], data, size, false);
		outcome pieces = run(kinds[i], data, size, true);

		/* In one piece SOCKS5 is answered before it has asked. */
		if (kinds[i] == PL_PROXY_SOCKS5)
			continue;
		FUZZ_CHECK(whole.open == pieces.open);
		FUZZ_CHECK(!whole.open || whole.rest == pieces.rest);
	}
	return 0;
}
