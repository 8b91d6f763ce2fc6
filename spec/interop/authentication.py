"""Debian's python3-websockets against a server with authentication: URL, then what is to be in the
path. Prints what it hears first, or the status of a refusal."""
import asyncio
import sys

import websockets


async def main(url):
    try:
        async with websockets.connect(url) as ws:
            print(await ws.recv())
    except websockets.exceptions.InvalidStatusCode as refusal:
        print(refusal.status_code)


asyncio.run(main(sys.argv[1]))
