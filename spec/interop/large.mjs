// Echoes 64 MiB by npm's ws, whole and in fragments, plain and deflated, and by Node.js's own
// WebSocket. Usage: large.mjs URL. Prints "ok" and the seconds it took.
import assert from "node:assert/strict";
import { once } from "node:events";
import ws from "ws";

const MIB = 1024 * 1024;
const url = process.argv[2];
const bytes = Buffer.alloc(64 * MIB, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
const text = "Grüße, 世界 🌒 ".repeat((40 * MIB) / 20);

async function by_ws(perMessageDeflate) {
  const socket = new ws(url, { perMessageDeflate, maxPayload: 0 });
  await once(socket, "open");
  for (const message of [bytes, text]) {
    socket.send(message);
    const [answer] = await once(socket, "message");
    assert.ok(answer.equals(Buffer.from(message)));
  }
  for (let i = 0; i < 64; i++)
    socket.send(bytes.subarray(i * MIB, (i + 1) * MIB), { fin: i === 63, binary: true });
  const [answer] = await once(socket, "message");
  assert.ok(answer.equals(bytes));
  socket.close();
  await once(socket, "close");
}

async function by_node() {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const next = (event) =>
    new Promise((resolve, reject) => {
      socket.addEventListener(event, resolve, { once: true });
      socket.addEventListener("error", () => reject(new Error("error")), { once: true });
    });
  await next("open");
  for (const message of [bytes, text]) {
    const answer = next("message");
    socket.send(message);
    const { data } = await answer;
    if (typeof message === "string") assert.ok(data === message);
    else assert.ok(Buffer.from(data).equals(message));
  }
  socket.close();
  await next("close");
}

const start = performance.now();
await by_ws(false);
await by_ws(true);
await by_node();
console.log(`ok ${((performance.now() - start) / 1000).toFixed(1)}`);
process.exit(0);
