/**
 * Echoes messages through permessage-deflate, with every combination of parameters.
 *
 * Usage: deflate.mjs PORT. The server echoes. Prints the answers to the offers, each once.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import WebSocket from "ws";

const noise = Buffer.concat(
  Array.from({ length: 2000 }, (_, i) => createHash("sha256").update(`${i}`).digest()),
);
const texts = ["hello", "x".repeat(100000), "yé".repeat(50000), "a".repeat(63), "a".repeat(64)];
const binaries = [noise, Buffer.alloc(200000, "z"), noise];

function* offers() {
  for (const serverMaxWindowBits of [undefined, 8, 15]) {
    for (const clientMaxWindowBits of [undefined, false, 9, 15]) {
      for (const serverNoContextTakeover of [undefined, true]) {
        for (const clientNoContextTakeover of [undefined, true]) {
          yield {
            serverMaxWindowBits,
            clientMaxWindowBits,
            serverNoContextTakeover,
            clientNoContextTakeover,
            threshold: 0,
          };
        }
      }
    }
  }
}

async function answer(socket, wanted) {
  const [data, binary] = await once(socket, "message");
  assert.equal(binary, typeof wanted !== "string");
  assert.ok(data.equals(Buffer.from(wanted)));
}

async function echo(socket) {
  for (const message of [...texts, ...texts, ...binaries]) {
    socket.send(message);
    await answer(socket, message);
  }
  socket.send(noise.subarray(0, 10), { fin: false });
  socket.ping();
  socket.send(noise.subarray(10, 500), { fin: false });
  socket.send(noise.subarray(500));
  await answer(socket, noise);
}

const answers = new Set();
for (const perMessageDeflate of offers()) {
  const socket = new WebSocket(`ws://127.0.0.1:${process.argv[2]}/`, { perMessageDeflate });
  socket.once("upgrade", ({ headers }) =>
    answers.add(headers["sec-websocket-extensions"] ?? "none"),
  );
  await once(socket, "open");
  await echo(socket);
  socket.close();
  const [code] = await once(socket, "close");
  assert.equal(code, 1005);
}
console.log([...answers].sort().join("\n"));
