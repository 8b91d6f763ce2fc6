"""Servers that break every rule, each case on a port of its own of 127.0.0.1.

    server.py [--tls CERTIFICATE KEY] FAMILY...

A family is a module beside this one. Prints one line, {"ports": {case: port}}, then a line for each
thing that is worth telling; runs until it is ended, at most ten minutes."""
import importlib
import selectors
import socket
import ssl
import sys
import threading
import time

sys.dont_write_bytecode = True

from peer import CASES, Peer, say  # noqa: E402 pylint: disable=wrong-import-position

LIFETIME = 600


def serve(name, sock, ports, context):
    """One connection of a case; whatever the client does ends here."""
    try:
        if context:
            sock.settimeout(10)
            sock = context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        peer = Peer(name, sock, ports)
        CASES[name](peer)
        peer.close()
    except (OSError, EOFError, ssl.SSLError) as error:
        say(case=name, gone=type(error).__name__)
        sock.close()


def listen(selector, name):
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    selector.register(listener, selectors.EVENT_READ, name)
    return listener.getsockname()[1]


def main(arguments):
    context = None
    if arguments[0] == "--tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments[1], arguments[2])
        arguments = arguments[3:]
    for family in arguments:
        importlib.import_module(family)
    selector = selectors.DefaultSelector()
    ports = {}
    for name in CASES:
        ports[name] = listen(selector, name)
    say(ports=ports)
    end = time.monotonic() + LIFETIME
    while time.monotonic() < end:
        for key, _ in selector.select(1):
            sock, _ = key.fileobj.accept()
            arguments = (key.data, sock, ports, context)
            threading.Thread(target=serve, args=arguments, daemon=True).start()


main(sys.argv[1:])
