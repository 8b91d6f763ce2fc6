/*
 * A whole WebSocket session over memory. The first byte says which role it has and what happens
 * meanwhile, the rest is what the peer sends.
 *
 * Each input runs twice against an owner that only listens: whole and in pieces. The owner must be
 * told the same and the peer be sent the same. Then it runs against an owner that pauses, sends,
 * closes, breaks off, while the output is blocked: it is told nothing that it must not be told, and
 * what was sent are whole frames, behind a Close only answers to pings.
 */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/utf8.h"
#include "net/memory.h"
#include "ws/ws_session.h"

/* Bits of the first byte; two of them are the delivery, 0 to 2, or 3: deflate is by frame. */
enum { SERVER = 1, DEFLATE = 2, BLOCK = 4, END = 8, LIMITS = 16, DELIVERY = 32, FRAMES = 96 };
enum { MESSAGE_MAX = 4096, FRAGMENTS_MAX = 16, ROOM = 64, TURNS = 64 };

typedef struct peer {
	pl_memory memory;
	pl_ws_session *session; /* NULL after `closed` */
	pl_buffer journal;
	fuzz_cuts cuts;
	bool difficult;
	bool server;
	bool paused;
	bool shown; /* the last fragment of a message that still comes, also when paused */
	bool over;  /* no message may come */
	uint8_t delivery;
	pl_buffer parts; /* of a message in fragments */
} peer_state;

static pl_loop *loop;
static pl_limits limits;
static pl_ws_deflate_pool *pool;

/* The journal. */

static void note(peer_state *peer, uint8_t what, const void *data, size_t len)
{
	FUZZ_CHECK(!pl_buffer_append(&peer->journal, &what, 1));
	FUZZ_CHECK(!pl_buffer_append(&peer->journal, &len, sizeof(len)));
	FUZZ_CHECK(!pl_buffer_append(&peer->journal, data, len));
}

static void note_code(peer_state *peer, uint8_t what, uint16_t code)
{
	note(peer, what, &code, sizeof(code));
}

/* The owner. */

static void act(peer_state *peer)
{
	pl_ws_session *session = peer->session;
	size_t len = fuzz_cut(&peer->cuts, 300);
	uint8_t data[300];

	memset(data, 'a', sizeof(data));
	switch (peer->difficult ? fuzz_cut(&peer->cuts, 64) : 0) {
	case 1:
		pl_ws_session_pause(session);
		peer->paused = pl_ws_session_open(session);
		break;
	case 2:
		pl_ws_session_send(session, PL_WS_TEXT, data, len, 0);
		break;
	case 3:
		pl_ws_session_send(session, PL_WS_BINARY, data, len, 1 + len / 3);
		break;
	case 4:
		pl_ws_session_send_control(session, PL_WS_PING, data, len);
		break;
	case 20:
		pl_ws_session_close(session, 1000, PL_SLICE("enough"));
		peer->over = true;
		peer->paused = false;
		break;
	case 30:
		pl_ws_session_disconnect(session, 1001, PL_SLICE(""));
		peer->over = true;
		break;
	case 40:
		pl_ws_session_abort(session, PL_ECANCELED);
		peer->over = true;
		break;
	default:
		break;
	}
}

static void on_message(void *owner, uint8_t kind, const uint8_t *data, size_t len)
{
	peer_state *peer = owner;

	FUZZ_CHECK(!peer->over && (!peer->paused || peer->shown));
	FUZZ_CHECK(peer->shown == (peer->delivery == PL_WS_ALL));
	FUZZ_CHECK(len <= (size_t)limits.message);
	peer->shown = false;
	FUZZ_CHECK(kind == PL_WS_BINARY || pl_utf8_valid(data, len));
	note(peer, kind, data, len);
	act(peer);
}

