"""Debian's python3-websockets against spec/interop/server.lua; spec/support/foreign.lua reads what
it prints."""
import asyncio
import sys

import websockets

MIB = 1024 * 1024


async def text(url):
    async with websockets.connect(url) as ws:
        for message in ("hello", "", "Grüße, 世界 🌒"):
            await ws.send(message)
            assert await ws.recv() == message


async def binary(url):
    async with websockets.connect(url) as ws:
        message = bytes(range(256))
        await ws.send(message)
        assert await ws.recv() == message


async def fragments_sent(url):
    async with websockets.connect(url) as ws:
        await ws.send(["Gr", "ü", "", "ße"])
        assert await ws.recv() == "Grüße"
        await ws.send([b"\0", b"\xff"])
        assert await ws.recv() == b"\0\xff"


async def fragments_received(url):
    async with websockets.connect(url) as ws:
        await ws.send("!fragments 1 Grüße")
        assert await ws.recv() == "Grüße"


async def large(url):
    async with websockets.connect(url, max_size=4 * MIB) as ws:
        for message in ("x" * MIB, b"\xff" * MIB, "y" * 65535, "z" * 65536):
            await ws.send(message)
            assert await ws.recv() == message


async def many(url):
    async with websockets.connect(url, max_queue=None) as ws:
        for i in range(1000):
            await ws.send(str(i))
        for i in range(1000):
            assert await ws.recv() == str(i)


async def client_closes(url):
    for code in (1000, 1001, 3000, 4999):
        ws = await websockets.connect(url)
        await ws.close(code, "bye")
        assert ws.close_code == code, ws.close_code


async def server_closes(url):
    async with websockets.connect(url) as ws:
        await ws.send("!close 4001 Schluß")
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (4001, "Schluß")


async def too_big(url):
    async with websockets.connect(url) as ws:
        await ws.send(["x" * (4 * MIB), "y"])
        await ws.wait_closed()
        assert ws.close_code == 1009, ws.close_code


async def client_pings(url):
    async with websockets.connect(url) as ws:
        await (await ws.ping("are you there"))


async def server_pings(url):
    async with websockets.connect(url) as ws:
        await ws.send("!ping")
        assert await ws.recv() == "pong"


async def subprotocols(url):
    async with websockets.connect(url, subprotocols=["other", "chat", "echo"]) as ws:
        assert ws.subprotocol == "chat", ws.subprotocol
    async with websockets.connect(url) as ws:
        assert ws.subprotocol is None


async def subprotocol_refused(url):
    try:
        await websockets.connect(url, subprotocols=["other"])
    except websockets.InvalidStatusCode as refused:
        assert refused.status_code == 400
    else:
        raise AssertionError("it was taken")


CASES = [
    text,
    binary,
    fragments_sent,
    fragments_received,
    large,
    many,
    client_closes,
    server_closes,
    too_big,
    client_pings,
    server_pings,
    subprotocols,
    subprotocol_refused,
]


async def main(url):
    for case in CASES:
        name = case.__name__.replace("_", " ")
        try:
            await asyncio.wait_for(case(url), 10)
            print("ok", name)
        except Exception as error:  # pylint: disable=broad-except
            print(f"not ok {name}: {error!r}")


asyncio.run(main(sys.argv[1]))
