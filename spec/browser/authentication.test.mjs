/** apps/authentication in Chromium: both ways in, refusals, logging out. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { launch, open, program, screenshot, start, until } from "./harness.mjs";

let browser;
let app;
let pages;
let folder;

before(async () => {
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), "perilune-"));
  const hashed = execFileSync(program, ["password", "eve"], { input: "p/ß?:1\n", encoding: "utf8" });
  writeFileSync(join(folder, "users"), `# of the test\nadmin=12%34/5\n\n${hashed}`);
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});
const startApp = () => start("apps/authentication", ["--port", "0", "--users", join(folder, "users")]);
beforeEach(async () => {
  pages = [];
  app = await startApp();
});
afterEach(async () => {
  // A refusal is what some tests are about; Chromium reports each.
  const faults = pages.flatMap((page) => page.faults).filter((fault) => !/status of (401|429)/.test(fault));
  await Promise.all(pages.map((page) => page.context().close()));
  await app.stop();
  assert.deepEqual(faults, []);
});

async function enter(options) {
  const page = await open(browser, app.url, options);
  pages.push(page);
  return page;
}

async function logIn(page, user, password, way = "session") {
  await page.fill("#user", user);
  await page.fill("#password", password);
  await page.check(`input[value="${way}"]`);
  await page.click("#enter");
}

const inRoom = (page) => page.locator("#room").isVisible();
const people = (page) => page.locator("#people li").allTextContents();
const refusal = (page) => page.locator("#refusal").textContent();
const arrives = (page) => until(() => inRoom(page), "the room");

test("two people come in, each in another way, and talk", async () => {
  const [one, other] = [await enter(), await enter({ colorScheme: "dark" })];
  const asked = [];
  one.on("request", (request) => asked.push(request.url()));
  one.on("websocket", (socket) => asked.push(socket.url()));
  await logIn(one, "eve", "p/ß?:1");
  await arrives(one);
  assert.equal(await one.locator("#name").textContent(), "eve");
  assert.ok(asked.some((url) => /\/sgc\/auth\/session\/[\w-]{32}\/room$/.test(url)), asked.join());
  assert.ok(!asked.some((url) => url.includes("p%2F")), "the password is in no address");
  await logIn(other, "admin", "12%34/5", "url");
  await arrives(other);
  for (const page of [one, other]) {
    await until(async () => (await people(page)).join() === "admin,eve", "both to be there");
  }
  await one.fill("#text", "<b>good evening</b>");
  await one.keyboard.press("Enter");
  await other.fill("#text", "hello, Eve");
  await other.keyboard.press("Enter");
  for (const page of [one, other]) {
    await until(async () => (await page.locator("#messages li").count()) === 2, "both messages");
    assert.match(await page.locator("#messages").textContent(), /eve <b>good evening<\/b>/);
  }
  assert.equal(await one.inputValue("#password"), "");
  await screenshot(one, "authentication-room");
  await screenshot(other, "authentication-room-dark");
  await other.close();
  await until(async () => (await people(one)).join() === "eve", "one of them to go");
});

test("a wrong password is refused, in both ways, and no window of the browser asks", async () => {
  const page = await enter();
  page.on("dialog", () => assert.fail("a dialog"));
  for (const way of ["session", "url"]) {
    await logIn(page, "admin", "wrong", way);
    await until(async () => /wrong/.test(await refusal(page)), "the refusal");
    assert.equal(await inRoom(page), false);
    await page.evaluate(() => (document.getElementById("refusal").textContent = ""));
  }
  await logIn(page, "admin", "12%34/5");
  await arrives(page);
  assert.equal(await page.locator("#refusal").isVisible(), false);
});

test("who guesses has to wait", async () => {
  const page = await enter();
  for (let count = 0; count < 5; count++) {
    const answer = page.waitForResponse(/req\/auth\/session/);
    await logIn(page, "admin", `guess ${count}`);
    assert.equal((await answer).status(), 401);
    await until(() => page.locator("#enter").isEnabled(), "the answer");
  }
  await logIn(page, "admin", "12%34/5");
  await until(async () => /Try again in \d+ seconds/.test(await refusal(page)), "the 429");
  await screenshot(page, "authentication-login");
});

test("logging out ends all of a user, in all pages, and their tokens", async () => {
  const [one, other, third] = [await enter(), await enter(), await enter()];
  let token;
  one.on("websocket", (socket) => (token = new URL(socket.url()).pathname));
  await logIn(one, "admin", "12%34/5");
  await logIn(other, "admin", "12%34/5", "url");
  await logIn(third, "eve", "p/ß?:1");
  await Promise.all([one, other, third].map(arrives));
  await other.click("#logout");
  for (const page of [one, other]) {
    await until(async () => /logged out/.test(await refusal(page)), "the end");
  }
  await until(async () => (await people(third)).join() === "eve", "one to be left");
  const response = await fetch(new URL(token, app.url));
  assert.equal(response.status, 401);
});

test("a connection that is lost comes back with the session", async () => {
  const page = await enter();
  await page.addInitScript(() => {
    const Native = WebSocket;
    window.sockets = [];
    window.WebSocket = class extends Native {
      constructor(...words) {
        super(...words);
        window.sockets.push(this);
      }
    };
  });
  await page.reload();
  await logIn(page, "eve", "p/ß?:1");
  await arrives(page);
  await page.evaluate(() => window.sockets[0].close(3000));
  await until(() => page.evaluate(() => window.sockets.length > 1 && window.sockets.at(-1).readyState === 1), "another");
  await until(async () => (await page.locator("#status").getAttribute("data-state")) === "online", "the room");
  assert.deepEqual(await people(page), ["eve"]);
});

test("what is written without a connection is not lost", async () => {
  const page = await enter();
  await logIn(page, "eve", "p/ß?:1");
  await arrives(page);
  await app.kill();
  await until(async () => (await page.locator("#status").getAttribute("data-state")) === "offline", "the loss");
  await page.fill("#text", "still here");
  await page.keyboard.press("Enter");
  assert.equal(await page.inputValue("#text"), "still here");
  assert.match(await page.locator("#status").textContent(), /no connection/i);
  page.faults = page.faults.filter((fault) => !/ERR_CONNECTION/.test(fault));
  app = await startApp();
});

test("a telephone has room for it, and Basic guards the page beside it", async () => {
  const page = await enter({ viewport: { width: 360, height: 640 }, hasTouch: true });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await screenshot(page, "authentication-telephone");
  const url = new URL("/private", app.url);
  assert.equal((await fetch(url)).status, 401);
  const guest = await open(browser, url.href, { httpCredentials: { username: "admin", password: "12%34/5" } });
  assert.equal(await guest.locator("body").textContent(), "You are admin.\n");
  await guest.context().close();
});
