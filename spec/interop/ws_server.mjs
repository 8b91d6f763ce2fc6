// npm's ws as a server for our client: an echo that also does what it is told (spec/support/
// foreign_server.lua has the words), and tells what it sees as JSON lines.
//
//   node ws_server.mjs [--deflate] [--tls CERTIFICATE KEY] [--port PORT] [--host ADDRESS]
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";

const MIB = 1024 * 1024;
const argv = process.argv.slice(2);
const tls = argv.indexOf("--tls");
const after = (name, otherwise) => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : otherwise);
const say = (event) => console.log(JSON.stringify(event));

const server =
  tls >= 0
    ? https.createServer({ cert: readFileSync(argv[tls + 1]), key: readFileSync(argv[tls + 2]) })
    : http.createServer();
const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: 32 * MIB,
  perMessageDeflate: argv.includes("--deflate") ? { threshold: 0 } : false,
  handleProtocols: (offered) => (offered.has("chat") ? "chat" : false),
});

const refusals = { "/401": "401 Unauthorized", "/503": "503 Service Unavailable" };

server.on("upgrade", (request, socket, head) => {
  say({ event: "request", url: request.url, headers: request.headers });
  const location = request.url.startsWith("/to?") && decodeURIComponent(request.url.slice(4));
  const refusal = location ? "307 Temporary Redirect" : refusals[request.url];
  if (refusal) {
    const more = location ? `Location: ${location}\r\n` : "";
    socket.end(`HTTP/1.1 ${refusal}\r\n${more}Content-Length: 0\r\nConnection: close\r\n\r\n`);
    return;
  }
  sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit("connection", ws, request));
});

const commands = {
  close(ws, rest) {
    const [code, ...reason] = rest.split(" ");
    ws.close(Number(code), reason.join(" "));
  },
  terminate(ws) {
    ws.terminate();
  },
  ping(ws, rest) {
    ws.once("pong", (payload) => ws.send(`pong ${payload}`));
    ws.ping(rest);
  },
  async fragments(ws, rest) {
    const bytes = Buffer.from(rest);
    for (let i = 0; i < bytes.length; i++) {
      ws.send(bytes.subarray(i, i + 1), { binary: false, fin: i === bytes.length - 1 });
      if (i === 0) ws.ping("between");
      await sleep(1);
    }
  },
  big(ws, rest) {
    ws.send(Buffer.alloc(Number(rest), 97));
  },
  many(ws, rest) {
    for (let i = 1; i <= Number(rest); i++) ws.send(String(i));
  },
  protocol(ws) {
    ws.send(ws.protocol);
  },
  extensions(ws) {
    ws.send(ws.extensions);
  },
};

sockets.on("connection", (ws) => {
  ws.on("message", (data, isBinary) => {
    const [, name, rest] = (!isBinary && /^!(\w+) ?(.*)$/s.exec(data.toString())) || [];
    if (name) commands[name](ws, rest);
    else ws.send(data, { binary: isBinary });
  });
  ws.on("ping", (payload) => say({ event: "ping", payload: payload.toString() }));
  ws.on("close", (code, reason) => say({ event: "close", code, reason: reason.toString() }));
  ws.on("error", (error) => say({ event: "error", message: error.message }));
});

server.listen(Number(after("--port", 0)), after("--host", "127.0.0.1"), () => console.log(`listening on ${server.address().port}`));
