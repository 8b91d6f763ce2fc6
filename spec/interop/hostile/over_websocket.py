"""WebSocket servers: handshakes that are none, and frames that may not be (RFC 6455)."""
import base64
import hashlib
import struct
import time
import zlib

from peer import case, say

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n"
UPGRADE, CONNECTION = b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n"
EXTENSION = b"Sec-WebSocket-Extensions: permessage-deflate"
FRAME = b"Sec-WebSocket-Extensions: deflate-frame\r\n"
DEFLATE = EXTENSION + b"; server_no_context_takeover\r\n"  # as our client asks for it
MIB = 1024 * 1024


def key_of(head):
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-key":
            return value.strip()
    return b""


def accept_of(head):
    return base64.b64encode(hashlib.sha1(key_of(head) + GUID).digest())


def accept_field(head):
    return b"Sec-WebSocket-Accept: " + accept_of(head) + b"\r\n"


def handshake(peer, *fields):
    head = peer.read_head()
    peer.send(SWITCH + UPGRADE + CONNECTION + accept_field(head) + b"".join(fields) + b"\r\n")


def frame(first, payload=b"", mask=False):
    """A frame whose first byte is given: FIN, RSV and opcode."""
    head, bit = bytes([first]), 128 if mask else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
    if mask:
        key = b"\1\2\3\4"
        return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))
    return head + payload


TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A


def close(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def watch(peer):
    """Reads the client's frames up to its Close, which the spec is told of, and to the end."""
    data = peer.hold()
    while len(data) >= 2:
        opcode, size = data[0] & 15, data[1] & 127
        skip = 2
        if size == 126:
            size, skip = struct.unpack(">H", data[2:4])[0], 4
        elif size == 127:
            size, skip = struct.unpack(">Q", data[2:10])[0], 10
        key, payload = data[skip : skip + 4], data[skip + 4 : skip + 4 + size]
        payload = bytes(b ^ key[i % 4] for i, b in enumerate(payload))
        if opcode == 8:
            code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
            say(case=peer.name, close=code, masked=bool(data[1] & 128))
        data = data[skip + 4 + size :]


def await_answer(peer):
    """The client's Close, after which the connection may end."""
    while b"\x88" not in peer.unread and peer.more():
        pass


# The handshake's answer, with the key's digest where ACCEPT stands; then silence.
BROKEN_HANDSHAKES = {
    "wrong accept": SWITCH + UPGRADE + CONNECTION
    + b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    "no accept": SWITCH + UPGRADE + CONNECTION + b"\r\n",
    "empty accept": SWITCH + UPGRADE + CONNECTION + b"Sec-WebSocket-Accept:\r\n\r\n",
    "accept twice": SWITCH + UPGRADE + CONNECTION + b"ACCEPT\r\nACCEPT\r\n\r\n",
    "accept right and wrong": SWITCH + UPGRADE + CONNECTION
    + b"ACCEPT\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    "accept with more": SWITCH + UPGRADE + CONNECTION + b"ACCEPTx\r\n\r\n",
    "no upgrade": SWITCH + CONNECTION + b"ACCEPT\r\n\r\n",
    "no connection": SWITCH + UPGRADE + b"ACCEPT\r\n\r\n",
    "upgrade to h2c": SWITCH + b"Upgrade: h2c\r\n" + CONNECTION + b"ACCEPT\r\n\r\n",
    "connection close": SWITCH + UPGRADE + b"Connection: close\r\nACCEPT\r\n\r\n",
    "101 of http 1.0": b"HTTP/1.0 101 Switching\r\n" + UPGRADE + CONNECTION + b"ACCEPT\r\n\r\n",
    "extension unasked": SWITCH + UPGRADE + CONNECTION
    + b"ACCEPT\r\nSec-WebSocket-Extensions: x-mine\r\n\r\n",
    "deflate unasked": SWITCH + UPGRADE + CONNECTION + b"ACCEPT\r\n" + DEFLATE + b"\r\n",
    "protocol unasked": SWITCH + UPGRADE + CONNECTION
    + b"ACCEPT\r\nSec-WebSocket-Protocol: superchat\r\n\r\n",
    "protocol twice": SWITCH + UPGRADE + CONNECTION
    + b"ACCEPT\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
    "protocols in a list": SWITCH + UPGRADE + CONNECTION
    + b"ACCEPT\r\nSec-WebSocket-Protocol: chat, echo\r\n\r\n",
    "space before colon": SWITCH + b"Upgrade : websocket\r\n" + CONNECTION + b"ACCEPT\r\n\r\n",
    "folded": SWITCH + b"Upgrade:\r\n websocket\r\n" + CONNECTION + b"ACCEPT\r\n\r\n",
    "no http": b"hello\r\n\r\n",
    "silence: a frame at once": frame(TEXT, b"hello"),
}
# Answers that are HTTP and no WebSocket: the client says which status.
REFUSALS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    426: b"Upgrade Required",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}
# With permessage-deflate offered.
BROKEN_DEFLATE = {
    "deflate by frame, unasked": FRAME,
    "deflate twice": DEFLATE * 2,
    "deflate and another": DEFLATE[:-2] + b", x-webkit-deflate-frame\r\n",
    "deflate without what was asked": EXTENSION + b"\r\n",
    "deflate with 7 bits": DEFLATE[:-2] + b"; server_max_window_bits=7\r\n",
    "deflate with 16 bits": DEFLATE[:-2] + b"; server_max_window_bits=16\r\n",
    "deflate with no bits": DEFLATE[:-2] + b"; server_max_window_bits\r\n",
    "deflate with a twin": DEFLATE[:-2] + b"; server_no_context_takeover\r\n",
    "deflate with a stranger": DEFLATE[:-2] + b"; mine=1\r\n",
    "deflate with a value": EXTENSION + b"; server_no_context_takeover=1\r\n",
    "deflate of the client with 7 bits": DEFLATE[:-2] + b"; client_max_window_bits=7\r\n",
}
# With deflate-frame offered.
BROKEN_FRAME_DEFLATE = {
    "by frame: by message, unasked": DEFLATE,
    "by frame: twice": FRAME * 2,
    "by frame: both names": FRAME[:-2] + b", x-webkit-deflate-frame\r\n",
    "by frame: beside the other": FRAME[:-2] + b", permessage-deflate\r\n",
    "by frame: 7 bits": FRAME[:-2] + b"; max_window_bits=7\r\n",
    "by frame: 16 bits": FRAME[:-2] + b"; max_window_bits=16\r\n",
    "by frame: no bits": FRAME[:-2] + b"; max_window_bits\r\n",
    "by frame: a twin": FRAME[:-2] + b"; no_context_takeover; no_context_takeover\r\n",
    "by frame: a stranger": FRAME[:-2] + b"; server_no_context_takeover\r\n",
    "by frame: a value": FRAME[:-2] + b"; no_context_takeover=1\r\n",
}


