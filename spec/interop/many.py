"""Many peers at once, one of which does not read.

Usage: many.py PORT PEERS. Prints what was seen, as JSON.
"""

import asyncio
import json
import socket
import sys
import time

import websockets

AT_ONCE = 100
ROUNDS = 3


async def connect(url, gate):
    async with gate:
        return await websockets.connect(
            url, compression=None, ping_interval=None, open_timeout=60, max_queue=None
        )


async def ask(peer):
    await peer.send("who")
    return json.loads(await peer.recv())


async def broadcast(peers):
    """Seconds from the word until everybody has it."""
    begin = time.monotonic()
    await peers[0].send("all")
    for text in await asyncio.gather(*(peer.recv() for peer in peers)):
        assert text == "all", text
    return time.monotonic() - begin


def deaf_peer(port):
    """A connection that reads its handshake and nothing more."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.connect(("127.0.0.1", port))
    peer.sendall(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += peer.recv(1)
    assert head.startswith(b"HTTP/1.1 101"), head
    return peer


def text_frame(text):
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


async def until(condition):
    while not await condition():
        await asyncio.sleep(0.01)


async def main(port, count):
    gate = asyncio.Semaphore(AT_ONCE)
    url = f"ws://127.0.0.1:{port}/"
    peers = await asyncio.gather(*(connect(url, gate) for _ in range(count)))
    alone = [await broadcast(peers) for _ in range(ROUNDS)]
    seen = await ask(peers[0])

    deaf = deaf_peer(port)
    deaf.sendall(text_frame(b"flood"))

    async def flooded():
        return (await ask(peers[0]))["flooded"] > 0

    await asyncio.wait_for(until(flooded), 20)
    beside = [await broadcast(peers) for _ in range(ROUNDS)]
    after = await ask(peers[0])
    seen.update(alone=min(alone), beside=min(beside), flooded=after["flooded"])
    print(json.dumps(seen))
    deaf.close()
    for peer in peers:
        peer.transport.abort()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
