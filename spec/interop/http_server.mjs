// node's http (or https) as a server for our HTTP and SSE clients. It tells what it sees as JSON
// lines.
//
//   node http_server.mjs [--tls CERTIFICATE KEY] [--port PORT]
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import zlib from "node:zlib";
import { createSession } from "better-sse";

const TEXT = "Grüße, 世界 🌒\n".repeat(2000);
const argv = process.argv.slice(2);
const say = (event) => console.log(JSON.stringify(event));

async function bodyOf(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

function json(response, value, status = 200) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(value));
}

const encoders = {
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  "raw-deflate": zlib.deflateRawSync,
  br: zlib.brotliCompressSync,
};

// Sockets are numbered, so that a test sees which one carried its request.
let sockets = 0;
const attempts = new Map();

const pages = {
  async "/echo"(request, response) {
    const body = await bodyOf(request);
    json(response, {
      method: request.method,
      url: request.url,
      headers: request.headers,
      raw: request.rawHeaders,
      trailers: request.trailers,
      length: body.length,
      sha256: createHash("sha256").update(body).digest("hex"),
      body: body.length <= 65536 ? body.toString("latin1") : undefined,
      socket: request.socket.number,
    });
  },

  // The form as undici reads it, with what its files hold.
  async "/form"(request, response) {
    const body = await bodyOf(request);
    const type = request.headers["content-type"];
    const form = await new Response(body, { headers: { "Content-Type": type } }).formData();
    const fields = [];
    for (const [name, value] of form) {
      if (typeof value === "string") fields.push({ name, value });
      else {
        const bytes = Buffer.from(await value.arrayBuffer());
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        fields.push({ name, file: value.name, type: value.type, size: value.size, sha256 });
      }
    }
    json(response, { fields, length: request.headers["content-length"] });
  },

  "/encoded"(request, response) {
    const name = new URL(request.url, "http://a").searchParams.get("as");
    const encoding = name === "raw-deflate" ? "deflate" : name;
    response.writeHead(200, { "Content-Type": "text/plain", "Content-Encoding": encoding });
    const bytes = encoders[name](TEXT);
    for (let i = 0; i < bytes.length; i += 7) response.write(bytes.subarray(i, i + 7));
    response.end();
  },

  "/accepts"(request, response) {
    response.end(request.headers["accept-encoding"] ?? "nothing");
  },

  async "/chunked"(request, response) {
    response.writeHead(200, { Trailer: "X-Sum", "Content-Type": "text/plain" });
    for (let i = 1; i <= 100; i++) {
      response.write(`${i}\n`);
      if (i % 20 === 0) await sleep(1);
    }
    response.addTrailers({ "X-Sum": "5050" });
    response.end();
  },

  "/hints"(request, response) {
    response.writeProcessing();
    response.writeEarlyHints({ link: "</a.css>; rel=preload" }, () => response.end("after hints"));
  },

  async "/slow"(request, response) {
    response.writeHead(200, { "Content-Length": 10 });
    response.write("hello");
    await sleep(30000, undefined, { ref: false });
    response.end("world");
  },

  "/cookies"(request, response) {
    response.setHeader("Set-Cookie", ["a=1; Path=/", "b=2; HttpOnly; SameSite=Lax", "gone=; Max-Age=0"]);
    json(response, { cookie: request.headers.cookie ?? null });
  },

  // 503 twice, and then what was asked for.
  async "/again"(request, response) {
    await bodyOf(request);
    const key = request.url;
    const count = (attempts.get(key) ?? 0) + 1;
    attempts.set(key, count);
    if (count < 3) response.writeHead(503, { "Retry-After": "0" }).end();
    else json(response, { attempts: count });
  },

  "/hang up"(request, response) {
    request.socket.destroy();
  },

  "/redirect"(request, response) {
    const query = new URL(request.url, "http://a").searchParams;
    request.resume();
    response.writeHead(Number(query.get("status")), { Location: query.get("to") }).end();
  },

  "/head"(request, response) {
    response.writeHead(200, { "Content-Length": 12345 });
    response.end();
  },

  "/empty"(request, response) {
    response.writeHead(204).end();
  },

  // Event streams, as browsers get them.
  "/events"(request, response) {
    const last = Number(request.headers["last-event-id"] ?? 0);
    say({ event: "stream", last, accept: request.headers.accept });
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write(`retry: 120\n\n: a comment\n\n`);
    // Three at a time, then the connection ends: the client comes back for the rest.
    for (let i = last + 1; i <= last + 3; i++) {
      response.write(`id: ${i}\nevent: tick\ndata: {"n":${i},\ndata: "text":"Grüße"}\n\n`);
    }
    response.end();
  },

  // The same by npm's better-sse, whose data are JSON.
  async "/session"(request, response) {
    const session = await createSession(request, response, { retry: 120, keepAlive: 20 });
    const last = Number(session.lastId || 0);
    say({ event: "session", last });
    for (let i = last + 1; i <= last + 3; i++) session.push({ n: i, text: "Grüße\n" }, "tick", `${i}`);
    await sleep(100);
    response.end();
  },

  "/events until 204"(request, response) {
    if (request.headers["last-event-id"]) response.writeHead(204).end();
    else {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.end("id: last\ndata: only\n\nretry: 20\n\n");
    }
  },
};

async function serve(request, response) {
  const path = decodeURIComponent(request.url.split("?")[0]);
  const page = pages[path];
  if (!page) return json(response, { error: "not found" }, 404);
  try {
    await page(request, response);
  } catch (error) {
    say({ event: "error", message: error.message });
    if (!response.headersSent) json(response, { error: error.message }, 400);
  }
}

const tls = argv.indexOf("--tls");
const settings =
  tls >= 0 ? { cert: readFileSync(argv[tls + 1]), key: readFileSync(argv[tls + 2]) } : {};
settings.keepAliveTimeout = 30000;
const server = (tls >= 0 ? https : http).createServer(settings, serve);

server.on(tls >= 0 ? "secureConnection" : "connection", (socket) => {
  socket.number = ++sockets;
  socket.on("close", () => say({ event: "socket closed", number: socket.number }));
});
server.on("checkContinue", (request, response) => {
  say({ event: "asked to continue" });
  if (request.headers["x-refuse"]) {
    response.writeHead(417, { Connection: "close" }).end();
    return;
  }
  response.writeContinue();
  serve(request, response);
});
const port = argv.includes("--port") ? Number(argv[argv.indexOf("--port") + 1]) : 0;
server.listen(port, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