def answer_handshake(data, end):
    def serve(peer):
        head = peer.read_head()
        peer.send(data.replace(b"ACCEPT", accept_field(head)[:-2]))
        end(peer)

    return serve


for _name, _data in BROKEN_HANDSHAKES.items():
    case(_name)(answer_handshake(_data, lambda peer: peer.hold()))
for _code, _reason in REFUSALS.items():
    _head = b"HTTP/1.1 %d %s\r\nContent-Length: 5\r\n\r\nhello" % (_code, _reason)
    case("answer %d" % _code)(answer_handshake(_head, lambda peer: peer.hold()))
for _name, _fields in (BROKEN_DEFLATE | BROKEN_FRAME_DEFLATE).items():
    _data = SWITCH + UPGRADE + CONNECTION + b"ACCEPT\r\n" + _fields + b"\r\n"
    case(_name)(answer_handshake(_data, lambda peer: peer.hold()))
for _name, _data in {"nothing": b"", "half a head": SWITCH + UPGRADE}.items():
    case("close: " + _name)(answer_handshake(_data, lambda peer: None))
    case("reset: " + _name)(answer_handshake(_data, lambda peer: (time.sleep(0.05), peer.reset())))
    case("silence: " + _name)(answer_handshake(_data, lambda peer: peer.hold()))


@case("silence before the request")
def silence(peer):
    peer.hold()


@case("close before the request")
def close_at_once(peer):
    pass


@case("reset before the request")
def reset_at_once(peer):
    peer.reset()


def endless(name, start, piece, pause=0, open_first=False):
    def serve(peer):
        if open_first:
            handshake(peer)
        else:
            peer.read_head()
        peer.send(start)
        peer.endless(piece, pause)

    case(name)(serve)


