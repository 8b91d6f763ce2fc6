/** apps/mqtt in Chromium: topics of a mosquitto as they come, and what pages publish. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import WebSocket from "ws";
import { freePort, launch, open, screenshot, start, until } from "./harness.mjs";

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
let browser;
let folder;
let port;
let broker;
let app;
let pages;

const answers = () =>
  new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => socket.end(() => done(true)));
    socket.once("error", () => done(false));
  });

async function startBroker() {
  broker = spawn("mosquitto", ["-c", join(folder, "mosquitto.conf")], { env, stdio: "ignore" });
  await until(answers, "mosquitto to listen");
}

async function stopBroker() {
  const ended = new Promise((done) => broker.once("close", done));
  broker.kill("SIGKILL");
  await ended;
}

/** mosquitto_pub: what others publish. */
const publish = (...words) =>
  promisify(execFile)("mosquitto_pub", ["-h", "127.0.0.1", "-p", String(port), ...words], { env });

const startApp = (...words) =>
  start("apps/mqtt", ["--port", "0", "--broker", `mqtt://127.0.0.1:${port}`, ...words]);

before(async () => {
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), "perilune-mqtt-"));
  port = await freePort();
  const config = `user root\nlistener ${port} 127.0.0.1\nallow_anonymous true\n`;
  writeFileSync(join(folder, "mosquitto.conf"), config);
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  pages = [];
  await startBroker();
});
afterEach(async () => {
  const faults = pages.flatMap((page) => page.faults);
  await Promise.all(pages.map((page) => page.context().close()));
  await app.stop();
  await stopBroker();
  assert.deepEqual(faults, []);
});

const state = (page) => page.locator("#status").getAttribute("data-state");
const row = (page, topic) => page.locator("#topics li", { hasText: topic });
const value = (page, topic) => row(page, topic).locator(".value").textContent();

async function enter(options) {
  const page = await open(browser, app.url, options);
  pages.push(page);
  await until(async () => (await state(page)) === "online", "the broker");
  return page;
}

async function shows(page, topic, text) {
  await row(page, topic).waitFor();
  await until(async () => (await value(page, topic)) === text, `${topic} to be ${text}`);
}

test("topics come as they are, in two pages alike, the old ones for who comes later", async () => {
  app = await startApp();
  await publish("-t", "home/kept", "-m", "retained", "-r");
  const pair = [await enter(), await enter()];
  await publish("-t", "home/kitchen/temperature", "-m", "21.5");
  for (const page of pair) {
    await shows(page, "home/kept", "retained");
    await shows(page, "temperature", "21.5");
  }
  await publish("-t", "home/kitchen/temperature", "-m", "22");
  await Promise.all(pair.map((page) => shows(page, "temperature", "22")));
  assert.match(await row(pair[0], "temperature").locator(".facts").textContent(), /2 ×/);
  await shows(await enter(), "temperature", "22");
});

test("nothing that comes is taken for more than text", async () => {
  app = await startApp();
  const page = await enter();
  await publish("-t", "<b>bold</b>", "-m", '<img src="x" onerror="document.title=1">');
  await publish("-t", "bytes", "-m", "\u0001\u0002");
  await publish("-t", "large", "-m", "ä".repeat(5000));
  await shows(page, "<b>bold</b>", '<img src="x" onerror="document.title=1">');
  await shows(page, "bytes", "(2 bytes)");
  await row(page, "bytes").locator("summary").click();
  assert.equal(await row(page, "bytes").locator("pre").textContent(), "01 02 ");
  await row(page, "large").locator("summary").click();
  assert.equal((await row(page, "large").locator("pre").textContent()).length, 1024);
  assert.match(await row(page, "large").locator(".more").textContent(), /10,000 bytes, the beginning/);
  assert.equal(await page.title(), "Perilune MQTT");
});

