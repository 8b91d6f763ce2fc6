/** apps/chat in Chromium: what a person does with it, and what must not happen to them. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import WebSocket from "ws";
import { freePort, launch, open, screenshot, start, until } from "./harness.mjs";

const PHONE = { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true };

let browser;
let chat;
let pages = [];

before(async () => (browser = await launch()));
after(() => browser?.close());
beforeEach(async () => (chat = await start("apps/chat", ["--port", "0"])));
afterEach(async () => {
  const faults = pages.flatMap((page) => page.faults);
  await Promise.all(pages.map((page) => page.context().close()));
  pages = [];
  await chat.stop();
  assert.deepEqual(faults, []);
});

/** Somebody in a room, by the dialog that asks for the name. */
async function enter(name, room = "lobby", options = {}) {
  const page = await open(browser, `${chat.url}#${encodeURIComponent(room)}`, options);
  pages.push(page);
  await page.fill("#name", name);
  await page.keyboard.press("Enter");
  await connected(page);
  return page;
}

const connected = (page) => page.waitForSelector('#connection[data-state="open"]');

/** Waits until the page has gone to a room. */
async function arrived(page, room) {
  await page.locator("#room-name", { hasText: room }).waitFor({ state: "attached" });
  await connected(page);
}

async function say(page, text) {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

const texts = (page) => page.locator("#messages .text").allTextContents();
const pending = (page) => page.locator("#pending .text").allTextContents();
const people = (page) => page.locator("#people .name").allTextContents();

/** Waits until the page shows just these messages, in this order. */
async function shows(page, expected) {
  const wanted = JSON.stringify(expected);
  await until(async () => JSON.stringify(await texts(page)) === wanted, wanted);
}

/** Somebody without a page, who sends what a page never would. */
async function rawPeer() {
  const socket = new WebSocket(chat.url.replace("http", "ws"));
  const heard = [];
  socket.on("message", (data) => heard.push(JSON.parse(data)));
  await new Promise((done, fail) => socket.once("open", done).once("error", fail));
  return {
    socket,
    heard,
    send: (value) => socket.send(typeof value === "string" ? value : JSON.stringify(value)),
    close: () => new Promise((done) => socket.once("close", done).close()),
  };
}

test("messages go both ways", async () => {
  const ada = await enter("Ada");
  const grace = await enter("Grace");
  await say(ada, "Hello Grace");
  await shows(grace, ["Hello Grace"]);
  await say(grace, "Hello Ada");
  await shows(ada, ["Hello Grace", "Hello Ada"]);
  await shows(grace, ["Hello Grace", "Hello Ada"]);
  assert.deepEqual(await pending(ada), []);
  assert.equal(await ada.locator(".mine .text").textContent(), "Hello Grace");
  assert.equal(await ada.locator(".message:not(.mine) .name").textContent(), "Grace");
  await screenshot(ada, "chat");
});

test("rooms are separate, and a link leads into one", async () => {
  const ada = await enter("Ada", "tea room");
  const grace = await enter("Grace", "lobby");
  await say(ada, "Only for tea");
  await shows(ada, ["Only for tea"]);
  await say(grace, "Only for the lobby");
  await shows(grace, ["Only for the lobby"]);
  assert.deepEqual(await texts(ada), ["Only for tea"]);

  await grace.fill("#room-input", "tea room");
  await grace.press("#room-input", "Enter");
  await shows(grace, ["Only for tea"]);
  assert.equal(new URL(grace.url()).hash, "#tea%20room");
  await until(async () => (await people(ada)).join() === "Ada,Grace", "Grace to be here");
  await grace.click("#rooms a:has-text('lobby')");
  await shows(grace, ["Only for the lobby"]);
  await until(async () => (await people(ada)).join() === "Ada", "Grace to have left");
});

test("it shows who is there, and tells two of one name apart", async () => {
  const ada = await enter("Ada");
  const grace = await enter("Grace");
  assert.deepEqual(await people(grace), ["Grace", "Ada"]);
  await until(async () => (await people(ada)).join() === "Ada,Grace", "Grace to be here");
  assert.equal(await ada.locator("#subtitle").textContent(), "2 people here");

  const other = await enter("Ada");
  await until(async () => (await people(grace)).join() === "Grace,Ada,Ada", "two Adas");
  const tags = await grace.locator("#people .tag").allTextContents();
  assert.deepEqual(tags[0], "");
  assert.match(tags[1], /^#\d+$/);
  assert.match(tags[2], /^#\d+$/);
  assert.notEqual(tags[1], tags[2]);
  await say(other, "I am the other one");
  await shows(grace, ["I am the other one"]);
  assert.ok(tags.includes(await grace.locator("#messages .tag").textContent()));

  await other.context().close();
  pages = pages.filter((page) => page !== other);
  await until(async () => (await people(grace)).join() === "Grace,Ada", "the other Ada to leave");
  assert.deepEqual(await grace.locator("#people .tag").allTextContents(), ["", ""]);
  assert.match((await grace.locator(".note").allTextContents()).at(-1), /^Ada #\d+ left$/);
});

test("what others write is text, never HTML", async () => {
  const nasty = '<img src=x onerror="document.title=1"><script>document.title=2</script>&amp;';
  const grace = await enter("Grace", "lobby");
  const mallory = await enter('<b id="bold">M</b>', "lobby");
  await say(mallory, nasty);
  await shows(grace, [nasty]);
  assert.equal(await grace.locator("#messages img, #messages script, #bold").count(), 0);
  assert.equal(await grace.locator("#messages .name").textContent(), '<b id="bold">M</b>');
  assert.match(await grace.title(), /Perilune chat$/);
  await say(mallory, "see https://example.org/a?b=1, or javascript:alert(1)");
  const link = grace.locator("#messages a");
  await until(async () => (await link.count()) === 1, "the link");
  assert.equal(await link.getAttribute("href"), "https://example.org/a?b=1");
  assert.equal(await link.getAttribute("rel"), "noopener noreferrer");
});

test("after a crash of the server it comes back, and what was typed arrives once", async () => {
  await chat.stop();
  const port = String(await freePort());
  chat = await start("apps/chat", ["--port", port]);
  const ada = await enter("Ada");
  const grace = await enter("Grace");
  await say(ada, "before");
  await shows(grace, ["before"]);

  await chat.kill();
  await ada.waitForSelector('#connection[data-state="waiting"]');
  await grace.waitForSelector('#connection[data-state="waiting"]');
  await say(ada, "while away");
  await say(ada, "and one more");
  assert.deepEqual(await pending(ada), ["while away", "and one more"]);
  assert.match(await ada.locator("#pending .why").textContent(), /back online/);
  await say(ada, "never mind");
  await ada.locator("#pending .message", { hasText: "never mind" }).getByRole("button").click();
  assert.deepEqual(await pending(ada), ["while away", "and one more"]);
  await ada.locator("#pending .why").evaluate((e) => e.getAnimations().forEach((a) => a.finish()));
  await screenshot(ada, "chat-offline");

  chat = await start("apps/chat", ["--port", port]);
  await connected(ada);
  await connected(grace);
  await shows(grace, ["before", "while away", "and one more"]);
  await shows(ada, ["before", "while away", "and one more"]);
  assert.deepEqual(await pending(ada), []);
  // Nothing comes a second time, also not by a reload, which asks for the history.
  await say(grace, "welcome back");
  await shows(ada, ["before", "while away", "and one more", "welcome back"]);
  await ada.reload();
  await connected(ada);
  await shows(ada, ["while away", "and one more", "welcome back"]);
  const mine = await ada.locator(".mine .text").allTextContents();
  assert.deepEqual(mine, ["while away", "and one more"]);
});

test("what reached the server before the connection broke is not sent again", async () => {
  const ada = await enter("Ada");
  // The page believes that it is unsent, as after a connection that broke before the echo.
  await say(ada, "once");
  await shows(ada, ["once"]);
  await ada.evaluate(() => {
    const [id] = JSON.parse(localStorage.getItem("perilune.chat.sent"));
    const message = { id, room: "lobby", text: "once" };
    sessionStorage.setItem("perilune.chat.outbox", JSON.stringify([message]));
  });
  const watcher = await rawPeer();
  watcher.send({ room: "lobby", name: "Watcher" });
  await ada.reload();
  await connected(ada);
  await shows(ada, ["once"]);
  assert.deepEqual(await pending(ada), []);
  await say(ada, "twice");
  await until(() => watcher.heard.some((message) => message.text === "twice"), "the next message");
  const said = watcher.heard.filter((message) => message.type === "said");
  assert.deepEqual(said.map((message) => message.text), ["twice"]);
  await watcher.close();
});

test("who joins late gets the last 50 messages", async () => {
  const ada = await enter("Ada");
  const peer = await rawPeer();
  peer.send({ room: "lobby", name: "Bot" });
  for (let i = 1; i <= 60; i++) {
    peer.send({ id: `m${i}`, text: `message ${i}` });
  }
  await until(async () => (await texts(ada)).length === 60, "60 messages");
  await peer.close();
  const late = await enter("Late");
  const expected = Array.from({ length: 50 }, (_, i) => `message ${i + 11}`);
  await shows(late, expected);
  await until(
    () =>
      late
        .locator("#scroller")
        .evaluate((e) => e.scrollTop + e.clientHeight > e.scrollHeight - 2),
    "the newest message to be in sight",
  );
});

test("rooms and texts may be cut inside a character", async () => {
  const ada = await enter("Ada", `${"x".repeat(31)}🌙`);
  assert.equal(await ada.locator("#room-name").textContent(), `${"x".repeat(31)}\ufffd`);
  await ada.evaluate(() => (document.getElementById("text").value = "half \ud83c"));
  await ada.press("#text", "Enter");
  await shows(ada, ["half \ufffd"]);
  assert.deepEqual(await pending(ada), []);
});

test("the room keeps its history when all have left", async () => {
  const ada = await enter("Ada", "note board");
  await say(ada, "For whoever comes next");
  await shows(ada, ["For whoever comes next"]);
  await ada.context().close();
  pages = [];
  const grace = await enter("Grace", "note board");
  await shows(grace, ["For whoever comes next"]);
});

test("bad messages change nothing", async () => {
  const ada = await enter("Ada");
  const peer = await rawPeer();
  const bad = [
    "", "nonsense", "1", "null", '"text"', "[]", "{}", '{"room":"lobby"', '{"room":1,"name":"x"}',
    '{"room":"lobby","name":null}', '{"room":"lobby","name":" "}', '{"room":["lobby"],"name":"x"}',
    '{"id":"1","text":"not in a room yet"}', "[".repeat(10000), '{"room":"lobby","name":"\\ud800"}',
    { room: "r".repeat(97), name: "x" }, { room: "lobby", name: "n".repeat(97) },
  ];
  bad.forEach(peer.send);
  peer.send({ room: "lobby", name: "Peer" });
  const worse = [
    { id: "1" }, { id: "1", text: 2 }, { id: "1", text: "  " }, { id: "", text: "x" },
    { id: "i".repeat(65), text: "x" }, { id: "1", text: "t".repeat(6001) },
    { room: "elsewhere", name: "Peer" },
  ];
  worse.forEach(peer.send);
  peer.socket.send(Buffer.from([0, 1, 2]));
  peer.send({ id: "good", text: "still here" });
  await shows(ada, ["still here"]);
  assert.deepEqual(await people(ada), ["Ada", "Peer"]);
  assert.deepEqual(peer.heard.map((message) => message.type), ["welcome", "joined", "said"]);
  await peer.close();
});

test("on a telephone nothing is cut off, and the drawer opens", async () => {
  const page = await enter("Ada", "observatory", PHONE);
  await say(page, `A long word: ${"x".repeat(300)}`);
  await until(async () => (await texts(page)).length === 1, "the message");
  const widths = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  assert.deepEqual(widths, [390, 390]);
  const small = await page.evaluate(() =>
    [...document.querySelectorAll("input, textarea")]
      .filter((field) => parseFloat(getComputedStyle(field).fontSize) < 16)
      .map((field) => field.id),
  );
  assert.deepEqual(small, [], "fields of less than 16 pixels make an iPhone zoom");
  await screenshot(page, "chat-phone");

  assert.equal(await page.locator("#people").isVisible(), false);
  await page.tap("#menu");
  await page.locator("#people").waitFor({ state: "visible" });
  assert.deepEqual(await people(page), ["Ada"]);
  await screenshot(page, "chat-phone-drawer");
  await page.fill("#room-input", "kitchen");
  await page.press("#room-input", "Enter");
  await page.locator("#people").waitFor({ state: "hidden" });
  await arrived(page, "kitchen");
});

test("the keyboard alone is enough", async () => {
  const page = await open(browser, chat.url);
  pages.push(page);
  const focused = () =>
    page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  const outline = () =>
    page.evaluate(() => {
      const { activeElement: element } = document;
      return getComputedStyle(element.closest(".open-room") ?? element).outlineStyle;
    });
  const tabTo = async (wanted) => {
    for (let i = 0; i < 20; i++) {
      if ((await focused()) === wanted) {
        return;
      }
      await page.keyboard.press("Tab");
    }
    assert.fail(`Tab never came to ${wanted}`);
  };

  assert.equal(await focused(), "name");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#hello").isVisible(), true, "without a name there is no way in");
  await page.keyboard.type("Ada");
  await page.keyboard.press("Enter");
  await connected(page);
  assert.equal(await focused(), "text");
  await page.keyboard.type("one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("two");
  await page.keyboard.press("Enter");
  await shows(page, ["one\ntwo"]);
  assert.equal(await focused(), "text");

  await tabTo("room-input");
  assert.equal(await outline(), "solid", "the focus can be seen");
  await page.keyboard.type("library");
  await page.keyboard.press("Enter");
  await arrived(page, "library");
  assert.equal(await focused(), "text");
  await tabTo("lobby");
  await page.keyboard.press("Enter");
  await shows(page, ["one\ntwo"]);

  await tabTo("rename");
  assert.equal(await outline(), "solid", "the focus can be seen");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "name");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("Ada Lovelace");
  await page.keyboard.press("Enter");
  await until(async () => (await people(page)).join() === "Ada Lovelace", "the new name");
  await tabTo("scroller");
});

test("screen readers are told of messages and of the connection", async () => {
  const ada = await enter("Ada");
  const grace = await enter("Grace");
  await say(grace, "Hello");
  await shows(ada, ["Hello"]);
  const log = ada.getByRole("log", { name: "Messages" });
  assert.match(await log.textContent(), /Grace.*Hello/);
  await until(async () => (await log.getAttribute("aria-busy")) === "false", "the log to be ready");
  assert.equal(await ada.getByRole("status").textContent(), "Connected");
  assert.equal(await ada.getByRole("textbox", { name: "Message" }).count(), 1);
  assert.equal(await ada.getByRole("button", { name: "Send" }).count(), 1);
});

test("it follows the dark scheme", async () => {
  const brightness = (page) =>
    page.evaluate(() => {
      const canvas = document.createElement("canvas").getContext("2d");
      canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
      canvas.fillRect(0, 0, 1, 1);
      return Math.max(...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3));
    });
  const light = await enter("Ada", "lobby", { colorScheme: "light" });
  const dark = await enter("Grace", "lobby", { colorScheme: "dark" });
  assert.ok((await brightness(light)) > 200);
  assert.ok((await brightness(dark)) < 60);
  await say(light, "Is it dark where you are?");
  await shows(dark, ["Is it dark where you are?"]);
  await screenshot(dark, "chat-dark");
});

test("the title counts what comes while the page is out of sight", async () => {
  const ada = await enter("Ada");
  const grace = await enter("Grace");
  const setHidden = (hidden) =>
    ada.evaluate((value) => {
      Object.defineProperty(document, "hidden", { value, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  assert.equal(await ada.title(), "lobby · Perilune chat");
  await setHidden(true);
  await say(grace, "one");
  await say(grace, "two");
  await until(async () => (await ada.title()) === "(2) lobby · Perilune chat", "the count");
  assert.equal(await ada.locator(".divider.new").count(), 1);
  await setHidden(false);
  assert.equal(await ada.title(), "lobby · Perilune chat");
});

test("name and room are remembered", async () => {
  const ada = await enter("Ada", "attic");
  const again = await ada.context().newPage();
  await again.goto(chat.url);
  await connected(again);
  assert.equal(await again.locator("#room-name").textContent(), "attic");
  assert.equal(await again.locator("#my-name").textContent(), "Ada");
});