endless("endless fields", SWITCH, b"A: b\r\n")
endless("endless field", SWITCH + b"A: ", b"b")
endless("endless 1xx", b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")
endless("endless slowly", SWITCH, b"A: b\r\n", 0.02)


def redirect(name, location):
    def serve(peer):
        peer.read_head()
        target = location(peer) if callable(location) else location
        peer.send(b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n")
        peer.hold()

    case(name)(serve)


redirect("redirect to itself", b"/again")
redirect("redirect there", lambda peer: b"ws://127.0.0.1:%d/" % peer.ports["redirect back"])
redirect("redirect back", lambda peer: b"ws://127.0.0.1:%d/" % peer.ports["redirect there"])
redirect("redirect to file", b"file:///etc/passwd")
redirect("redirect to ftp", b"ftp://127.0.0.1/")
redirect("redirect to nothing", b"")
redirect("redirect to a bad port", b"ws://127.0.0.1:99999/")
redirect("redirect to an echo", lambda peer: b"ws://localhost:%d/" % peer.ports["echo"])
redirect("redirect by http", lambda peer: b"http://127.0.0.1:%d/" % peer.ports["echo"])


@case("echo")
def echo(peer):
    """In order: what the others are measured by. Answers each message, up to Close."""
    handshake(peer)
    while True:
        first, size = peer.read(2)
        size &= 127
        if size == 126:
            size = struct.unpack(">H", peer.read(2))[0]
        key = peer.read(4)
        payload = bytes(b ^ key[i % 4] for i, b in enumerate(peer.read(size)))
        peer.send(frame(first, payload))
        if first == CLOSE:
            return


@case("byte by byte")
def byte_by_byte(peer):
    head = peer.read_head()
    peer.drip(SWITCH + UPGRADE + CONNECTION + accept_field(head) + b"\r\n")
    peer.drip(frame(0x01, b"Gr\xc3") + frame(PING, b"p") + frame(0x80, b"\xbc\xc3\x9fe"))
    peer.drip(frame(BINARY, b"x" * 300) + close(1000))
    await_answer(peer)


@case("all at once")
def all_at_once(peer):
    """Frames in the packet that ends the handshake."""
    head = peer.read_head()
    peer.send(
        SWITCH + UPGRADE + CONNECTION + accept_field(head) + b"\r\n" + frame(TEXT, b"first")
        + frame(TEXT, b"second") + close(4000, b"bye")
    )
    await_answer(peer)


# What is sent after the handshake; the client has to close with the code.
FRAMES = {
    "masked frame": frame(TEXT, b"hello", mask=True),
    "masked close": frame(CLOSE, b"\x03\xe8", mask=True),
    "rsv1": frame(TEXT | 0x40, b"hello"),
    "rsv2": frame(TEXT | 0x20, b"hello"),
    "rsv3": frame(TEXT | 0x10, b"hello"),
    "rsv1 on ping": frame(PING | 0x40, b"hello"),
    "opcode 3": frame(0x83, b"hello"),
    "opcode 7": frame(0x87),
    "opcode 11": frame(0x8B),
    "opcode 15": frame(0x8F),
    "ping in fragments": frame(0x09, b"a") + frame(0x80, b"b"),
    "close in fragments": frame(0x08, b"\x03") + frame(0x80, b"\xe8"),
    "ping of 126": frame(PING, b"x" * 126),
    "close of 126": close(1000, b"x" * 124),
    "close of 1": frame(CLOSE, b"\x03"),
    "continuation of nothing": frame(0x80, b"hello"),
    "continuation after the end": frame(TEXT, b"a") + frame(0x80, b"b"),
    "text within text": frame(0x01, b"a") + frame(0x01, b"b"),
    "binary within text": frame(0x01, b"a") + frame(BINARY, b"b"),
    "length of 5 in 16 bits": b"\x81\x7e\x00\x05hello",
    "length of 5 in 64 bits": b"\x81\x7f" + struct.pack(">Q", 5) + b"hello",
    "length of 2^63": b"\x82\x7f" + struct.pack(">Q", 1 << 63),
    "length of 2^64-1": b"\x82\x7f" + b"\xff" * 8,
    "length of 2^63-1": b"\x82\x7f" + struct.pack(">Q", (1 << 63) - 1),
    "length over the limit": b"\x82\x7f" + struct.pack(">Q", 16 * MIB + 1),
    "bad UTF-8": frame(TEXT, b"\xff"),
    "surrogate": frame(TEXT, b"\xed\xa0\x80"),
    "overlong": frame(TEXT, b"\xc0\xaf"),
    "above U+10FFFF": frame(TEXT, b"\xf4\x90\x80\x80"),
    "half a character": frame(TEXT, b"a\xc3"),
    "bad UTF-8 over fragments": frame(0x01, b"a\xc3") + frame(0x80, b"\x28"),
    "bad UTF-8 before the end": b"\x81\x7e\x04\x00" + b"a\xff",
    "bad UTF-8 in a reason": close(1000, b"\xff"),
    "close 0": close(0),
    "close 999": close(999),
    "close 1004": close(1004),
    "close 1005": close(1005),
    "close 1006": close(1006),
    "close 1015": close(1015),
    "close 1016": close(1016),
    "close 2999": close(2999),
    "close 5000": close(5000),
    "close 65535": close(65535),
}


def after_handshake(data, end, *fields):
    def serve(peer):
        handshake(peer, *fields)
        peer.send(data)
        end(peer)

    return serve


for _name, _data in FRAMES.items():
    case(_name)(after_handshake(_data, watch))

# What ends without Close; the client says 1006, or finds out by itself.
PARTS = {
    "after the handshake": b"",
    "within a head": b"\x82\x7f\x00\x00",
    "within a frame": b"\x82\x0ahello",
    "within a message": frame(0x02, b"hello"),
    "within a ping": b"\x89\x0ahello",
    "within a close": b"\x88\x0a\x03\xe8he",
}
for _name, _data in PARTS.items():
    case("close " + _name)(after_handshake(_data, lambda peer: None))
    case("reset " + _name)(
        after_handshake(_data, lambda peer: (time.sleep(0.05), peer.reset()))
    )
    case("silence " + _name)(after_handshake(_data, watch))


def deflated(data, bits=-15):
    deflater = zlib.compressobj(9, zlib.DEFLATED, bits)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


DEFLATED_FRAMES = {
    "deflate bomb": frame(0xC2, deflated(bytes(64 * MIB))),
    "deflate bomb in fragments": None,
    "deflate of reserved block": frame(0xC2, b"\x06\xff\xff"),
    "deflate of noise": frame(0xC2, b"\xff" * 50),
    "deflate too far back": frame(0xC2, bytes.fromhex("4b04420000")),
    "deflated bad UTF-8": frame(0xC1, deflated(b"\xff\xfe")),
    "rsv1 on a continuation": frame(0x41, b"") + frame(0xC0, b""),
}


def bomb_in_fragments(peer):
    data = deflated(bytes(64 * MIB))
    peer.send(frame(0x42, data[:10]))
    for i in range(10, len(data) - 10, 100):
        peer.send(frame(0x00, data[i : i + 100]))
    peer.send(frame(0x80, data[-10:]))
    watch(peer)


def bomb_in_frames(peer):
    data = deflated(bytes(MIB))
    peer.send(frame(0x42, data) + frame(0x40, data) * 64)
    watch(peer)


def bombs(how, fields):
    def serve(peer):
        handshake(peer, fields)
        how(peer)

    return serve


for _name, _data in DEFLATED_FRAMES.items():
    case(_name)(
        bombs(bomb_in_fragments, DEFLATE)
        if _data is None
        else after_handshake(_data, watch, DEFLATE)
    )

# Each frame is whole by itself.
DEFLATED_SINGLY = {
    "by frame: bomb": DEFLATED_FRAMES["deflate bomb"],
    "by frame: bomb in frames": None,
    "by frame: reserved block": DEFLATED_FRAMES["deflate of reserved block"],
    "by frame: noise": DEFLATED_FRAMES["deflate of noise"],
    "by frame: too far back": DEFLATED_FRAMES["deflate too far back"],
    "by frame: bad UTF-8": frame(0x01, b"a") + frame(0xC0, deflated(b"\xff\xfe")),
    "by frame: a ping": frame(0xC9, deflated(b"p")),
}
for _name, _data in DEFLATED_SINGLY.items():
    case(_name)(
        bombs(bomb_in_frames, FRAME) if _data is None else after_handshake(_data, watch, FRAME)
    )

endless("endless fragments", frame(0x01, b"a"), frame(0x00, b"a"), open_first=True)
endless("endless empty fragments", frame(0x01), frame(0x00), open_first=True)
endless("endless message", b"\x82\x7f" + struct.pack(">Q", 1 << 40), b"a", open_first=True)
endless("endless fragments of 64 KiB", frame(0x02), frame(0x00, b"a" * 65536), open_first=True)


@case("pings, and nobody reads")
def pings(peer):
    """The answers to its pings pile up."""
    handshake(peer)
    peer.sock.settimeout(5)
    try:
        peer.endless(frame(PING, b"x" * 125))
    except TimeoutError:
        pass


@case("frames after close")
def after_close(peer):
    handshake(peer)
    peer.send(close(1000) + frame(TEXT, b"poison") * 10)
    await_answer(peer)


FORGED = b"\x1b[2J\r\n2026-01-01T00:00:00.000Z error forged\x07"


@case("forged lines in a reason")
def forged(peer):
    """Text that a terminal, or who reads a log, would take for something else."""
    handshake(peer)
    peer.send(close(4000, FORGED))
    await_answer(peer)


@case("forged lines in an answer")
def forged_answer(peer):
    peer.read_head()
    peer.send(b"HTTP/1.1 403 \xff\x80\r\nX-Why: \xc2\x9b2J\r\nContent-Length: 0\r\n\r\n")
    peer.hold()


@case("close without end")
def close_without_end(peer):
    """Close, and then the connection stays open: the client has to end it."""
    handshake(peer)
    peer.send(close(1001))
    watch(peer)


@case("deaf to close")
def deaf_to_close(peer):
    """Does not answer a Close, nor anything else."""
    handshake(peer)
    peer.send(frame(TEXT, b"ready"))
    peer.deaf()


@case("deaf to data")
def deaf_to_data(peer):
    handshake(peer)
    peer.deaf()


@case("dead")
def dead(peer):
    """Reads, and answers no ping."""
    handshake(peer)
    peer.hold()
