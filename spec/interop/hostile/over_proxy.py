"""Proxies that refuse, lie or break off: CONNECT, SOCKS4 and 4a, SOCKS5."""
import time

from peer import case

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n"
TRAP = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

HTTP = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 Conn",
    "no http": b"\x05\x00\x05\x00\x00\x01" + bytes(6),
    "2.0": b"HTTP/2.0 200 OK\r\n\r\n",
    "bad field": ESTABLISHED + b"A : b\r\n\r\n",
    "403": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "404": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "407": b'HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n',
    "407 other": b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n",
    "302": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "502": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    "504": b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "only 100": b"HTTP/1.1 100 Continue\r\n\r\n",
}
SOCKS5 = {
    "nothing": b"",
    "half a greeting": b"\x05",
    "version 4": b"\x04\x00",
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "no method": b"\x05\xff",
    "gssapi": b"\x05\x01",
    "method 77": b"\x05\x4d",
    "password unasked": b"\x05\x02",
}
REPLIES = {
    "nothing": b"",
    "half a reply": b"\x05\x00\x00\x01\x00",
    "reply of version 4": b"\x04\x00\x00\x01" + bytes(6),
    "reply with bits": b"\x05\x00\x01\x01" + bytes(6),
    "address of type 9": b"\x05\x00\x00\x09" + bytes(6),
    "half a name": b"\x05\x00\x00\x03\xffabc",
    "reply 1": b"\x05\x01\x00\x01" + bytes(6),
    "reply 2": b"\x05\x02\x00\x01" + bytes(6),
    "reply 3": b"\x05\x03\x00\x01" + bytes(6),
    "reply 4": b"\x05\x04\x00\x01" + bytes(6),
    "reply 5": b"\x05\x05\x00\x01" + bytes(6),
    "reply 6": b"\x05\x06\x00\x01" + bytes(6),
    "reply 7": b"\x05\x07\x00\x01" + bytes(6),
    "reply 8": b"\x05\x08\x00\x01" + bytes(6),
    "reply 200": b"\x05\xc8\x00\x01" + bytes(6),
}
SOCKS4 = {
    "nothing": b"",
    "half a reply": b"\x00\x5a\x00",
    "version 5": b"\x05\x5a" + bytes(6),
    "reply 91": b"\x00\x5b" + bytes(6),
    "reply 92": b"\x00\x5c" + bytes(6),
    "reply 93": b"\x00\x5d" + bytes(6),
    "reply 200": b"\x00\xc8" + bytes(6),
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}
# Ends that are an error of their own after what ends by itself alone does not decide.
OPEN = {"nothing", "half a head", "half a greeting", "half a reply", "half a name", "only 100"}


def ask_http(peer):
    peer.read_head()


def ask_greeting(peer):
    count = peer.read(2)[1]
    peer.read(count)


def ask_socks5(peer):
    ask_greeting(peer)
    peer.send(b"\x05\x00")
    kind = peer.read(4)[3]
    peer.read({1: 4, 4: 16}.get(kind) or peer.read(1)[0])
    peer.read(2)


def ask_socks4(peer):
    peer.read(8)
    while peer.read(1) != b"\0":
        pass


def register(prefix, ask, table):
    def serve(data, end):
        def run(peer):
            ask(peer)
            peer.send(data)
            end(peer)

        return run

    for name, data in table.items():
        full = prefix + name
        if name in OPEN:
            case("close: " + full)(serve(data, lambda peer: None))
            case("reset: " + full)(serve(data, lambda peer: (time.sleep(0.05), peer.reset())))
        case(full)(serve(data, lambda peer: peer.hold()))


register("http ", ask_http, HTTP)
register("socks5 ", ask_greeting, SOCKS5)
register("socks5 then ", ask_socks5, REPLIES)
register("socks4 ", ask_socks4, SOCKS4)


def serve_http(peer):
    """What comes through the tunnel is answered here."""
    peer.read_head()
    peer.send(TRAP)
    peer.hold()


@case("http byte by byte")
def http_drip(peer):
    ask_http(peer)
    peer.drip(b"HTTP/1.1 100 Continue\r\n\r\n" + ESTABLISHED + b"Via: 1.1 x\r\n\r\n")
    serve_http(peer)


@case("socks5 byte by byte")
def socks5_drip(peer):
    ask_greeting(peer)
    peer.drip(b"\x05\x00")
    peer.read(4 + 4 + 2)
    peer.drip(b"\x05\x00\x00\x03\x05a.b.c\x00\x50")
    serve_http(peer)


@case("socks4 byte by byte")
def socks4_drip(peer):
    ask_socks4(peer)
    peer.drip(b"\x00\x5a" + bytes(6))
    serve_http(peer)


@case("http tunnel with an answer in it")
def http_rest(peer):
    """Sends an answer before anybody has asked through the tunnel."""
    ask_http(peer)
    peer.send(ESTABLISHED + b"\r\n" + TRAP)
    peer.hold()


@case("http tunnel with a length")
def http_length(peer):
    """A 2xx to CONNECT has no body, whatever it says (RFC 9110 9.3.6)."""
    ask_http(peer)
    peer.send(ESTABLISHED + b"Content-Length: 5\r\n\r\n")
    serve_http(peer)


@case("socks5 tunnel with an answer in it")
def socks5_rest(peer):
    ask_socks5(peer)
    peer.send(b"\x05\x00\x00\x01" + bytes(6) + TRAP)
    peer.hold()


def endless(name, ask, start, piece, pause=0):
    def serve(peer):
        ask(peer)
        peer.send(start)
        peer.endless(piece, pause)

    case(name)(serve)


endless("http endless fields", ask_http, ESTABLISHED, b"A: b\r\n")
endless("http endless field", ask_http, ESTABLISHED + b"A: ", b"b")
endless("http endless 1xx", ask_http, b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")
endless("http endless slowly", ask_http, ESTABLISHED, b"A: b\r\n", 0.02)
endless("http endless refusal", ask_http, b"HTTP/1.1 403 No\r\n\r\n", b"no")


def socks5_user(name, data, end=lambda peer: peer.hold()):
    def serve(peer):
        ask_greeting(peer)
        peer.send(b"\x05\x02")
        peer.read(peer.read(2)[1])
        peer.read(peer.read(1)[0])
        peer.send(data)
        end(peer)

    case(name)(serve)


socks5_user("socks5 wrong password", b"\x01\x01")
socks5_user("socks5 password of version 5", b"\x05\x00")
socks5_user("socks5 half an answer to the password", b"\x01", lambda peer: None)
socks5_user("socks5 silence after the password", b"")


@case("socks5 none though a password is given")
def socks5_none(peer):
    ask_socks5(peer)
    peer.send(b"\x05\x05\x00\x01" + bytes(6))
    peer.hold()


@case("tunnel into silence")
def into_silence(peer):
    ask_http(peer)
    peer.send(ESTABLISHED + b"\r\n")
    peer.hold()


@case("tunnel into noise")
def into_noise(peer):
    ask_http(peer)
    peer.send(ESTABLISHED + b"\r\n")
    peer.more()
    peer.send(b"no TLS, no HTTP\n\n")
    peer.hold()


@case("tunnel that ends")
def that_ends(peer):
    ask_http(peer)
    peer.send(ESTABLISHED + b"\r\n")
    peer.more()
