// npm's ws against spec/interop/server.lua; spec/support/foreign.lua reads what it prints.
import assert from "node:assert/strict";
import { once } from "node:events";
import WebSocket from "ws";

const MIB = 1024 * 1024;
const url = process.argv[2];

async function connect(protocols, options) {
  const ws = new WebSocket(url, protocols ?? [], { perMessageDeflate: false, ...options });
  const unread = [];
  const waiting = [];
  ws.on("message", (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    if (waiting.length > 0) waiting.shift()(message);
    else unread.push(message);
  });
  ws.next = () =>
    unread.length > 0
      ? Promise.resolve(unread.shift())
      : new Promise((resolve) => waiting.push(resolve));
  await once(ws, "open");
  return ws;
}

async function closed(ws) {
  const [code, reason] = await once(ws, "close");
  return [code, reason.toString()];
}

const cases = {
  async text() {
    const ws = await connect();
    for (const message of ["hello", "", "Grüße, 世界 🌒"]) {
      ws.send(message);
      assert.equal(await ws.next(), message);
    }
    ws.close();
  },

  async binary() {
    const ws = await connect();
    const message = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    ws.send(message);
    assert.deepEqual(await ws.next(), message);
    ws.close();
  },

  async "fragments sent"() {
    const ws = await connect();
    const bytes = Buffer.from("Grüße");
    ws.send(bytes.subarray(0, 3), { binary: false, fin: false });
    ws.ping(); // between two fragments
    ws.send(bytes.subarray(3, 4), { binary: false, fin: false });
    ws.send(bytes.subarray(4), { binary: false, fin: true });
    assert.equal(await ws.next(), "Grüße");
    ws.close();
  },

  async "fragments received"() {
    const ws = await connect();
    ws.send("!fragments 1 Grüße");
    assert.equal(await ws.next(), "Grüße");
    ws.close();
  },

  async large() {
    const ws = await connect();
    for (const message of ["x".repeat(MIB), Buffer.alloc(MIB, 255)]) {
      ws.send(message);
      assert.deepEqual(await ws.next(), message);
    }
    ws.close();
  },

  async many() {
    const ws = await connect();
    for (let i = 0; i < 1000; i++) ws.send(String(i));
    for (let i = 0; i < 1000; i++) assert.equal(await ws.next(), String(i));
    ws.close();
  },

  async "client closes"() {
    for (const code of [1000, 1001, 3000, 4999]) {
      const ws = await connect();
      ws.close(code, "bye");
      assert.equal((await closed(ws))[0], code);
    }
  },

  async "server closes"() {
    const ws = await connect();
    ws.send("!close 4001 Schluß");
    assert.deepEqual(await closed(ws), [4001, "Schluß"]);
  },

  async "too big"() {
    const ws = await connect();
    ws.send("x".repeat(4 * MIB), { fin: false });
    ws.send("y", { fin: true });
    assert.equal((await closed(ws))[0], 1009);
  },

  async "client pings"() {
    const ws = await connect();
    ws.ping("are you there");
    const [payload] = await once(ws, "pong");
    assert.equal(payload.toString(), "are you there");
    ws.close();
  },

  async "server pings"() {
    const ws = await connect();
    ws.send("!ping");
    assert.equal(await ws.next(), "pong");
    ws.close();
  },

  async subprotocols() {
    const ws = await connect(["other", "chat", "echo"]);
    assert.equal(ws.protocol, "chat");
    ws.close();
  },

  async "subprotocol refused"() {
    await assert.rejects(connect(["other"]), /400/);
  },
};

for (const [name, run] of Object.entries(cases)) {
  const late = new Promise((_, reject) => setTimeout(reject, 10000, new Error("timed out")).unref());
  try {
    await Promise.race([run(), late]);
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`not ok ${name}: ${error.message.split("\n")[0]}`);
  }
}
process.exit(0);
