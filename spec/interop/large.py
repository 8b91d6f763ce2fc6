"""Echoes 64 MiB by python3-websockets, whole and in fragments, plain and deflated.

Usage: large.py URL [CA]. Prints "ok" and the seconds it took.
"""

import asyncio
import ssl
import sys
import time

import websockets

MIB = 1024 * 1024
TEXT = ("Grüße, 世界 🌒 " * (64 * MIB // 24))[: 40 * MIB]
BYTES = bytes(range(251)) * (64 * MIB // 251 + 1)


async def echo(url, tls, compression):
    async with websockets.connect(url, ssl=tls, max_size=None, compression=compression) as peer:
        for message in (BYTES[: 64 * MIB], TEXT):
            await peer.send(message)
            assert await peer.recv() == message
        await peer.send([BYTES[i * MIB : i * MIB + MIB] for i in range(64)])
        assert await peer.recv() == BYTES[: 64 * MIB]


async def main():
    tls = ssl.create_default_context(cafile=sys.argv[2]) if len(sys.argv) > 2 else None
    start = time.monotonic()
    for compression in (None, "deflate"):
        await echo(sys.argv[1], tls, compression)
    print(f"ok {time.monotonic() - start:.1f}")


asyncio.run(main())