static void on_fragment(void *owner, uint8_t kind, const uint8_t *data, size_t len, bool more)
{
	peer_state *peer = owner;

	FUZZ_CHECK(!peer->over && !peer->paused && peer->delivery != PL_WS_WHOLE);
	FUZZ_CHECK(len <= PL_WS_PIECE);
	if (peer->delivery == PL_WS_ALL) {
		FUZZ_CHECK(len >= peer->parts.len);
		FUZZ_CHECK(peer->parts.len == 0 ||
			   memcmp(data, peer->parts.data, peer->parts.len) == 0);
		peer->parts.len = 0;
	}
	FUZZ_CHECK(!pl_buffer_append(&peer->parts, data, len));
	FUZZ_CHECK(peer->parts.len <= (size_t)limits.message);
	note(peer, more ? 'f' : 'F', data, len);
	if (!more) {
		FUZZ_CHECK(kind == PL_WS_BINARY ||
			   pl_utf8_valid(peer->parts.data, peer->parts.len));
		pl_buffer_deinit(&peer->parts);
		peer->shown = peer->delivery == PL_WS_ALL;
	}
	act(peer);
	if (peer->over)
		peer->shown = false;
}

static void on_pong(void *owner, const uint8_t *payload, size_t len)
{
	peer_state *peer = owner;

	FUZZ_CHECK(len <= PL_WS_CONTROL_MAX);
	note(peer, PL_WS_PONG, payload, len);
	act(peer);
}

static void on_alive(void *owner)
{
	FUZZ_CHECK(((peer_state *)owner)->session);
}

static void on_drain(void *owner)
{
	act(owner);
}

static void on_closing(void *owner)
{
	peer_state *peer = owner;

	FUZZ_CHECK(!peer->over && !pl_ws_session_open(peer->session));
	peer->over = true;
	note(peer, 'c', "", 0);
}

static void on_closed(void *owner, uint16_t code, pl_slice reason)
{
	peer_state *peer = owner;

	FUZZ_CHECK(pl_utf8_valid((const uint8_t *)reason.at, reason.len));
	note_code(peer, 'C', code);
	pl_ws_session_free(peer->session);
	peer->session = NULL;
}

static const pl_ws_events events = { .message = on_message,
				     .fragment = on_fragment,
				     .pong = on_pong,
				     .alive = on_alive,
				     .drain = on_drain,
				     .closing = on_closing,
				     .closed = on_closed };

/* The peer. */

static void turn(peer_state *peer)
{
	pl_loop_turn(loop);
	if (peer->session && peer->paused) {
		peer->paused = false;
		pl_ws_session_resume(peer->session);
	}
	if (peer->memory.room != SIZE_MAX)
		pl_memory_open(&peer->memory, ROOM);
	pl_loop_turn(loop);
}

static void feed(peer_state *peer, const uint8_t *data, size_t len)
{
	for (int i = 0; i < TURNS && !peer->memory.stream.closing; i++) {
		if (pl_memory_feed(&peer->memory, data, len))
			break;
		turn(peer);
	}
}

static void feed_pieces(peer_state *peer, const uint8_t *data, size_t size)
{
	while (size > 0) {
		size_t len = fuzz_cut(&peer->cuts, size);

		feed(peer, data, len);
		if (peer->difficult && peer->session)
			turn(peer);
		data += len;
		size -= len;
	}
}

/* What was sent, as far as it was, into the journal: whole frames with the right mask, behind a
 * Close only pongs (RFC 6455 5.5.2); of a Close only the code, for the reason may tell what was
 * seen first. */
static void look_at_output(peer_state *peer, bool whole)
{
	const pl_ws_rules rules = { .masked = !peer->server,
				    .rsv = PL_WS_RSV1,
				    .max_length = UINT32_MAX };
	const pl_buffer *sent = &peer->memory.sent;
	bool closed = false;
	size_t at = 0;

	while (at < sent->len) {
		pl_ws_frame frame;
		int head = pl_ws_frame_decode(&frame, &rules, sent->data + at, sent->len - at);
		uint8_t *payload = sent->data + at + head;

		FUZZ_CHECK(head >= 0);
		if (head == 0 || frame.length > sent->len - at - (size_t)head) {
			FUZZ_CHECK(!whole);
			return;
		}
		if (frame.masked)
			pl_ws_mask(payload, frame.length, frame.mask, 0);
		at += (size_t)head + frame.length;
		FUZZ_CHECK(!closed || frame.opcode == PL_WS_PONG);
		closed = closed || frame.opcode == PL_WS_CLOSE;
		note(peer, frame.opcode, payload,
		     frame.opcode == PL_WS_CLOSE && frame.length > 2 ? 2 : frame.length);
	}
}

