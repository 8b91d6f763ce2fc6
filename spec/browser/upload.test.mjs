/** apps/upload in Chromium: by WebSocket and as a form, with two pages; and who breaks the rules. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import WebSocket from "ws";
import { launch, open, screenshot, start, until } from "./harness.mjs";

let browser;
let folder;
let pages;
let upload;

before(async () => (browser = await launch()));
after(() => browser?.close());
beforeEach(async () => {
  pages = [];
  folder = await mkdtemp(join(tmpdir(), "perilune-upload-"));
  upload = await start("apps/upload", ["--port", "0", "--folder", folder, "--max-size", "0.03"]);
});
afterEach(async () => {
  const faults = pages.flatMap((page) => page.faults);
  await Promise.all(pages.map((page) => page.context().close()));
  await upload.stop();
  await rm(folder, { recursive: true });
  assert.deepEqual(faults, []);
});

async function enter() {
  const page = await open(browser, upload.url);
  pages.push(page);
  await page.waitForSelector('#status[data-state="online"]');
  return page;
}

/** Bytes that a boundary may be hidden in. */
function bytes(size) {
  const made = Buffer.alloc(size, "\r\n--");
  for (let at = 0; at < size; at += 7) {
    made[at] = (at * 2654435761) & 255;
  }
  return made;
}

const file = (name, size) => ({ name, mimeType: "application/octet-stream", buffer: bytes(size) });
const sum = (data) => createHash("sha256").update(data).digest("hex");
const names = (page) => page.locator("#files a").allTextContents();
const noted = (page, text) => page.locator("#note", { hasText: text }).waitFor();

/** What the folder has, as the server has told it apart. */
async function kept(expected) {
  await until(async () => (await readdir(folder)).sort().join() === expected.sort().join(), `${expected} in the folder`);
}

test("two files by WebSocket, seen by another page, and downloaded from it", async () => {
  const [page, other] = [await enter(), await enter()];
  const files = [file("first file.bin", 9_000_000), file("zweite ä.txt", 0)];
  await page.setInputFiles("#file", files);
  await page.click("#socket");
  await noted(page, "Sent: first file.bin, zweite ä.txt");
  await until(async () => (await names(other)).length === 2, "the other page's list");
  await kept(files.map(({ name }) => name));
  assert.equal(sum(await readFile(join(folder, "first file.bin"))), sum(files[0].buffer));
  const [download] = await Promise.all([
    other.waitForEvent("download"),
    other.getByRole("link", { name: "first file.bin" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "first file.bin");
  assert.equal(sum(await readFile(await download.path())), sum(files[0].buffer));
  await screenshot(page, "upload");
});

test("two files as a form, with progress", async () => {
  const [page, other] = [await enter(), await enter()];
  await page.evaluate(() => {
    globalThis.seen = [];
    const bar = document.querySelector("progress");
    new MutationObserver(() => globalThis.seen.push(bar.value)).observe(bar, { attributes: true });
  });
  const files = [file("a.bin", 12_000_000), file("a.bin", 3)];
  await page.setInputFiles("#file", files);
  await page.click("#post");
  await noted(page, "Sent: a.bin, a-2.bin");
  await until(async () => (await names(other)).length === 2, "the other page's list");
  assert.equal(sum(await readFile(join(folder, "a.bin"))), sum(files[0].buffer));
  assert.equal(sum(await readFile(join(folder, "a-2.bin"))), sum(files[1].buffer));
  assert.equal((await page.evaluate(() => globalThis.seen)).at(-1), 1);
});

test("too large a file is refused by either way, and leaves nothing", async () => {
  const page = await enter();
  for (const [button, text] of [["#socket", "the file is too large"], ["#post", "Not sent"]]) {
    await page.setInputFiles("#file", file("large", 34_000_000));
    await page.click(button);
    await noted(page, text);
    await kept([]);
  }
  page.faults = page.faults.filter((fault) => !/413|ERR_CONNECTION/.test(fault));
});

/** A peer without a page. */
async function raw(...sent) {
  const socket = new WebSocket(upload.url.replace("http", "ws"));
  const heard = [];
  socket.on("message", (data) => heard.push(String(data)));
  await new Promise((done, fail) => socket.once("open", done).once("error", fail));
  sent.forEach((each) => socket.send(each));
  return { socket, heard, hears: (text) => until(() => heard.includes(text), text) };
}

test("the manual's way: a name, then one message", async () => {
  const peer = await raw("uploadfile:../../moon:1.jpg", Buffer.from("bytes"));
  await peer.hears("uploaded:moon_1.jpg");
  assert.equal(String(await readFile(join(folder, "moon_1.jpg"))), "bytes");
  peer.socket.close();
});

test("who goes, stops, begins anew or says nothing sensible leaves nothing", async () => {
  const peer = await raw(Buffer.from("no name"), "uploadsize:5", "hello", "uploadfile:a", "uploadsize:x", "uploadsize:9", Buffer.from("1234"));
  await peer.hears("received:4");
  assert.equal((await readdir(folder)).length, 1);
  peer.socket.send("uploadfile:b");
  await kept([]);
  peer.socket.send("uploadsize:3");
  peer.socket.send(Buffer.from("12345"));
  await peer.hears("uploadfailed:more bytes than were announced");
  await kept([]);
  peer.socket.send("uploadfile:c");
  peer.socket.send("uploadsize:9");
  peer.socket.send(Buffer.from("12"));
  await peer.hears("received:2");
  peer.socket.terminate();
  await kept([]);
});

test("a page of others cannot send a form in the visitor's name", async () => {
  const body = new FormData();
  body.append("file", new Blob(["x"]), "x.txt");
  const answer = await fetch(`${upload.url}upload`, { method: "POST", headers: { origin: "http://evil.example" }, body });
  assert.equal(answer.status, 403);
  await kept([]);
});

test("a page of others cannot open a WebSocket in the visitor's name", async () => {
  const url = upload.url.replace("http", "ws");
  const opened = (origin) =>
    new Promise((done) => {
      const socket = new WebSocket(url, { origin });
      socket.once("open", () => socket.close()).once("close", () => done(true));
      socket.once("unexpected-response", (_, answer) => done(answer.statusCode)).on("error", () => {});
    });
  assert.equal(await opened("http://evil.example"), 403);
  assert.equal(await opened("null"), 403);
  assert.equal(await opened(upload.url.slice(0, -1)), true);
});

test("an answer of somebody else, and a file that cannot be read, are told of", async () => {
  const page = await enter();
  await page.route("**/upload", (route) => route.fulfill({ status: 200, body: "<p>Log in to this network</p>" }));
  await page.setInputFiles("#file", file("a.bin", 10));
  await page.click("#post");
  await noted(page, "Not sent");
  assert.equal(await page.isEnabled("#post"), true);
  await page.evaluate(() => {
    const slice = File.prototype.slice;
    File.prototype.slice = function (from, to) {
      return from === 0 ? slice.call(this, from, to) : { arrayBuffer: () => Promise.reject(new Error("gone")) };
    };
  });
  await page.setInputFiles("#file", file("b.bin", 1_000_000));
  await page.click("#socket");
  await noted(page, "Not sent: gone");
  await kept([]);
});

test("a server that stops leaves nothing", async () => {
  const peer = await raw("uploadfile:a", "uploadsize:9", Buffer.from("1234"));
  await peer.hears("received:4");
  assert.equal((await readdir(folder)).length, 1);
  await upload.stop();
  assert.deepEqual(await readdir(folder), []);
});
