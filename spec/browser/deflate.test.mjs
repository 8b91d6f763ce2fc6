/** permessage-deflate with a browser: it is agreed on, and messages come back as they were. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, open, start } from "./harness.mjs";

let browser;

before(async () => (browser = await launch()));
after(async () => browser?.close());

/** What the page's WebSocket has agreed on, and how many of its messages came back as sent. */
const talk = (page, url) =>
  page.evaluate(
    (url) =>
      new Promise((done, fail) => {
        const noise = crypto.getRandomValues(new Uint8Array(50000));
        const binaries = [noise, new Uint8Array(100000), new Uint8Array(0), noise];
        const texts = ["moon", "", "ö".repeat(50000), "a".repeat(100), "moon"];
        const messages = [...texts, ...texts, ...binaries];
        const socket = new WebSocket(url);
        let equal = 0;
        let at = 0;
        const same = (one, other) =>
          typeof one === "string"
            ? one === other
            : one.length === other.byteLength &&
              new Uint8Array(other).every((byte, i) => byte === one[i]);
        socket.binaryType = "arraybuffer";
        socket.onopen = () => messages.forEach((message) => socket.send(message));
        socket.onmessage = ({ data }) => {
          equal += same(messages[at], data) ? 1 : 0;
          at += 1;
          if (at === messages.length) {
            socket.close();
          }
        };
        socket.onclose = ({ code }) =>
          code === 1005
            ? done({ agreed: socket.extensions, equal, sent: messages.length })
            : fail(new Error(`closed with ${code}`));
      }),
    url.replace("http", "ws"),
  );

describe("permessage-deflate", () => {
  const kinds = [
    ["shared", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"],
    ["own", "permessage-deflate"],
  ];
  for (const [kind, wanted] of kinds) {
    test(`with ${kind} state`, async () => {
      const server = await start("spec/browser/deflate.lua", ["0", kind]);
      const page = await open(browser, `${server.url}sgcWebSockets.html`);
      const { agreed, equal, sent } = await talk(page, server.url);
      assert.equal(agreed, wanted);
      assert.equal(equal, sent);
      assert.deepEqual(page.faults, []);
      await page.context().close();
      await server.stop();
    });
  }
});
