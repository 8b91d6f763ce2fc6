/** The operator's page: numbers, clients who can be disconnected, slow handlers, the log. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import WebSocket from "ws";
import { freePort, launch, open, screenshot, start, until } from "./harness.mjs";

let browser;
let server;
let address;
let pages = [];
let peers = [];

before(async () => (browser = await launch()));
after(() => browser?.close());
beforeEach(async () => {
  const port = await freePort();
  address = `http://127.0.0.1:${port}/`;
  server = await start("spec/browser/dashboard.lua", ["0", String(port)]);
});
afterEach(async () => {
  const faults = pages.flatMap((page) => page.faults);
  await Promise.all(pages.map((page) => page.context().close()));
  for (const peer of peers) peer.terminate();
  pages = [];
  peers = [];
  await server.stop();
  assert.deepEqual(faults, []);
});

async function peer(path) {
  const made = new WebSocket(server.url.replace("http", "ws") + path);
  peers.push(made);
  made.heard = 0;
  made.on("message", () => made.heard++);
  await new Promise((done, fail) => made.once("open", done).once("error", fail));
  return made;
}

async function look(options = {}) {
  const page = await open(browser, address, options);
  pages.push(page);
  await page.waitForSelector('#state[data-state="good"]');
  return page;
}

test("shows what goes on, and nothing of it is taken for HTML", async () => {
  const asked = [];
  const first = await peer("one");
  await peer("two?<b>x</b>");
  const page = await look();
  page.on("request", (request) => asked.push(new URL(request.url()).host));
  await until(async () => (await page.locator("#clients tbody tr").count()) === 2, "two clients");
  assert.match(await page.locator("#clients tbody").textContent(), /two\?/);
  assert.equal(await page.locator("#clients b, #log b").count(), 0);
  assert.match(await page.locator("#channels tbody").textContent(), /lobby\s*2/);
  first.send("slow");
  first.send("log");
  await page.locator("#slow tbody", { hasText: "dashboard.lua:10" }).waitFor();
  await page.locator("#log", { hasText: "<b>a line</b> of the log" }).waitFor();
  const timer = setInterval(() => first.send("x"), 5);
  await until(async () => Number(await page.locator("#received").textContent()) > 10, "a rate");
  await until(async () => (await page.locator("#line-in").getAttribute("points")).split(" ").length > 4, "a line");
  await page.emulateMedia({ colorScheme: "light" });
  await screenshot(page, "dashboard-light");
  await page.emulateMedia({ colorScheme: "dark" });
  await screenshot(page, "dashboard-dark");
  await page.setViewportSize({ width: 390, height: 780 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} pixels too wide`);
  await screenshot(page, "dashboard-phone");
  clearInterval(timer);
  assert.deepEqual([...new Set(asked)], [new URL(address).host]);
});

test("disconnects a client", async () => {
  const stays = await peer("stays");
  const goes = await peer("goes");
  const closed = new Promise((done) => goes.once("close", done));
  const page = await look();
  await page.locator("#clients tr", { hasText: "/goes" }).getByRole("button").click();
  assert.equal(await closed, 1008);
  await until(async () => (await page.locator("#clients tbody tr").count()) === 1, "one client");
  assert.equal(stays.readyState, WebSocket.OPEN);
});

test("says when the program does not answer, and when it is back", async () => {
  const page = await look();
  const port = new URL(address).port;
  await server.stop();
  await page.waitForSelector('#state[data-state="bad"]');
  server = await start("spec/browser/dashboard.lua", ["0", port]);
  await page.waitForSelector('#state[data-state="good"]');
  page.faults.length = 0; // requests that had no answer
});
