"""What every hostile server is made of: a registry of cases, and the connection that a case gets."""
import json
import socket
import struct
import sys
import threading
import time

CASES = {}
PATIENCE = 60  # seconds after which a connection is given up, whatever it waits for
ENDLESS = 64 * 1024 * 1024  # bytes after which something endless ends after all

_output = threading.Lock()


def say(**event):
    """One line for the spec that started us."""
    with _output:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def case(name):
    """Registers a function of a Peer as a server of its own."""

    def register(serve):
        assert name not in CASES, name
        CASES[name] = serve
        return serve

    return register


class Peer:
    """A connection, for one case."""

    def __init__(self, name, sock, ports):
        self.name, self.sock, self.ports = name, sock, ports
        self.unread = b""
        sock.settimeout(PATIENCE)

    def send(self, data):
        self.sock.sendall(data)

    def drip(self, data, pause=0.001):
        """Byte by byte, each in a packet of its own."""
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(data)):
            self.sock.sendall(data[i : i + 1])
            time.sleep(pause)

    def endless(self, piece, pause=0):
        """The same again and again, until the client has had enough."""
        piece = piece if pause else piece * max(1, 16384 // len(piece))
        for _ in range(ENDLESS // len(piece)):
            self.sock.sendall(piece)
            if pause:
                time.sleep(pause)
        say(case=self.name, endless=True)

    def more(self):
        data = self.sock.recv(65536)
        self.unread += data
        return data

    def read(self, count):
        while len(self.unread) < count:
            if not self.more():
                raise EOFError
        data, self.unread = self.unread[:count], self.unread[count:]
        return data

    def read_head(self):
        """A request's head, which the spec is told of."""
        while b"\r\n\r\n" not in self.unread:
            if not self.more():
                raise EOFError
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        say(case=self.name, head=head.decode("latin-1"))
        return head

    def read_request(self):
        """The head of a request whose body is passed over."""
        head = self.read_head()
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                self.read(int(value))
        return head

    def hold(self):
        """Silence, until the client ends the connection. Returns what it sent meanwhile."""
        data, self.unread = self.unread, b""
        try:
            while piece := self.sock.recv(65536):
                data += piece
        except ConnectionError:
            pass
        say(case=self.name, ended=True, bytes=len(data))
        return data

    def deaf(self):
        """Neither reads nor writes."""
        time.sleep(PATIENCE)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        """Ends in order: what the client still sends does not turn it into a reset."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(2)
            while self.sock.recv(65536):
                pass
        except OSError:
            pass
        self.sock.close()
