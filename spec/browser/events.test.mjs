/** Event streams in Chromium: EventSource, the library without WebSocket, the clock. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { connect, createServer } from "node:net";
import { freePort, launch, open, screenshot, start, until } from "./harness.mjs";

let browser;

before(async () => (browser = await launch()));
after(async () => browser?.close());

/** A page; its faults without the lines that Chromium writes when a stream breaks. */
async function visit(url) {
  const page = await open(browser, url);
  page.expectNoFaults = async () => {
    await page.context().close();
    const lost = /ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY_RESPONSE|WebSocket connection/;
    assert.deepEqual(page.faults.filter((fault) => !lost.test(fault)), []);
  };
  return page;
}

/** In front of a server: what `answer` says to a request goes in the server's place; "" cuts it, and
 * null says nothing. */
async function inFront(url, answer) {
  const target = new URL(url);
  const sockets = new Set();
  const proxy = createServer((client) => {
    const server = connect(Number(target.port), target.hostname);
    const end = () => (client.destroy(), server.destroy());
    sockets.add(client).add(server);
    client.on("data", (data) => {
      const instead = answer(String(data));
      if (instead) {
        client.end(instead);
      } else if (instead === "") {
        end();
      } else if (instead === undefined) {
        server.write(data);
      }
    });
    server.on("data", (data) => client.write(data));
    for (const socket of [client, server]) {
      socket.on("error", end).on("close", end);
    }
  });
  await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${proxy.address().port}/`,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    async stop() {
      this.cut();
      await new Promise((done) => proxy.close(done));
    },
  };
}

/** Cuts a connection whose request wants a WebSocket, as bad proxies do. */
const withoutWebSocket = (url) =>
  inFront(url, (request) => (/^upgrade:/im.test(request) ? "" : undefined));

describe("the library over an event stream", () => {
  let echo;
  let page;

  before(async () => (echo = await start("spec/browser/echo.lua", ["0"])));
  after(async () => echo?.stop());
  beforeEach(async () => (page = await visit(`${echo.url}sgcWebSockets.html`)));
  afterEach(async () => page.expectNoFaults());

  test("has the events of a WebSocket", async () => {
    const seen = await page.evaluate(
      () =>
        new Promise((done) => {
          const seen = [];
          const socket = new sgcWebSocket("any", "", "sse");
          seen.push(socket.state(), socket.transport(), socket.send("early"));
          socket.on("open", (event) => {
            seen.push(event, socket.state());
            socket.send("two\nlines");
          });
          socket.on("message", (event) => {
            seen.push(event);
            if (event.message === "two\nlines") {
              socket.send("close 4000 that's it");
            }
          });
          socket.on("close", (event) => done([...seen, event, socket.state()]));
        }),
    );
    assert.deepEqual(seen, [
      "connecting",
      "sse",
      true,
      { name: "onopen", message: "" },
      "open",
      { name: "onmessage", message: "early" },
      { name: "onmessage", message: "two\nlines" },
      { name: "onclose", message: "", code: 4000, reason: "that's it", clean: true },
      "closed",
    ]);
  });

  test("sends many in order, bytes too, in every form", async () => {
    const seen = await page.evaluate(
      () =>
        new Promise((done) => {
          const seen = [];
          const socket = new sgcWebSocket({ host: "/any", transport: ["sse"] });
          const take = async (data) => {
            const at = seen.push(data) - 1;
            seen[at] =
              data instanceof Blob || data instanceof ArrayBuffer
                ? [data.constructor.name, ...new Uint8Array(await new Response(data).arrayBuffer())]
                : data;
            if (seen.length === 24) {
              done(seen);
            }
          };
          socket.on("message", ({ message }) => take(message));
          socket.on("stream", ({ stream }) => {
            socket.binaryType = "arraybuffer";
            take(stream);
          });
          for (let i = 0; i < 20; i++) {
            socket.send(`${i}`);
          }
          socket.send(new Uint8Array([0, 255]).buffer);
          socket.send(new Blob([new Uint8Array([1, 2])], { type: "image/png" }));
          socket.sendbin("ä");
          globalThis.sgcEncodeBase64 = true;
          socket.send("sgc ü");
        }),
    );
    assert.deepEqual(seen.slice(0, 20), Array.from({ length: 20 }, (_, i) => `${i}`));
    assert.deepEqual(seen.slice(20), [
      ["Blob", 0, 255],
      ["ArrayBuffer", 1, 2],
      ["ArrayBuffer", 0xc3, 0xa4],
      "sgc ü",
    ]);
  });

  test("closes behind what was sent, and can be opened again", async () => {
    const seen = await page.evaluate(
      () =>
        new Promise((done) => {
          const seen = [];
          const socket = new sgcWebSocket("/", "", "sse");
          socket.on("open", () => {
            seen.push("open");
            if (seen.length === 1) {
              socket.send("last words");
              socket.close(4001, "enough");
              socket.open();
              socket.send("again");
            }
          });
          socket.on("message", ({ message }) => {
            seen.push(message);
            if (message === "again") {
              done(seen);
            }
          });
          socket.on("close", ({ code, reason, clean }) => seen.push([code, reason, clean]));
        }),
    );
    assert.deepEqual(seen.filter((what) => what !== "last words"), [
      "open", [4001, "enough", true], "open", "again",
    ]);
  });

  test("hears types of events, and is not confused by any", async () => {
    const seen = await page.evaluate(
      () =>
        new Promise((done) => {
          const seen = [];
          const socket = new sgcWebSocket("/", "", "sse");
          socket.on("early", (event) => seen.push(event));
          socket.on("open", () => {
            socket.on("late", (event) => seen.push(event));
            const types = ["early", "late", "late", "open", "error", "close", "stream", "other"];
            types.forEach((type) => socket.send(`type ${type} of ${type}`));
            socket.on("late", (event) => seen.push({ ...event, second: true }));
            socket.send("the end");
          });
          socket.on("error", (event) => seen.push(event));
          socket.on("close", (event) => seen.push(event));
          socket.on("message", ({ message }) => done([...seen, message, socket.state()]));
        }),
    );
    assert.deepEqual(seen, [
      { name: "onearly", message: "of early" },
      { name: "onlate", message: "of late", second: true },
      { name: "onlate", message: "of late", second: true },
      "the end",
      "open",
    ]);
  });

  test("waits for a server that is behind, and loses nothing", async () => {
    const seen = await page.evaluate(
      () =>
        new Promise((done) => {
          const seen = [];
          const statuses = new Set();
          const { fetch } = window;
          window.fetch = async (...request) => {
            const answer = await fetch(...request);
            statuses.add(answer.status);
            return answer;
          };
          const socket = new sgcWebSocket("/", "", "sse");
          socket.on("error", ({ message }) => seen.push(message));
          socket.on("message", ({ message }) => {
            if (seen.push(message) === 101) {
              done([...seen, [...statuses].sort()]);
            }
          });
          socket.send("wait 1.5");
          for (let i = 0; i < 100; i++) {
            socket.send(`${i}`);
          }
        }),
    );
    const all = Array.from({ length: 100 }, (_, i) => `${i}`);
    assert.deepEqual(seen, ["wait 1.5", ...all, [204, 503]]);
    page.faults = page.faults.filter((fault) => !/503/.test(fault));
  });

  test("tries again when its token is not known, but not for ever", async () => {
    const seen = await page.evaluate(async () => {
      const seen = [];
      const { fetch } = window;
      let unknown = 2;
      window.fetch = (...request) =>
        unknown-- > 0 ? Promise.resolve(new Response(null, { status: 404 })) : fetch(...request);
      const socket = new sgcWebSocket("/", "", "sse");
      const told = () =>
        new Promise((done) => {
          ["error", "message"].forEach((name) => socket.on(name, (event) => done(event.message)));
        });
      socket.send("first");
      seen.push(await told());
      unknown = Infinity;
      socket.send("second");
      seen.push(await told());
      unknown = 0;
      socket.send("third");
      seen.push(await told());
      return seen;
    });
    assert.deepEqual(seen, [
      "first",
      "a message was not sent: the server answers 404",
      "third",
    ]);
  });

  test("says what is wrong", async () => {
    const seen = await page.evaluate(async () => {
      const seen = [];
      const told = (socket, name) => new Promise((done) => socket.on(name, done));
      const socket = new sgcWebSocket("/", "", "sse");
      await told(socket, "open");
      socket.close(1001);
      seen.push((await told(socket, "error")).message, socket.state());
      socket.send("x".repeat(2 ** 20 + 1));
      seen.push((await told(socket, "error")).message);
      socket.send("goes on");
      seen.push((await told(socket, "message")).message);
      socket.close();
      seen.push((await told(socket, "close")).code, socket.send("late"));
      return seen;
    });
    assert.deepEqual(seen, [
      "1001 is no code to close with",
      "open",
      "a message was not sent: the server answers 413",
      "goes on",
      1005,
      false,
    ]);
    page.faults = page.faults.filter((fault) => !/413/.test(fault));
  });

  test("takes the place of a WebSocket that there is not", async () => {
    const seen = await page.evaluate(async (url) => {
      const transports = [];
      const { WebSocket } = window;
      for (const transport of [undefined, ["sse", "websocket"]]) {
        const socket = new sgcWebSocket(url, "", transport);
        await new Promise((done) => socket.on("open", done));
        transports.push(socket.transport());
        socket.close();
      }
      delete window.WebSocket;
      window.WebSocket = undefined;
      const socket = new sgcWebSocket(url);
      await new Promise((done) => socket.on("open", done));
      transports.push(socket.transport());
      const none = new sgcWebSocket(url, "", "websocket");
      transports.push((await new Promise((done) => none.on("error", done))).message);
      window.WebSocket = WebSocket;
      return transports;
    }, echo.url);
    assert.deepEqual(seen, ["websocket", "sse", "sse", "there is no WebSocket here"]);
  });

  test("is chosen on the test page", async () => {
    await page.selectOption("#transport", "sse");
    await page.click("#open");
    await page.waitForSelector('#status[data-state="open"]');
    await page.click("#send-binary");
    await page.click("#send-text");
    const log = () => page.locator("#log").innerText();
    await until(async () => /got text[^]*Hello from the browser/.test(await log()), "the echo");
    assert.match(await log(), /open\s+sse[^]*got binary[^]*8 bytes \(Blob\)/);
    await page.click("#close");
    await until(async () => /close\s+code 1005, clean/.test(await log()), "the end");
    await screenshot(page, "sgcwebsockets-sse");
  });
});

test("the library goes around what blocks WebSockets", async () => {
  const echo = await start("spec/browser/echo.lua", ["0"]);
  const proxy = await withoutWebSocket(echo.url);
  const page = await visit(`${proxy.url}sgcWebSockets.html`);
  try {
    const seen = await page.evaluate(async () => {
      const seen = [];
      const socket = new sgcWebSocket("/");
      const only = new sgcWebSocket("/", "", "websocket");
      const ended = new Promise((done) => only.on("close", done));
      socket.on("error", () => seen.push("error"));
      socket.on("close", () => seen.push("close"));
      socket.send("hello");
      const echoed = await new Promise((done) => socket.on("message", done));
      seen.push(socket.transport(), echoed.message);
      seen.push((await ended).code);
      return seen;
    });
    assert.deepEqual(seen, ["sse", "hello", 1006]);
    await page.click("#open");
    await page.waitForSelector('#status[data-state="open"]');
  } finally {
    await page.expectNoFaults();
    await proxy.stop();
    await echo.stop();
  }
});

test("the library does not wait for a WebSocket without an answer", async () => {
  const echo = await start("spec/browser/echo.lua", ["0"]);
  const proxy = await inFront(echo.url, (request) =>
    /^upgrade:/im.test(request) ? null : undefined,
  );
  const page = await visit(`${proxy.url}sgcWebSockets.html`);
  try {
    const seen = await page.evaluate(async () => {
      const { setTimeout } = window;
      const times = [];
      window.setTimeout = (f, ms) => {
        times.push(ms);
        return setTimeout(f, ms === 10_000 ? 100 : ms);
      };
      const left = new sgcWebSocket("/");
      const closed = new Promise((done) => left.on("close", done));
      left.close();
      const { code } = await closed;
      const socket = new sgcWebSocket("/");
      socket.send("hello");
      const { message } = await new Promise((done) => socket.on("message", done));
      window.setTimeout = setTimeout;
      return [times.filter((ms) => ms === 10_000).length, code, left.transport(), left.state(),
        message, socket.transport()];
    });
    assert.deepEqual(seen, [2, 1006, "websocket", "closed", "hello", "sse"]);
  } finally {
    await page.expectNoFaults();
    await proxy.stop();
    await echo.stop();
  }
});

test("the library opens a stream again that the browser has given up", async () => {
  const echo = await start("spec/browser/echo.lua", ["0"]);
  let refused = 0;
  const proxy = await inFront(echo.url, (request) =>
    refused > 0 && /event-stream/.test(request) && refused--
      ? "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
      : undefined,
  );
  const page = await visit(`${proxy.url}sgcWebSockets.html`);
  try {
    await page.evaluate(async () => {
      globalThis.seen = [];
      globalThis.socket = new sgcWebSocket("/", "", "sse");
      socket.on("error", ({ message }) => seen.push(message.replace(/[\d.:]+/, "HOST")));
      socket.on("close", () => seen.push("close"));
      await new Promise((done) => socket.on("open", done));
    });
    refused = 1;
    proxy.cut();
    await page.waitForFunction(() => socket.state() === "connecting");
    const heard = await page.evaluate(
      () =>
        new Promise((done) => {
          socket.on("message", ({ message }) => done([...seen, message]));
          socket.send("meanwhile");
        }),
    );
    assert.deepEqual(heard, ["the connection to HOST was lost, and is opened again", "meanwhile"]);
    assert.equal(refused, 0);
    page.faults = page.faults.filter((fault) => !/502/.test(fault));
  } finally {
    await page.expectNoFaults();
    await proxy.stop();
    await echo.stop();
  }
});

test("the library gives up where nobody listens, and the password is not told", async () => {
  const echo = await start("spec/browser/echo.lua", ["0"]);
  const page = await visit(`${echo.url}sgcWebSockets.html`);
  const port = await freePort();
  try {
    const seen = await page.evaluate(
      (host) =>
        new Promise((done) => {
          const seen = [];
          const socket = new sgcWebSocket({ host, user: "u", password: "secret" });
          socket.on("error", ({ message }) => seen.push(message));
          socket.on("close", ({ code, clean }) => done([...seen, code, clean, socket.transport()]));
        }),
      `127.0.0.1:${port}`,
    );
    const failed = `the connection to 127.0.0.1:${port} failed`;
    assert.deepEqual(seen, [failed, 1006, false, "sse"]);
    page.faults = page.faults.filter((fault) => !/^asked for (http|ws):/.test(fault));
  } finally {
    await page.expectNoFaults();
    await echo.stop();
  }
});

describe("the clock", () => {
  const time = (page) => page.locator("#log").textContent();
  const state = (page, wanted) => page.waitForSelector(`#status[data-state="${wanted}"]`);

  test("tells two pages the same time, and a plain EventSource too", async () => {
    const clock = await start("apps/sse_clock", ["--port", "0"]);
    const pages = [await visit(clock.url), await visit(clock.url)];
    for (const page of pages) {
      await state(page, "online");
      await until(async () => /^Server Time: \d\d:\d\d:\d\d$/.test(await time(page)), "a time");
    }
    await until(async () => (await time(pages[0])) === (await time(pages[1])), "the same time");
    const first = await time(pages[0]);
    await until(async () => (await time(pages[1])) !== first, "the next second");
    assert.notEqual(await pages[0].getAttribute("#seconds", "transform"), null);
    const heard = await pages[0].evaluate(
      () =>
        new Promise((done) => {
          const source = new EventSource("/sse");
          source.onmessage = ({ data, lastEventId }) => done([data, lastEventId]);
        }),
    );
    assert.match(heard[0], /^Server Time: /); // no token
    assert.ok(Math.abs(Number(heard[1]) - Date.now() / 1000) < 60);
    await screenshot(pages[0], "sse_clock");
    await pages[1].emulateMedia({ colorScheme: "dark" });
    await pages[1].setViewportSize({ width: 390, height: 780 });
    assert.equal(await pages[1].evaluate(() => document.documentElement.scrollWidth), 390);
    await screenshot(pages[1], "sse_clock-phone-dark");
    await Promise.all(pages.map((page) => page.expectNoFaults()));
    await clock.stop();
  });

  test("is heard again after its server was killed, from where it was", async () => {
    const port = String(await freePort());
    const args = ["--port", port, "--retry", "0.3"];
    let clock = await start("apps/sse_clock", args);
    const page = await visit(clock.url);
    await state(page, "online");
    const plain = page.evaluate(
      () =>
        new Promise((done) => {
          const source = new EventSource("/plain");
          source.addEventListener("missed", ({ data }) => done(Number(data)));
        }),
    );
    await until(async () => /\d$/.test(await time(page)), "a time");
    await page.waitForTimeout(1100); // EventSource has an id
    await clock.kill();
    await state(page, "offline");
    await page.waitForTimeout(2100); // some seconds are missed
    clock = await start("apps/sse_clock", args);
    await state(page, "online");
    await page.waitForSelector("#missed:not([hidden])");
    assert.match(await page.locator("#missed").textContent(), /^\d+ seconds were missed\.$/);
    assert.ok((await plain) >= 2);
    await page.expectNoFaults();
    await clock.stop();
  });
});
