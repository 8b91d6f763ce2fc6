"""Debian's python3-websockets as a server for our client: an echo that also does what it is told
(spec/support/foreign_server.lua has the words), and tells what it sees as JSON lines.

    websockets_server.py [--deflate] [--tls CERTIFICATE KEY]"""
import asyncio
import http
import json
import ssl
import sys
import urllib.parse

import websockets

MIB = 1024 * 1024
REFUSALS = {"/401": 401, "/503": 503}


def say(**event):
    print(json.dumps(event), flush=True)


async def close(ws, rest):
    code, _, reason = rest.partition(" ")
    await ws.close(int(code), reason)


async def terminate(ws, _):
    ws.transport.abort()


async def ping(ws, rest):
    await (await ws.ping(rest))
    await ws.send("pong " + rest)


async def fragments(ws, rest):
    async def pieces():
        for i, letter in enumerate(rest):
            yield letter
            if i == 0:
                await ws.ping("between")
            await asyncio.sleep(0.001)

    await ws.send(pieces())


async def big(ws, rest):
    await ws.send(b"a" * int(rest))


async def many(ws, rest):
    for i in range(int(rest)):
        await ws.send(str(i + 1))


async def protocol(ws, _):
    await ws.send(ws.subprotocol or "")


async def extensions(ws, _):
    await ws.send(", ".join(extension.name for extension in ws.extensions))


COMMANDS = {
    f.__name__: f
    for f in (close, terminate, ping, fragments, big, many, protocol, extensions)
}


class Protocol(websockets.WebSocketServerProtocol):
    async def process_request(self, path, request_headers):
        headers = {name.lower(): value for name, value in request_headers.raw_items()}
        say(event="request", url=path, headers=headers)
        if path.startswith("/to?"):
            location = urllib.parse.unquote(path[4:])
            return http.HTTPStatus.TEMPORARY_REDIRECT, {"Location": location}, b""
        if path in REFUSALS:
            return http.HTTPStatus(REFUSALS[path]), {}, b""
        return None

    async def serve(self):
        commands = set()
        try:
            async for message in self:
                if isinstance(message, str) and message.startswith("!"):
                    name, _, rest = message[1:].partition(" ")
                    commands.add(asyncio.create_task(COMMANDS[name](self, rest)))
                else:
                    await self.send(message)
        except websockets.ConnectionClosed:
            pass
        say(event="close", code=self.close_code, reason=self.close_reason)


async def main(arguments):
    context = None
    if "--tls" in arguments:
        at = arguments.index("--tls")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments[at + 1], arguments[at + 2])
    server = await websockets.serve(
        lambda ws: ws.serve(),
        "127.0.0.1",
        0,
        create_protocol=Protocol,
        ssl=context,
        max_size=32 * MIB,
        ping_interval=None,
        subprotocols=["chat"],
        compression="deflate" if "--deflate" in arguments else None,
    )
    print("listening on", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


asyncio.run(main(sys.argv[1:]))
