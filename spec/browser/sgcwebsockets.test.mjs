/** The test page /sgcWebSockets.html and the library /sgcWebSockets.js, against an echo. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { WebSocketServer } from "ws";
import { launch, open, screenshot, start, until } from "./harness.mjs";

let browser;
let echo;
let page;

before(async () => {
  browser = await launch();
  echo = await start("spec/browser/echo.lua", ["0"]);
});
after(async () => {
  await browser?.close();
  await echo?.stop();
});
beforeEach(async () => (page = await open(browser, `${echo.url}sgcWebSockets.html`)));
afterEach(async () => {
  const { faults } = page;
  await page.context().close();
  assert.deepEqual(faults, []);
});

describe("the test page", () => {
  /** The events listed, as "what: detail". */
  const events = () =>
    page.evaluate(() =>
      [...document.querySelectorAll("#log li")].map(
        (item) =>
          `${item.querySelector(".what").textContent}: ${item.querySelector(".detail").innerText}`,
      ),
    );
  const lists = (wanted) =>
    until(async () => {
      const listed = await events();
      return listed.some((event) => (wanted.test ? wanted.test(event) : event === wanted));
    }, `${wanted} in the list`);
  const status = () => page.locator("#status").textContent();

  async function connect() {
    await page.click("#open");
    await page.waitForSelector('#status[data-state="open"]');
  }

  test("opens, closes with code and reason, tells the status", async () => {
    assert.equal(await status(), "not connected");
    assert.equal(await page.inputValue("#url"), echo.url.replace("http", "ws"));
    await connect();
    await lists("open: websocket");
    await page.click("#ask-status");
    await lists("status: open");
    await page.fill("#code", "4001");
    await page.fill("#reason", "enough for today");
    await page.click("#close");
    await lists("close: code 4001, clean");
    assert.equal(await status(), "closed");
    await connect();
    await page.fill("#text", "close 4002 enough for today");
    await page.click("#send-text");
    await lists("close: code 4002, clean, reason: enough for today");
    await connect();
    await page.fill("#code", "");
    await page.click("#close");
    await lists("close: code 1005, clean");
    assert.match(await page.locator("#log time").first().textContent(), /^\d\d:\d\d:\d\d\.\d{3}$/);
  });

  test("sends and shows text, as text", async () => {
    await connect();
    await page.fill("#text", "Grüße <b>🌙</b>");
    await page.click("#send-text");
    await lists("sent text: Grüße <b>🌙</b>");
    await lists("got text: Grüße <b>🌙</b>");
    assert.equal(await page.locator("#log b").count(), 0);
  });

  test("sends and shows binary, from digits and from a file", async () => {
    await connect();
    await page.fill("#hex", "00 ff 0x7f");
    await page.click("#send-binary");
    await lists("got binary: 3 bytes (Blob)\n00 ff 7f");
    await page.selectOption("#binary-type", "arraybuffer");
    await page.setInputFiles("#file", {
      name: "moon.bin",
      mimeType: "application/octet-stream",
      buffer: Buffer.alloc(100000, 7),
    });
    await page.click("#send-binary");
    await lists(/^got binary: 100000 bytes \(ArrayBuffer\)\n07 07 .*…$/);
  });

  test("sends a header with the bytes and reads it", async () => {
    await connect();
    await page.fill("#header", "00001");
    await page.click("#send-binary");
    await lists('got binary: header "00001", then 8 bytes (Blob)\n50 65 72 69 6c 75 6e 65');
    await page.selectOption("#read-header", "no");
    await page.click("#send-binary");
    await lists(/^got binary: 23 bytes \(Blob\)\n30 30 30 30 30 30 30 30 30 35 30 30 30 30 31 50/);
    await screenshot(page, "sgcwebsockets");
  });

  test("says what is wrong", async () => {
    await page.click("#send-text");
    await lists("error: Open a connection first.");
    await connect();
    await page.fill("#hex", "5");
    await page.click("#send-binary");
    await lists(/^error: That is no hexadecimal/);
    await page.click("#close");
    await lists(/^close/);
    await page.click("#send-text");
    await lists("error: not sent: the connection is closed");
  });

  test("works by keyboard, fits a telephone, follows the dark scheme", async () => {
    await page.focus("#url");
    await page.keyboard.press("Enter");
    await page.waitForSelector('#status[data-state="open"]');
    await page.focus("#text");
    await page.keyboard.press("Control+Enter");
    await lists("got text: Hello from the browser");
    await page.setViewportSize({ width: 390, height: 780 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
    await page.emulateMedia({ colorScheme: "dark" });
    await screenshot(page, "sgcwebsockets-phone-dark");
  });
});

