"""Echoes messages through permessage-deflate, with every combination of parameters.

Usage: deflate.py PORT. The server echoes; a text that begins with "all:" it sends to everybody.
Prints the answers to the offers, each once.
"""

import asyncio
import itertools
import random
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

NOISE = random.Random(7).randbytes(70000)
TEXTS = ["hello", "", "x" * 100000, "yé" * 50000, "a" * 63, "a" * 64, "hello", ""]
BYTES = [NOISE, b"", b"z" * 200000, NOISE]


def offers():
    for server_bits, client_bits, server_fresh, client_fresh in itertools.product(
        [None, 8, 15], [None, True, 9, 15], [False, True], [False, True]
    ):
        yield ClientPerMessageDeflateFactory(
            server_no_context_takeover=server_fresh,
            client_no_context_takeover=client_fresh,
            server_max_window_bits=server_bits,
            client_max_window_bits=client_bits,
        )


async def echo(peer):
    for text in TEXTS:
        await peer.send(text)
        assert await peer.recv() == text
    for data in BYTES:
        await peer.send(data)
        assert await peer.recv() == data
        await peer.send([data[:10], data[10:500], data[500:]])
        assert await peer.recv() == data


async def main(url):
    answers = set()
    async with websockets.connect(url, compression=None) as plain:
        for offer in offers():
            async with websockets.connect(url, extensions=[offer], max_size=None) as peer:
                answers.add(peer.response_headers.get("Sec-WebSocket-Extensions", "none"))
                await echo(peer)
                for text in ["all:short", "all:" + "hello " * 1000]:
                    await peer.send(text)
                    assert await peer.recv() == text
                    assert await plain.recv() == text
    print("\n".join(sorted(answers)))


asyncio.run(main(f"ws://127.0.0.1:{sys.argv[1]}/"))