test("the filter chooses, and what is opened shows more", async () => {
  app = await startApp();
  const page = await enter();
  for (const number of [1, 3, 2]) {
    await publish("-t", "home/level", "-m", String(number));
    await shows(page, "home/level", String(number));
  }
  await publish("-t", "away/state", "-m", '{"on":true}');
  await shows(page, "away/state", '{"on":true}');
  assert.equal(await page.locator("#count").textContent(), "2 topics");
  await page.fill("#filter", "HOME");
  assert.equal(await page.locator("#topics li").count(), 1);
  assert.equal(await page.locator("#count").textContent(), "1 of 2 topics");
  await page.fill("#filter", "");
  await row(page, "level").locator("summary").click();
  const line = await row(page, "level").locator("svg").getAttribute("aria-label");
  assert.match(line, /from 1 to 3/);
  await page.locator("#filter").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await row(page, "away").locator("pre").textContent(), '{\n  "on": true\n}');
  await screenshot(page, "mqtt-open");
});

test("a page publishes when it may", async () => {
  app = await startApp("--publish");
  const [page, other] = [await enter(), await enter({ viewport: { width: 390, height: 800 }, colorScheme: "dark" })];
  await page.fill("#topic", "home/light");
  await page.fill("#text", "on");
  await page.selectOption("#qos", "2");
  await page.check("#retain");
  await page.click("button");
  await page.getByText("Published").waitFor();
  await Promise.all([page, other].map((each) => shows(each, "home/light", "on")));
  await page.fill("#topic", "home/#");
  await page.click("button");
  await page.getByText("a topic has no # and no +").waitFor();
  await screenshot(other, "mqtt-phone");
});

test("a message that is cut off is told of, and what is typed fits", async () => {
  app = await startApp("--publish");
  const page = await enter();
  await page.fill("#topic", "home/light");
  await page.fill("#text", "\u0001".repeat(20000)); // six bytes each in JSON
  await page.selectOption("#qos", "1");
  await page.click("button");
  await page.getByText("Published").waitFor();
  broker.kill("SIGSTOP");
  await page.click("button");
  await page.getByText("Publishing").waitFor();
  await app.kill();
  broker.kill("SIGCONT");
  await page.getByText("The connection was lost").waitFor();
  app = await startApp();
});

test("it does not publish when it may not, whatever a peer says", async () => {
  app = await startApp();
  const page = await enter();
  assert.equal(await page.locator("#publish").isVisible(), false);
  const peer = new WebSocket(app.url.replace("http", "ws"));
  const told = [];
  peer.on("message", (data) => told.push(JSON.parse(data)));
  await new Promise((done) => peer.once("open", done));
  for (const text of ["", "[", "7", "{}", '{"type":"publish","id":{}}']) {
    peer.send(text);
  }
  peer.send('{"type":"publish","id":1,"topic":"a","text":"b","qos":0}');
  const refusal = await until(() => told.find(({ id }) => id === 1), "an answer");
  assert.match(refusal.error, /--publish/);
  peer.close();
  const stranger = new WebSocket(app.url.replace("http", "ws"), { origin: "http://stranger.example" });
  await new Promise((done) => stranger.once("error", done));
});

test("more topics than are kept are counted", async () => {
  app = await startApp("--topics", "2");
  const page = await enter();
  for (const topic of ["a", "b", "c", "c"]) {
    await publish("-t", `topic/${topic}`, "-m", "x");
  }
  await page.getByText("2 topics, 2 messages of others").waitFor();
});

test("broker and server may go, and come back", async () => {
  app = await startApp();
  const page = await enter();
  await publish("-t", "kept", "-m", "1");
  await shows(page, "kept", "1");
  await stopBroker();
  await until(async () => (await state(page)) === "offline", "the page to tell");
  assert.match(await page.locator("#status").textContent(), /broker/);
  await startBroker();
  await until(async () => (await state(page)) === "online", "the broker to be back", 40_000);
  await publish("-t", "kept", "-m", "2");
  await shows(page, "kept", "2");
  const { port: own } = new URL(app.url);
  await app.kill();
  await until(async () => /connection is lost/.test(await page.locator("#status").textContent()), "the loss");
  app = await start("apps/mqtt", ["--port", own, "--broker", `mqtt://127.0.0.1:${port}`]);
  await until(async () => (await state(page)) === "online", "the server to be back", 40_000);
});