describe("the library", () => {
  /** Runs a function in the page with the address of the echo; it gives a value or a promise. */
  const run = (body, argument = echo.url.replace("http", "ws")) => page.evaluate(body, argument);

  test("events carry the fields that pages expect", async () => {
    const seen = await run(
      (url) =>
        new Promise((done) => {
          const seen = [];
          const socket = new sgcWebSocket(url);
          seen.push(socket.state());
          socket.on("open", (event) => {
            seen.push(event, socket.state());
            socket.send("hello");
          });
          socket.on("message", (event) => {
            seen.push(event);
            socket.send("close 3000 done");
          });
          socket.on("close", (event) => done([...seen, event, socket.state()]));
        }),
    );
    assert.deepEqual(seen, [
      "connecting",
      { name: "onopen", message: "" },
      "open",
      { name: "onmessage", message: "hello" },
      { name: "onclose", message: "", code: 3000, reason: "done", clean: true },
      "closed",
    ]);
  });

  test("works without new; keeps what is sent while connecting; a later handler wins", async () => {
    const seen = await run(
      (url) =>
        new Promise((done) => {
          const seen = [];
          const socket = sgcWebSocket(url, "", ["websocket"]);
          seen.push(socket instanceof sgcWebSocket, socket.send("early"), socket.send("bird"));
          socket.on("message", () => seen.push("replaced"));
          socket.on("message", ({ message }) => {
            seen.push(message);
            if (message === "bird") {
              done(seen);
            }
          });
        }),
    );
    assert.deepEqual(seen, [true, true, true, "early", "bird"]);
  });

  test("opens again", async () => {
    const seen = await run(
      (url) =>
        new Promise((done) => {
          const seen = [];
          const socket = new sgcWebSocket(url);
          socket.on("open", () => {
            seen.push("open");
            if (seen.length === 1) {
              socket.close();
              socket.open(); // while closing: as soon as that is done
              socket.send("kept");
            }
          });
          socket.on("message", ({ message }) => done([...seen, message, socket.state()]));
          socket.on("close", () => seen.push("close"));
        }),
    );
    assert.deepEqual(seen, ["open", "close", "open", "kept", "open"]);
  });

  test("binary comes as Blob or as ArrayBuffer", async () => {
    const seen = await run(
      (url) =>
        new Promise((done) => {
          const seen = [];
          const socket = new sgcWebSocket(url);
          socket.on("stream", (event) => {
            const { name, stream } = event;
            seen.push([name, stream.constructor.name, stream.size ?? stream.byteLength]);
            if (seen.length === 1) {
              socket.binaryType = "arraybuffer";
              socket.send(new Blob(["four"]));
            } else if (seen.length === 2) {
              socket.sendbin("text as bytes");
            } else {
              done(seen);
            }
          });
          socket.on("open", () => socket.send(new Uint8Array([1, 2, 3]).buffer));
        }),
    );
    assert.deepEqual(seen, [
      ["onstream", "Blob", 3],
      ["onstream", "ArrayBuffer", 4],
      ["onstream", "ArrayBuffer", 13],
    ]);
  });

  test("sgcWSStreamWrite and sgcWSStreamRead are each other's way back", async () => {
    const seen = await run(async (url) => {
      const seen = [];
      const read = (stream) =>
        new Promise((done) => sgcWSStreamRead(stream, (...pair) => done(pair)));
      for (const type of ["blob", "arraybuffer"]) {
        const socket = new sgcWebSocket(url);
        socket.binaryType = type;
        const stream = await new Promise((done) => {
          socket.on("stream", (event) => done(event.stream));
          socket.send(sgcWSStreamWrite("Mond 🌙", new Uint8Array([9, 8, 7])));
        });
        const [header, rest] = await read(stream);
        const bytes = rest instanceof Blob ? await rest.arrayBuffer() : rest;
        seen.push([header, rest.constructor.name, [...new Uint8Array(bytes)]]);
        socket.close();
      }
      const blob = sgcWSStreamWrite("id", new Blob(["payload"], { type: "image/png" }));
      const [header, rest] = await read(blob);
      seen.push([header, rest.type, await sgcStreamToString(rest)]);
      return seen;
    });
    assert.deepEqual(seen, [
      ["Mond 🌙", "Blob", [9, 8, 7]],
      ["Mond 🌙", "ArrayBuffer", [9, 8, 7]],
      ["id", "image/png", "payload"],
    ]);
  });

  test("the reader takes every padding, and says when there is no header", async () => {
    const seen = await run(async () => {
      const seen = [];
      const whole = [
        "0000000003abcrest", "         3abcrest", "3         abcrest", "0000000000rest",
        "0000000003abc", "", "000", "no header here", "0000000009abcrest", "-000000003abcrest",
      ];
      for (const text of whole) {
        const bytes = new TextEncoder().encode(text).buffer;
        sgcWSStreamRead(bytes, (header, stream) => {
          seen.push([header, new TextDecoder().decode(stream)]);
        });
      }
      const fromBlobs = [];
      for (const text of whole) {
        sgcWSStreamRead(new Blob([text]), async (header, stream) => {
          const at = fromBlobs.push(null) - 1;
          fromBlobs[at] = [header, await stream.text()];
        });
      }
      while (fromBlobs.length < whole.length || fromBlobs.includes(null)) {
        await new Promise((done) => setTimeout(done, 5));
      }
      let refused = "";
      try {
        sgcWSStreamWrite("eleven char", "");
      } catch (error) {
        refused = error.name;
      }
      return { seen, fromBlobs, refused };
    });
    const expected = [
      ["abc", "rest"], ["abc", "rest"], ["abc", "rest"], ["", "rest"], ["abc", ""],
      [null, ""], [null, "000"], [null, "no header here"], [null, "0000000009abcrest"],
      [null, "-000000003abcrest"],
    ];
    assert.deepEqual(seen.seen, expected);
    assert.deepEqual(seen.fromBlobs, expected);
    assert.equal(seen.refused, "RangeError");
  });

  /** Runs a server that tells which path and subprotocols the page asks for. */
  async function asked(body) {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await new Promise((done) => server.once("listening", done));
    const url = `ws://127.0.0.1:${server.address().port}`;
    const request = new Promise((done) => server.once("connection", (_, request) => done(request)));
    try {
      await page.evaluate(body, url);
      const { url: path, headers } = await request;
      return [path, headers["sec-websocket-protocol"]];
    } finally {
      server.clients.forEach((client) => client.terminate());
      await new Promise((done) => server.close(done));
    }
  }

  test("user and password go into the address, encoded", async () => {
    const body = (host) => void new sgcWebSocket({ host, user: "ad/min", password: "1 2%ü" });
    assert.deepEqual(await asked(body), ["/sgc/auth/url/ad%2Fmin/1%202%25%C3%BC", undefined]);
  });

  test("subprotocols and bare hosts", async () => {
    assert.deepEqual(await asked((url) => void new sgcWebSocket(url, "esegece.com")), [
      "/",
      "esegece.com",
    ]);
    const bare = (url) => void new sgcWebSocket(`${url.slice(5)}/path?a=b`, ["one", "two"]);
    assert.deepEqual(await asked(bare), ["/path?a=b", "one, two"]);
  });

  test("closes with the code and the reason that it is told", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await new Promise((done) => server.once("listening", done));
    const heard = new Promise((done) =>
      server.once("connection", (socket) =>
        socket.once("close", (code, reason) => done([code, String(reason)])),
      ),
    );
    await run((url) => {
      const socket = new sgcWebSocket(url);
      socket.on("open", () => socket.close(4999, "grüß Gott"));
    }, `ws://127.0.0.1:${server.address().port}`);
    assert.deepEqual(await heard, [4999, "grüß Gott"]);
    await new Promise((done) => server.close(done));
  });

  test("a path alone is on the page's own server", async () => {
    const message = await run(
      () =>
        new Promise((done) => {
          const socket = new sgcWebSocket("/any/path");
          socket.on("message", (event) => done(event.message));
          socket.send("here");
        }),
    );
    assert.equal(message, "here");
  });

  test("what cannot be done is an error event, not an exception", async () => {
    const errors = await run(async (url) => {
      const errorOf = (socket) => new Promise((done) => socket.on("error", done));
      const pigeon = new sgcWebSocket(url, "", "pigeon");
      const errors = [await errorOf(pigeon), pigeon.state(), pigeon.transport()];
      errors.push(await errorOf(new sgcWebSocket(url, "", ["sse", "pigeon"])));
      errors.push(await errorOf(new sgcWebSocket("ws://")));
      errors.push(await errorOf(new sgcWebSocket({ host: url, user: "..", password: "x" })));
      const socket = new sgcWebSocket(url);
      await new Promise((done) => socket.on("open", done));
      socket.close(1001);
      errors.push(await errorOf(socket), socket.state());
      socket.close();
      errors.push(socket.state());
      await new Promise((done) => socket.on("close", done));
      errors.push(socket.send("late"), await errorOf(socket));
      return errors.map((error) => error?.message ?? error);
    });
    assert.match(errors[0], /unknown transport 'pigeon': use 'websocket' or 'sse'/);
    assert.equal(errors[1], undefined);
    assert.equal(errors[2], undefined);
    assert.equal(errors[3], errors[0]);
    assert.ok(errors[4].length > 0);
    assert.match(errors[5], /'\.\.' cannot be a part of an address/);
    assert.ok(errors[6].length > 0);
    const closed = "not sent: the connection is closed";
    assert.deepEqual(errors.slice(7), ["open", "closing", false, closed]);
  });

  test("a refused connection gives error, then close 1006; the password is not told", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await new Promise((done) => server.once("listening", done));
    const host = `ws://127.0.0.1:${server.address().port}`;
    await new Promise((done) => server.close(done));
    const seen = await run(
      (host) =>
        new Promise((done) => {
          const seen = [];
          const socket = new sgcWebSocket({
            host,
            user: "u",
            password: "secret",
            transport: "websocket",
          });
          socket.on("error", ({ message }) => seen.push(message));
          socket.on("close", ({ code, clean }) => done([...seen, code, clean]));
        }),
      host,
    );
    assert.deepEqual(seen, [`the connection to ${host.slice(5)} failed`, 1006, false]);
  });

  test("Base64 texts, both ways", async () => {
    const seen = await run(
      (url) =>
        new Promise((done) => {
          const seen = [sgcEncodeB64("Grüße"), sgcDecodeB64("R3LDvMOfZQ==")];
          const socket = new sgcWebSocket(url);
          socket.on("message", ({ message }) => {
            seen.push(message);
            if (seen.length === 3) {
              sgcEncodeBase64 = false;
              socket.send("sgc@b64:no Base64!");
            } else {
              done(seen);
            }
          });
          sgcEncodeBase64 = true;
          socket.send("Grüße");
        }),
    );
    assert.deepEqual(seen, ["R3LDvMOfZQ==", "Grüße", "Grüße", "sgc@b64:no Base64!"]);
  });

  test("GUID makes identifiers that differ", async () => {
    const [one, other] = await run(() => [GUID(), GUID()]);
    assert.match(one, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.notEqual(one, other);
  });
});
