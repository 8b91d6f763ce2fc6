"""HTTPS servers whose fault is how the connection ends: run with --tls."""
from peer import case

OK = b"HTTP/1.1 200 OK\r\n"


def ends(name, data, end):
    def serve(peer):
        peer.read_head()
        peer.send(data)
        end(peer)

    case(name)(serve)


def in_order(peer):
    peer.sock.unwrap()


def cut(_):
    """FIN without close_notify: anybody on the way can do that."""


ends("until close, in order", OK + b"\r\nhello", in_order)
ends("until close, cut", OK + b"\r\nhello", cut)
ends("length, cut", OK + b"Content-Length: 5\r\nConnection: close\r\n\r\nhello", cut)
ends("length, cut short", OK + b"Content-Length: 50\r\nConnection: close\r\n\r\nhello", cut)
ends("length, short in order", OK + b"Content-Length: 50\r\n\r\nhello", in_order)
ends("chunked, cut", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", cut)
ends("head, cut", OK + b"Content-Len", cut)
ends("nothing, in order", b"", in_order)


@case("noise in the middle")
def noise(peer):
    """What is no record, on the connection below, where data is expected."""
    peer.read_head()
    peer.send(OK + b"Content-Length: 50\r\n\r\nhello")
    sock = peer.sock
    import socket

    below = socket.socket(fileno=sock.detach())
    below.sendall(b"this is no TLS record" * 10)
    peer.sock = below
    peer.hold()


@case("silence after the handshake")
def silence(peer):
    peer.hold()


@case("to http")
def to_http(peer):
    """A redirect away from TLS."""
    peer.read_head()
    peer.send(
        b"HTTP/1.1 302 Found\r\nLocation: http://localhost:%d/\r\nContent-Length: 0\r\n\r\n"
        % peer.ports["silence after the handshake"]
    )
    peer.hold()
