"""Servers that break off, or break, the TLS handshake. What they send is made by hand: no TLS runs
here, except where `ssl` does it in order and the end is the fault."""
import time

from peer import case

ALERT_HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"
ALERT_INTERNAL = b"\x15\x03\x03\x00\x02\x02\x50"
ALERT_CLOSE = b"\x15\x03\x03\x00\x02\x01\x00"

# A ServerHello of TLS 1.2 that chooses what nobody offers (cipher 0x0000, NULL_WITH_NULL_NULL).
NULL_CIPHER = (
    b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + b"\x00" * 32 + b"\x00\x00\x00\x00"
)
# The same, of SSL 3.
SSL3 = b"\x16\x03\x00\x00\x2a\x02\x00\x00\x26\x03\x00" + b"\x00" * 32 + b"\x00\x00\x2f\x00"

ANSWERS = {
    "nothing": b"",
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "noise": bytes(range(256)) * 4,
    "zeros": bytes(4096),
    "half a record": b"\x16\x03\x03",
    "half a hello": NULL_CIPHER[:20],
    "null cipher": NULL_CIPHER,
    "ssl 3": SSL3,
    "record too long": b"\x16\x03\x03\xff\xff" + b"\x02" * 65535,
    "empty records": b"\x16\x03\x03\x00\x00" * 100,
    "hello of 16 MiB": b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"\x00" * 16380,
    "data too early": b"\x17\x03\x03\x00\x05hello",
    "alert handshake failure": ALERT_HANDSHAKE_FAILURE,
    "alert internal": ALERT_INTERNAL,
    "alert close": ALERT_CLOSE,
    "endless warnings": b"\x15\x03\x03\x00\x02\x01\x5a" * 5000,
}


def raw(data, end, hello=True):
    def serve(peer):
        if hello:
            peer.more()
        peer.send(data)
        end(peer)

    return serve


for _name, _data in ANSWERS.items():
    case("tls " + _name)(raw(_data, lambda peer: None))
    case("reset: tls " + _name)(raw(_data, lambda peer: (time.sleep(0.05), peer.reset())))
    case("silence: tls " + _name)(raw(_data, lambda peer: peer.hold()))
case("silence: before tls hello")(raw(b"", lambda peer: peer.hold(), hello=False))
case("reset: before tls hello")(raw(b"", lambda peer: peer.reset(), hello=False))


@case("endless tls records")
def endless_records(peer):
    peer.more()
    peer.endless(b"\x16\x03\x03\x00\x00")


@case("endless tls hello slowly")
def endless_slowly(peer):
    peer.more()
    peer.send(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")
    peer.endless(b"\x00", 0.02)
