"""Servers of bytes alone, whose messages end with a line feed: or never, or not whole."""
import time

from peer import case


def sends(name, data, end):
    def serve(peer):
        peer.send(data)
        end(peer)

    case(name)(serve)


sends("cut in a line", b"whole\nhalf", lambda peer: None)
sends("reset in a line", b"whole\nhalf", lambda peer: (time.sleep(0.05), peer.reset()))
sends("empty lines", b"\n" * 10000 + b"last\n", lambda peer: peer.hold())


@case("byte by byte")
def byte_by_byte(peer):
    peer.drip(b"one\ntwo\n\nthree\n")
    peer.hold()


@case("endless line")
def endless_line(peer):
    peer.endless(b"x")


@case("endless lines")
def endless_lines(peer):
    peer.endless(b"hello\n")


@case("deaf")
def deaf(peer):
    peer.deaf()
