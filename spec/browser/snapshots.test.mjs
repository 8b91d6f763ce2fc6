/** apps/snapshots in Chromium: two pages that see the same picture, compressed on its way. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import WebSocket from "ws";
import { freePort, launch, open, screenshot, start, until } from "./harness.mjs";

const SIZE = 54 + 240 * 240 * 3;
let browser;
let snapshots;
let pages;

before(async () => (browser = await launch()));
after(() => browser?.close());
beforeEach(() => (pages = []));
afterEach(async () => {
  const faults = pages.flatMap((page) => page.faults);
  await Promise.all(pages.map((page) => page.context().close()));
  await snapshots?.stop();
  assert.deepEqual(faults, []);
});

const serve = async (...flags) => (snapshots = await start("apps/snapshots", ["--port", "0", ...flags]));

async function enter(options) {
  const page = await open(browser, snapshots.url, options);
  pages.push(page);
  await until(() => page.locator("#picture").isVisible(), "the first picture");
  return page;
}

/** What the picture on the page looks like, once it is drawn. */
const pixels = (page) =>
  page.evaluate(async () => {
    const image = document.getElementById("picture");
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    data.forEach((byte, index) => (sum = (sum * 31 + byte * (index % 7)) % 2147483647));
    return `${canvas.width}x${canvas.height} ${sum}`;
  });

test("everybody sees the same picture, also who comes later", async () => {
  await serve("--interval", "3600");
  const [one, other] = [await enter(), await enter()];
  const seen = await pixels(one);
  assert.match(seen, /^240x240 \d+$/);
  assert.equal(await pixels(other), seen);
  assert.match(await one.locator("#status").textContent(), /compressed/);
  assert.match(await one.locator("#caption").textContent(), /Number 1, at \d\d:\d\d:\d\d, 169 KiB/);
});

test("pictures change, and those before stay for a while", async () => {
  await serve("--interval", "0.4");
  const page = await enter();
  const seen = new Set();
  await until(async () => seen.add(await pixels(page)).size >= 3, "three pictures");
  await until(async () => (await page.locator("#earlier li").count()) === 8, "eight earlier ones");
  const broken = await page.evaluate(async () => {
    const images = [...document.querySelectorAll("#earlier img")].slice(0, 4);
    await Promise.all(images.map((image) => image.decode()));
    return images.filter((image) => image.naturalWidth !== 240).length;
  });
  assert.equal(broken, 0);
  const save = page.locator("#save");
  assert.match(await save.getAttribute("href"), /^blob:/);
  assert.match(await save.getAttribute("download"), /^snapshot-\d+\.bmp$/);
  await screenshot(page, "snapshots");
});

test("pictures are compressed for who can inflate, whole for who cannot", async () => {
  await serve("--interval", "3600");
  for (const perMessageDeflate of [true, false]) {
    const peer = new WebSocket(snapshots.url.replace("http", "ws"), { perMessageDeflate });
    const [data, isBinary] = await new Promise((done, fail) => {
      peer.once("message", (...message) => done(message)).once("error", fail);
    });
    const { bytesRead } = peer._socket;
    peer.close();
    assert.equal(isBinary, true);
    assert.equal(data.length, SIZE);
    assert.equal(data.toString("latin1", 0, 2), "BM");
    assert.equal(bytesRead < SIZE / 2, perMessageDeflate);
  }
});

test("it comes back after a crash of the server", async () => {
  const port = String(await freePort());
  snapshots = await start("apps/snapshots", ["--port", port, "--interval", "3600"]);
  const page = await enter();
  await snapshots.kill();
  await until(async () => (await page.locator("#status").getAttribute("data-state")) === "offline", "the loss");
  snapshots = await start("apps/snapshots", ["--port", port, "--interval", "3600"]);
  await until(async () => /Number 2/.test(await page.locator("#caption").textContent()), "the next picture");
});

test("what is sent to it changes nothing", async () => {
  await serve("--interval", "0.5");
  const page = await enter({ viewport: { width: 390, height: 780 }, isMobile: true });
  const peer = new WebSocket(snapshots.url.replace("http", "ws"));
  const code = new Promise((done) => peer.once("close", done));
  await new Promise((done) => peer.once("open", done));
  peer.send("text");
  peer.send(Buffer.from("BM no picture"));
  peer.send("x".repeat(5000));
  assert.equal(await code, 1009);
  await until(async () => /Number [3-9]/.test(await page.locator("#caption").textContent()), "more pictures");
  const widths = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  assert.deepEqual(widths, [390, 390]);
});
