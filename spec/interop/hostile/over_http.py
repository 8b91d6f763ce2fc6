"""HTTP/1.1 servers that answer a request wrongly, too much, too little, or never."""
import gzip
import time
import zlib

from peer import CASES, case

OK = b"HTTP/1.1 200 OK\r\n"
MIB = 1024 * 1024


def answer(body=b"", *fields, status=b"200 OK"):
    """A response in order, but for the fields that are given."""
    head = b"HTTP/1.1 " + status + b"\r\n" + b"".join(f + b"\r\n" for f in fields)
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunk(data):
    return b"%x\r\n" % len(data) + data + b"\r\n"


def bomb(bits):
    """1 GiB of zeros in 1 MiB: a block that stands for itself, again and again."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, bits)
    start = deflater.compress(bytes(MIB)) + deflater.flush(zlib.Z_FULL_FLUSH)
    block = deflater.compress(bytes(MIB)) + deflater.flush(zlib.Z_FULL_FLUSH)
    return start + block * 1023


# 256 MiB of zeros, as brotli 1.0 compresses them.
BROTLI_BOMB = bytes.fromhex(
    "cbffff3f002400e2b14072effff8ffff078004401c1680eefd1fffffff00900088c302d0bdffe3ffff1f001200"
    "715800baf77ffcffff034002200e0b40f7fe8fffff7f004800c46101e8defff1ffff0f000980382c00ddfb3ffe"
    "ffff012001108705a07bffc7ffff3f002400e2b00074effff8ffff078004401c1680eefd1fffffff00900088c3"
    "02d0bdffe3ffff1f001200715800baf77ffcffff034002200e0b40f7fe8fffff7f004800c46101e8defff1ffff"
    "0f000980382c00ddfb3ffeffff012001108705a07bffc7ffff3f002400e2b00074effff8ffff078004401c1680"
    "eefd1fffffff00900088c302d0bdffe3ffff1f001200715800baf77ffcffff034002200e0b40f7fe8fffff7f00"
    "4800c46101e8defff1ffff0f000980382c00ddfb3ffeffff012001108705a07bffc7ffff3f002400e2b00074ef"
    "fff8ffff078004401c1680eefd1fffffff00900088c302d0bdffe3ffff1f001200715800baf77ffcffff034002"
    "200e0b40f7fe8fffff7f004800c46101e8defff1ffff0f000980382c00ddfbbffcffff032001108705a07bff07"
)

# A small one: "hello hello", and so on.
BROTLI = bytes.fromhex("1b7700f88d946ede445586966c206f115b1c80c501")

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = gzip.compress(b"hello" * 100, mtime=0)

# What is answered, and then the connection is closed.
CLOSING = {
    "nothing": b"",
    "half a status line": b"HTTP/1.",
    "half a head": OK + b"Content-Le",
    "head without its end": OK + b"Content-Length: 0\r\n",
    "short body": OK + b"Content-Length: 100\r\n\r\nhello",
    "short chunk": CHUNKED + b"64\r\nhello",
    "short chunk size": CHUNKED + b"6",
    "no last chunk": CHUNKED + chunk(b"hello"),
    "half a last chunk": CHUNKED + chunk(b"hello") + b"0\r\n",
    "half a trailer": CHUNKED + chunk(b"hello") + b"0\r\nA: b\r\n",
    "short gzip until close": OK + b"Content-Encoding: gzip\r\n\r\n" + GZIP[:-12],
    "only 100": b"HTTP/1.1 100 Continue\r\n\r\n",
    # A body until close is a whole one, and over TLS only with close_notify.
    "until close": OK + b"\r\nhello",
}

# What is answered, and then there is silence: the answer alone has to be the error.
BROKEN = {
    "no http": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\r\n",
    "html alone": b"<html>\r\n\r\n",
    "http 2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "http 0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "http lower case": b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "status 099": b"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
    "status 600": b"HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n",
    "space before colon": OK + b"Content-Length : 0\r\n\r\n",
    "folded line": OK + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "folded first line": OK + b" A: b\r\nContent-Length: 0\r\n\r\n",
    "line without colon": OK + b"A\r\nContent-Length: 0\r\n\r\n",
    "empty name": OK + b": b\r\nContent-Length: 0\r\n\r\n",
    "NUL in a value": OK + b"A: b\0c\r\nContent-Length: 0\r\n\r\n",
    "CR in a value": OK + b"A: b\rc\r\nContent-Length: 0\r\n\r\n",
    "byte in a name": OK + b"A\xff: b\r\nContent-Length: 0\r\n\r\n",
    "both framings": OK
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "both framings, other order": OK
    + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "same length twice": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "two lengths in one": OK + b"Content-Length: 5, 6\r\n\r\nhello!",
    "negative length": OK + b"Content-Length: -5\r\n\r\nhello",
    "signed length": OK + b"Content-Length: +5\r\n\r\nhello",
    "length in hex": OK + b"Content-Length: 0x5\r\n\r\nhello",
    "empty length": OK + b"Content-Length:\r\n\r\nhello",
    "length of words": OK + b"Content-Length: five\r\n\r\nhello",
    "length over 2^64": OK + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "coding xchunked": OK + b"Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "coding twice": OK
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "coding not last": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunk size no hex": CHUNKED + b"xyz\r\nhello\r\n0\r\n\r\n",
    "chunk size empty": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "chunk size negative": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk size 0x5": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size over 2^64": CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk with more": CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
    "chunk with less": CHUNKED + b"5\r\nhell\r\n0\r\n\r\n",
    "chunk without CR": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "101 unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    "gzip that is none": answer(b"hello", b"Content-Encoding: gzip"),
    "gzip with a wrong sum": answer(GZIP[:-8] + bytes(4) + GZIP[-4:], b"Content-Encoding: gzip"),
    "gzip with a wrong size": answer(GZIP[:-4] + bytes(4), b"Content-Encoding: gzip"),
    "gzip and more": answer(GZIP + b"hello", b"Content-Encoding: gzip"),
    "short gzip": answer(GZIP[:-12], b"Content-Encoding: gzip"),
    "deflate that is none": answer(b"hello", b"Content-Encoding: deflate"),
    "br that is none": answer(b"hello hello", b"Content-Encoding: br"),
    "short br": answer(BROTLI[:-1], b"Content-Encoding: br"),
    "br and more": answer(BROTLI + b"hello", b"Content-Encoding: br"),
    "gzip ten times": answer(GZIP, b"Content-Encoding: " + b", ".join([b"gzip"] * 10)),
    "coding unknown": answer(b"hello", b"Content-Encoding: zstd-of-mine"),
}

# What is taken, as strange as it looks.
STRANGE = {
    "no reason": b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello",
    "some 1xx": b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    + answer(b"hello"),
    "204 with a length": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    "chunks with extensions": CHUNKED + b'5;a=b;c="d e"\r\nhello\r\n000;x\r\nTrailer: t\r\n\r\n',
}


def after_head(data, end):
    def serve(peer):
        peer.read_head()
        peer.send(data)
        end(peer)

    return serve


for _name, _data in CLOSING.items():
    case(_name)(after_head(_data, lambda peer: None))
    case("reset: " + _name)(after_head(_data, lambda peer: (time.sleep(0.05), peer.reset())))
    case("silence: " + _name)(after_head(_data, lambda peer: peer.hold()))
for _name, _data in {**BROKEN, **STRANGE}.items():
    case(_name)(after_head(_data, lambda peer: peer.hold()))


def endless(name, start, piece, pause=0):
    def serve(peer):
        peer.read_head()
        peer.send(start)
        peer.endless(piece, pause)

    case(name)(serve)


endless("endless status line", b"HTTP/1.1 200 ", b"O")
endless("endless fields", OK, b"X-Field: value\r\n")
endless("endless field", OK + b"X-Field: ", b"v")
endless("endless name", OK, b"n")
endless("endless 1xx", b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")
endless("endless 1xx slowly", b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.02)
endless("endless head slowly", OK, b"A: b\r\n", 0.02)
endless("endless chunk size", CHUNKED, b"0")
endless("endless chunk extension", CHUNKED + b"5;", b"x")
endless("endless chunk extensions", CHUNKED, b"1;" + b"x" * 200 + b"\r\nh\r\n")
endless("endless trailers", CHUNKED + chunk(b"hello") + b"0\r\n", b"X-Field: value\r\n")
endless("endless tiny chunks", CHUNKED, chunk(b"h"))
endless("endless body", OK + b"\r\n", b"hello")
endless("endless body slowly", OK + b"\r\n", b"h", 0.02)
endless("endless chunks", CHUNKED, chunk(b"h" * 8192))
endless("endless empty lines", b"", b"\r\n")


def huge(name, coding, make):
    made = []

    def serve(peer):
        peer.read_head()
        if not made:
            made.append(make())
        peer.send(answer(made[0], b"Content-Encoding: " + coding))
        peer.hold()

    case(name)(serve)


huge("gzip bomb", b"gzip", lambda: bomb(31))
huge("deflate bomb", b"deflate", lambda: bomb(15))
huge("raw deflate bomb", b"deflate", lambda: bomb(-15))
huge("br bomb", b"br", lambda: BROTLI_BOMB)
huge("gzip of a gzip bomb", b"gzip, gzip", lambda: gzip.compress(bomb(31), 9))


@case("byte by byte")
def byte_by_byte(peer):
    peer.read_head()
    peer.drip(b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + chunk(b"hel") + chunk(b"lo") + b"0\r\nA: b\r\n\r\n")
    peer.hold()


@case("byte by byte, gzip")
def byte_by_byte_gzip(peer):
    peer.read_head()
    peer.drip(answer(GZIP, b"Content-Encoding: gzip"))
    peer.hold()


@case("never reads")
def never_reads(peer):
    peer.deaf()


@case("never accepts a body")
def never_accepts(peer):
    peer.read_head()
    peer.deaf()


@case("refuses early")
def refuses_early(peer):
    """The answer before the body is read, and the end."""
    peer.read_head()
    peer.send(answer(b"too large", b"Connection: close", status=b"413 Content Too Large"))


def speaking_when_idle(name, said, end=lambda peer: peer.hold()):
    """Answers once, and says something after that. Another connection is served as well."""

    def serve(peer):
        peer.read_head()
        peer.send(answer(b"first"))
        time.sleep(0.1)
        peer.send(said)
        end(peer)

    case(name)(serve)


speaking_when_idle("answer on an idle connection", answer(b"poison"))
speaking_when_idle("408 on an idle connection", answer(b"", status=b"408 Request Timeout"), lambda peer: None)
speaking_when_idle("bytes on an idle connection", b"\r\n")
speaking_when_idle("end of an idle connection", b"", lambda peer: None)
speaking_when_idle("reset of an idle connection", b"", lambda peer: peer.reset())
speaking_when_idle("flood on an idle connection", b"", lambda peer: peer.endless(b"x"))


@case("two answers at once")
def two_answers(peer):
    """The second is poison for whoever asks next on this connection."""
    peer.read_head()
    peer.send(answer(b"first") + answer(b"poison"))
    peer.hold()


@case("more than its length")
def more_than_length(peer):
    peer.read_head()
    peer.send(OK + b"Content-Length: 5\r\n\r\nfirst" + b"more")
    peer.hold()


@case("closes at the second request")
def closes_second(peer):
    """The race of every pool: the connection ends when the next request is under way."""
    peer.read_head()
    peer.send(answer(b"first"))
    peer.read_head()
    peer.reset()


@case("body to HEAD")
def body_to_head(peer):
    peer.read_head()
    peer.send(answer(b"hello"))
    peer.hold()


@case("body of 204")
def body_of_204(peer):
    peer.read_head()
    peer.send(answer(b"poison", status=b"204 No Content"))
    peer.hold()


def redirect(name, location, status=b"302 Found", *fields):
    def serve(peer):
        while True:
            head = peer.read_request()
            target = location(peer, head) if callable(location) else location
            where = [] if target is None else [b"Location: " + target]
            peer.send(answer(b"", *where, *fields, status=status))

    case(name)(serve)


def url(peer, name, scheme=b"http", host=b"127.0.0.1"):
    return b"%s://%s:%d/" % (scheme, host, peer.ports[name])


def one_more(_, head):
    number = head.split(b" ")[1].lstrip(b"/") or b"0"
    return b"/%d" % (int(number) + 1)


redirect("redirect to itself", b"/")
redirect("redirect without end", one_more)
redirect("redirect there", lambda peer, _: url(peer, "redirect back"))
redirect("redirect back", lambda peer, _: url(peer, "redirect there"))
redirect("redirect nowhere", None)
redirect("redirect to nothing", b"")
redirect("redirect to file", b"file:///etc/passwd")
redirect("redirect to ftp", b"ftp://127.0.0.1/")
redirect("redirect to javascript", b"javascript:alert(1)")
redirect("redirect to data", b"data:text/plain,hello")
redirect("redirect to gopher", b"gopher://127.0.0.1:6379/_INFO")
redirect("redirect to a bad port", b"http://127.0.0.1:99999/")
redirect("redirect to no host", b"http:///path")
redirect("redirect to spaces", b"http://127.0.0.1:1/a b c")
redirect("redirect to a bad host", b"http://a..b/")
redirect("redirect elsewhere", lambda peer, _: url(peer, "tells all", host=b"localhost"))
redirect("redirect to another port", lambda peer, _: url(peer, "tells all"))
redirect("redirect with a user", lambda peer, _: b"http://eve:5ecre7@127.0.0.1:%d/" % peer.ports["tells all"])
redirect("redirect with 307", lambda peer, _: url(peer, "tells all"), b"307 Temporary Redirect")
redirect("redirect with 303", lambda peer, _: url(peer, "tells all"), b"303 See Other")
redirect("redirect twice", lambda peer, _: b"/a\r\nLocation: " + url(peer, "tells all"))
redirect("redirect to metadata", b"http://169.254.169.254/latest/meta-data/")
redirect("redirect into a bomb", lambda peer, _: url(peer, "gzip bomb"))


@case("tells all")
def tells_all(peer):
    """Answers with what it was asked."""
    while True:
        peer.send(answer(peer.read_request(), b"Content-Type: text/plain"))


@case("try again in a year")
def in_a_year(peer):
    peer.read_head()
    peer.send(answer(b"", b"Retry-After: 31536000", status=b"503 Service Unavailable"))
    peer.hold()


@case("always 503")
def always_503(peer):
    while True:
        peer.read_request()
        peer.send(answer(b"", status=b"503 Service Unavailable"))


@case("cookies of others")
def cookies_of_others(peer):
    peer.read_head()
    peer.send(
        answer(
            b"hello",
            b"Set-Cookie: own=1",
            b"Set-Cookie: other=1; Domain=example.com",
            b"Set-Cookie: top=1; Domain=1",
            b"Set-Cookie: __Host-a=1; Path=/",
            b"Set-Cookie: __Secure-b=1",
            b"Set-Cookie: =nameless",
            b"Connection: close",
        )
    )


@case("many cookies")
def many_cookies(peer):
    head = peer.read_head()
    first = int(head.split(b" ")[1].lstrip(b"/") or b"0")
    fields = [b"Set-Cookie: c%d=%s" % (i, b"v" * 200) for i in range(first, first + 80)]
    peer.send(answer(b"hello", b"Connection: close", *fields))


assert len(CASES) > 100