static pl_ws_deflate *new_deflate(bool server, bool by_frame)
{
	const pl_ws_deflate_terms terms = { .server_window = 15,
					    .client_window = 15,
					    .server_fresh = true,
					    .client_fresh = true,
					    .form = by_frame ? PL_WS_DEFLATE_FRAME
							     : PL_WS_PERMESSAGE_DEFLATE };
	pl_ws_deflate *deflate = pl_ws_deflate_new(pool, &terms, server);

	FUZZ_CHECK(deflate);
	return deflate;
}

static void begin(peer_state *peer, uint8_t how, bool difficult)
{
	memset(peer, 0, sizeof(*peer));
	peer->server = how & SERVER;
	peer->difficult = difficult;
	pl_memory_init(&peer->memory, loop);
	FUZZ_CHECK(!pl_ws_session_new(&peer->session, &peer->memory.stream, peer->server, &limits,
				      &events, peer));
	peer->delivery = (uint8_t)(how / DELIVERY % 3);
	pl_ws_session_deliver(peer->session, (enum pl_ws_delivery)peer->delivery);
	if (how & DEFLATE)
		pl_ws_session_deflate(peer->session,
				      new_deflate(peer->server, (how & FRAMES) == FRAMES));
}

static void finish(peer_state *peer, uint8_t how)
{
	bool whole = !peer->difficult;

	turn(peer);
	if (how & END && !peer->memory.stream.paused)
		pl_memory_end(&peer->memory);
	turn(peer);
	if (peer->session)
		pl_ws_session_abort(peer->session, PL_ECANCELED);
	pl_loop_turn(loop);
	pl_loop_turn(loop);
	FUZZ_CHECK(!peer->session);
	look_at_output(peer, whole);
	pl_memory_deinit(&peer->memory);
	pl_buffer_deinit(&peer->parts);
}

static void compare(const uint8_t *data, size_t size, uint8_t how)
{
	peer_state whole, pieces;

	begin(&whole, how, false);
	pl_ws_session_start(whole.session, NULL, 0);
	feed(&whole, data, size);
	finish(&whole, how);
	begin(&pieces, how, false);
	pieces.cuts = fuzz_cuts_of(data, size);
	pl_ws_session_start(pieces.session, NULL, 0);
	feed_pieces(&pieces, data, size);
	finish(&pieces, how);
	FUZZ_CHECK(whole.journal.len == pieces.journal.len);
	FUZZ_CHECK(memcmp(whole.journal.data, pieces.journal.data, whole.journal.len) == 0);
	pl_buffer_deinit(&whole.journal);
	pl_buffer_deinit(&pieces.journal);
}

/* The first piece comes behind the handshake. */
static void be_difficult(const uint8_t *data, size_t size, uint8_t how)
{
	fuzz_cuts cuts = fuzz_cuts_of(data, size);
	size_t first = size > 0 ? fuzz_cut(&cuts, size) : 0;
	uint8_t *leftover = fuzz_copy(data, first);
	peer_state peer;

	begin(&peer, how, true);
	peer.cuts = cuts;
	if (how & BLOCK)
		peer.memory.room = ROOM;
	pl_ws_session_start(peer.session, leftover, first);
	free(leftover);
	feed_pieces(&peer, data + first, size - first);
	finish(&peer, how);
	pl_buffer_deinit(&peer.journal);
}

static void set_up(void)
{
	FUZZ_CHECK(!pl_loop_new(&loop));
	pool = pl_ws_deflate_pool_new(1, 1);
	FUZZ_CHECK(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (!loop)
		set_up();
	pl_limits_init(&limits);
	limits.message = data[0] & LIMITS ? MESSAGE_MAX / 64 : MESSAGE_MAX;
	limits.fragments = data[0] & LIMITS ? FRAGMENTS_MAX / 4 : FRAGMENTS_MAX;
	compare(data + 1, size - 1, data[0]);
	be_difficult(data + 1, size - 1, data[0]);
	return 0;
}
