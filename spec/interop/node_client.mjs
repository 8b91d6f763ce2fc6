// The WebSocket of Node.js 22 (undici), as browsers have it, against spec/interop/server.lua;
// spec/support/foreign.lua reads what it prints.
import assert from "node:assert/strict";

const MIB = 1024 * 1024;
const url = process.argv[2];

function next(socket, event) {
  return new Promise((resolve, reject) => {
    socket.addEventListener(event, resolve, { once: true });
    socket.addEventListener("error", () => reject(new Error("failed")), { once: true });
    if (event !== "close") {
      socket.addEventListener("close", ({ code }) => reject(new Error(`closed with ${code}`)), {
        once: true,
      });
    }
  });
}

async function connect(protocols) {
  const socket = new WebSocket(url, protocols ?? []);
  socket.binaryType = "arraybuffer";
  const unread = [];
  const waiting = [];
  socket.addEventListener("message", ({ data }) => {
    const message = typeof data === "string" ? data : Buffer.from(data);
    if (waiting.length > 0) waiting.shift()(message);
    else unread.push(message);
  });
  socket.next = () =>
    unread.length > 0
      ? Promise.resolve(unread.shift())
      : new Promise((resolve) => waiting.push(resolve));
  await next(socket, "open");
  return socket;
}

async function close(socket, code, reason) {
  const closed = next(socket, "close");
  socket.close(code, reason);
  const event = await closed;
  assert.ok(event.wasClean);
  return event.code;
}

const cases = {
  async text() {
    const socket = await connect();
    for (const message of ["hello", "", "Grüße, 世界 🌒"]) {
      socket.send(message);
      assert.equal(await socket.next(), message);
    }
    await close(socket);
  },

  async binary() {
    const socket = await connect();
    const message = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    for (const form of [message, new Uint8Array(message).buffer, new Blob([message])]) {
      socket.send(form);
      assert.deepEqual(await socket.next(), message);
    }
    await close(socket);
  },

  async "fragments received"() {
    const socket = await connect();
    socket.send("!fragments 1 Grüße");
    assert.equal(await socket.next(), "Grüße");
    await close(socket);
  },

  async large() {
    const socket = await connect();
    for (const message of ["x".repeat(MIB), Buffer.alloc(MIB, 255), "y".repeat(65536)]) {
      socket.send(message);
      assert.deepEqual(await socket.next(), message);
    }
    await close(socket);
  },

  async many() {
    const socket = await connect();
    for (let i = 0; i < 1000; i++) socket.send(String(i));
    for (let i = 0; i < 1000; i++) assert.equal(await socket.next(), String(i));
    await close(socket);
  },

  async "client closes"() {
    for (const code of [1000, 3000, 4999]) {
      assert.equal(await close(await connect(), code, "bye"), code);
    }
    assert.equal(await close(await connect()), 1005);
  },

  async "server closes"() {
    const socket = await connect();
    const closed = next(socket, "close");
    socket.send("!close 4001 Schluß");
    const { code, reason, wasClean } = await closed;
    assert.deepEqual([code, reason, wasClean], [4001, "Schluß", true]);
  },

  async "too big"() {
    const socket = await connect();
    const closed = next(socket, "close");
    socket.send("x".repeat(4 * MIB + 1));
    assert.equal((await closed).code, 1009);
  },

  async "server pings"() {
    const socket = await connect();
    socket.send("!ping");
    assert.equal(await socket.next(), "pong");
    await close(socket);
  },

  async subprotocols() {
    const socket = await connect(["other", "chat", "echo"]);
    assert.equal(socket.protocol, "chat");
    await close(socket);
    const plain = await connect();
    assert.equal(plain.protocol, "");
    await close(plain);
  },

  async "subprotocol refused"() {
    await assert.rejects(connect(["other"]));
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
