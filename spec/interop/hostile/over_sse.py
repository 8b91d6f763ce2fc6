"""Event streams that are none, or never end (WHATWG HTML 9.2)."""
from peer import case

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def stream(name, data, end, head=STREAM):
    def serve(peer):
        peer.read_head()
        peer.send(head + data)
        end(peer)

    case(name)(serve)


def hold(peer):
    peer.hold()


def close(_):
    pass


stream("ends at once", b"", close)
stream("cut in an event", b"data: whole\n\ndata: half\n", close)
stream("silence", b"", hold)
stream("204", b"", close, b"HTTP/1.1 204 No Content\r\n\r\n")
stream("html", b"<html>", close, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
stream("no type", b"data: x\n\n", close, b"HTTP/1.1 200 OK\r\n\r\n")
stream("500", b"", close, b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
stream("other charset", b"data: x\n\n", hold,
       b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=latin1\r\n\r\n")
stream("retry of a year", b"retry: 31536000000\n\n", close)
stream("retry of zero", b"retry: 0\n\n", close)
stream("retry of words", b"retry: soon\n\ndata: x\n\n", hold)
stream("retry over 2^64", b"retry: 99999999999999999999999\n\ndata: x\n\n", hold)
stream("id with NUL", b"id: a\0b\ndata: x\n\n", hold)
stream("bad UTF-8", b"data: a\xff\xc3\n\n", hold)
stream("bom", b"\xef\xbb\xbfdata: x\n\n", hold)
stream("comments", b":\n" * 1000 + b"data: x\n\n", hold)


@case("byte by byte")
def byte_by_byte(peer):
    peer.read_head()
    peer.drip(STREAM + b"id: 7\r\nevent: e\r\ndata: one\r\ndata: two\r\n\r\ndata: x\r\r")
    peer.hold()


def endless(name, start, piece):
    def serve(peer):
        peer.read_head()
        peer.send(STREAM + start)
        peer.endless(piece)

    case(name)(serve)


endless("endless line", b"data: ", b"x")
endless("endless name", b"", b"x")
endless("endless data", b"", b"data: hello\n")
endless("endless id", b"id: ", b"x")
endless("endless comment", b":", b"x")


@case("endless redirects")
def redirects(peer):
    peer.read_head()
    peer.send(b"HTTP/1.1 307 There\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
    peer.hold()
