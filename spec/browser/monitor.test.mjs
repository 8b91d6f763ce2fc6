/** apps/monitor in Chromium: gauges, check boxes, the chart, and a peer that wants to fake values. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import WebSocket from "ws";
import { freePort, launch, open, screenshot, start, until } from "./harness.mjs";

const NAMES = ["memory", "cpu", "network"];
let browser;
let monitor;
let pages;

before(async () => (browser = await launch()));
after(() => browser?.close());
beforeEach(async () => {
  pages = [];
  monitor = await start("apps/monitor", ["--port", "0", "--demo"]);
});
afterEach(async () => {
  const faults = pages.flatMap((page) => page.faults);
  await Promise.all(pages.map((page) => page.context().close()));
  await monitor.stop();
  assert.deepEqual(faults, []);
});

const state = (page) => page.locator("#status").getAttribute("data-state");
const value = (page, name) => page.locator(`.gauge[data-name="${name}"]`).getAttribute("aria-valuenow");
const known = async (page, name) => (await value(page, name)) !== null;
const level = (page, name) => page.locator(`.gauge[data-name="${name}"]`).getAttribute("data-level");

async function enter(options) {
  const page = await open(browser, monitor.url, options);
  pages.push(page);
  return page;
}

async function run(page) {
  await page.click("#start");
  await until(async () => (await state(page)) === "online", "the connection");
  return page;
}

/** Waits until each channel of a page has had another value than now. */
async function moves(page, names = NAMES) {
  for (const name of names) {
    const before = await value(page, name);
    await until(async () => (await known(page, name)) && (await value(page, name)) !== before, `${name} to move`);
  }
}

test("nothing comes before Start, then all three move, in two pages alike", async () => {
  const pair = [await enter(), await enter()];
  assert.deepEqual(await Promise.all(NAMES.map((name) => known(pair[0], name))), [false, false, false]);
  assert.match(await pair[0].locator("#status").textContent(), /Press Start/);
  await Promise.all(pair.map(run));
  await Promise.all(pair.map((page) => moves(page)));
  await until(async () => {
    const [one, other] = await Promise.all(
      pair.map((page) => Promise.all(NAMES.map((name) => value(page, name)))),
    );
    return one.join() === other.join();
  }, "both pages to show the same");
});

test("a check box stops its channel and starts it again", async () => {
  const [page, other] = [await run(await enter()), await run(await enter())];
  await moves(page);
  await page.uncheck("#cpu");
  assert.equal(await known(page, "cpu"), false);
  await moves(page, ["memory", "network"]);
  await moves(other, ["cpu"]);
  assert.equal(await known(page, "cpu"), false);
  await page.check("#cpu");
  await moves(page, ["cpu"]);
});

test("Stop ends it; Start goes on, with what was chosen", async () => {
  const page = await run(await enter());
  await moves(page);
  await page.uncheck("#network");
  await page.click("#start");
  assert.equal(await state(page), "idle");
  assert.equal(await known(page, "memory"), false);
  await run(page);
  await moves(page, ["memory", "cpu"]);
  assert.equal(await known(page, "network"), false);
});

test("who comes later sees what was, and the chart shows it", async () => {
  const first = await run(await enter());
  for (let i = 0; i < 6; i++) {
    await moves(first, ["cpu"]);
  }
  const late = await run(await enter());
  const drawn = () =>
    late.evaluate(() => {
      const canvas = document.querySelector("#chart canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.some((byte) => byte !== 0);
    });
  await until(drawn, "something in the chart");
  const peer = new WebSocket(monitor.url.replace("http", "ws"), "esegece.com");
  const answer = await new Promise((done, fail) => {
    peer.on("open", () => peer.send('{"jsonrpc":"2.0","method":"history","params":[],"id":"h"}'));
    peer.on("message", (data) => done(JSON.parse(data)));
    peer.on("error", fail);
  });
  peer.close();
  assert.equal(answer.result.interval, 0.5);
  assert.ok(answer.result.samples.length >= 6);
  answer.result.samples.forEach((sample) => {
    assert.equal(sample.length, 3);
    sample.forEach((number) => assert.ok(Number.isInteger(number) && number >= 0 && number <= 100));
  });
  await screenshot(late, "monitor");
});

test("gauges are yellow from 75 and red from 90", async () => {
  const page = await enter();
  const levels = await page.evaluate(async () => {
    const { Gauge } = await import("/gauge.js");
    const gauge = new Gauge("test", "Test");
    return [0, 74, 75, 89, 90, 100, null].map((number) => {
      gauge.show(number);
      return gauge.element.dataset.level;
    });
  });
  assert.deepEqual(levels, ["normal", "normal", "yellow", "yellow", "red", "red", "unknown"]);
  assert.equal(await level(page, "memory"), "unknown");
});

test("it comes back after a crash of the server", async () => {
  await monitor.stop();
  const port = String(await freePort());
  monitor = await start("apps/monitor", ["--port", port, "--demo"]);
  const page = await run(await enter());
  await moves(page);
  await monitor.kill();
  await until(async () => (await state(page)) === "offline", "the loss to be seen");
  assert.equal(await known(page, "memory"), false);
  monitor = await start("apps/monitor", ["--port", port, "--demo"]);
  await until(async () => (await state(page)) === "online", "the connection");
  await moves(page);
});

test("nobody but the server publishes, and there is nothing else to subscribe to", async () => {
  const page = await run(await enter());
  const peer = new WebSocket(monitor.url.replace("http", "ws"), "esegece.com");
  const heard = [];
  await new Promise((done) => peer.once("open", done));
  peer.on("message", (data) => heard.push(JSON.parse(data)));
  const call = (id, method, params) => peer.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  call("1", "sgc@publish", { channel: "memory", message: "4711" });
  call("2", "sgc@broadcast", { channel: "", message: "<b>hello</b>" });
  call("3", "sgc@subscribe", { channel: "secrets", message: "" });
  call("4", "nonsense", []);
  await until(() => heard.filter((message) => message.error).length === 4, "four refusals");
  assert.deepEqual(heard.filter((message) => message.error).map((message) => message.id).sort(), ["1", "2", "3", "4"]);
  await moves(page, ["memory"]);
  assert.ok(Number(await value(page, "memory")) <= 100);
  peer.close();
});

test("it shows this machine, and fits a telephone in the dark", async () => {
  await monitor.stop();
  monitor = await start("apps/monitor", ["--port", "0"]);
  const options = { viewport: { width: 390, height: 780 }, isMobile: true, colorScheme: "dark" };
  const page = await run(await enter(options));
  await until(async () => (await known(page, "memory")) && Number(await value(page, "memory")) > 0, "memory in use");
  const widths = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  assert.deepEqual(widths, [390, 390]);
  await screenshot(page, "monitor-phone");
});
