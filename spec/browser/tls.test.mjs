/** apps/chat over TLS in Chromium, which trusts its certificate's key and no other. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, open, program, start } from "./harness.mjs";

let folder;
let browser;

/** Makes certificates in a new folder; returns the hash by which Chromium knows the key. */
function certify() {
  folder = mkdtempSync(join(tmpdir(), "perilune-browser-"));
  execFileSync(program, ["cert", folder]);
  const { publicKey } = new X509Certificate(readFileSync(join(folder, "cert.pem")));
  const key = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
}

before(async () => (browser = await launch(`--ignore-certificate-errors-spki-list=${certify()}`)));
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

test("people talk over https and wss", async () => {
  const chat = await start("apps/chat", ["--port", "0", "--tls", folder]);
  assert.match(chat.url, /^https:/);
  const people = [];
  for (const name of ["Ada", "Grace"]) {
    const page = await open(browser, `${chat.url}#lobby`);
    page.sockets = [];
    page.on("websocket", (socket) => page.sockets.push(socket.url()));
    await page.fill("#name", name);
    await page.keyboard.press("Enter");
    await page.waitForSelector('#connection[data-state="open"]');
    people.push(page);
  }
  const [ada, grace] = people;
  await ada.fill("#text", "Only for us");
  await ada.press("#text", "Enter");
  await grace.locator("#messages .text", { hasText: "Only for us" }).waitFor();
  for (const page of people) {
    assert.deepEqual(page.faults, []);
    assert.ok(page.sockets.length > 0);
    page.sockets.forEach((url) => assert.match(url, /^wss:/));
    await page.context().close();
  }
  await chat.stop();
});

test("a certificate that nobody trusts is no way in", async () => {
  const trusted = folder;
  certify();
  const chat = await start("apps/chat", ["--port", "0", "--tls", folder]);
  await assert.rejects(open(browser, chat.url), /ERR_CERT_AUTHORITY_INVALID/);
  await chat.stop();
  rmSync(folder, { recursive: true });
  folder = trusted;
});
