/** apps/grid in Chromium: two people edit one table, get into each other's way, and lose nothing. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import WebSocket from "ws";
import { freePort, launch, open, screenshot, start, until } from "./harness.mjs";

const FIELDS = ["ContactName", "ContactTitle", "CompanyName", "Country"];
let browser;
let grid;
let pages;

before(async () => (browser = await launch()));
after(() => browser?.close());
beforeEach(async () => {
  pages = [];
  grid = await start("apps/grid", ["--port", "0"]);
});
afterEach(async () => {
  const faults = pages.flatMap((page) => page.faults);
  await Promise.all(pages.map((page) => page.context().close()));
  await grid.stop();
  assert.deepEqual(faults, []);
});

async function enter(options) {
  const page = await open(browser, grid.url, options);
  pages.push(page);
  await until(async () => (await names(page)).length > 0, "the contacts");
  return page;
}

const enterBoth = async () => [await enter(), await enter()];

const cells = (page, field) => page.locator(`.tabulator-cell[tabulator-field="${field}"]`);
const names = (page) => cells(page, "ContactName").allTextContents();
const notices = (page) => page.locator("#notices .notice p").allTextContents();

/** Opens the editor of a cell and gives its field. */
async function edit(page, name, field) {
  const index = (await names(page)).indexOf(name);
  assert.notEqual(index, -1, `${name} is there`);
  await cells(page, field).nth(index).click();
  const input = page.locator(".tabulator-editing input");
  await input.waitFor();
  return input;
}

async function change(page, name, field, value) {
  const input = await edit(page, name, field);
  await input.fill(value);
  await input.press("Enter");
}

async function shows(page, name, field, value) {
  await until(async () => {
    const index = (await names(page)).indexOf(name);
    return index >= 0 && (await cells(page, field).nth(index).textContent()).trim() === value;
  }, `${field} of ${name} to be ${value}`);
}

const notified = (page, text) =>
  until(async () => (await notices(page)).some((notice) => notice.includes(text)), `a notice with ${text}`);

/** Somebody without a page. */
async function rawPeer() {
  const socket = new WebSocket(grid.url.replace("http", "ws"));
  const heard = [];
  socket.on("message", (data) => heard.push(JSON.parse(data)));
  const closed = new Promise((done) => socket.once("close", done));
  await new Promise((done, fail) => socket.once("open", done).once("error", fail));
  const send = (value) => socket.send(typeof value === "string" ? value : JSON.stringify(value));
  return {
    socket,
    heard,
    closed,
    send,
    close: () => (socket.close(), closed),
    async ask(message) {
      const id = `ask ${heard.length}`;
      send({ ...message, id });
      return until(() => heard.find((answer) => answer.id === id), `an answer to ${message.type}`);
    },
  };
}

test("both see the twenty contacts, and each other's edits, also after a reload", async () => {
  const [one, other] = await enterBoth();
  assert.equal((await names(one)).length, 20);
  assert.deepEqual(await names(one), await names(other));
  await change(one, "Ada Brandt", "Country", "Norway");
  await shows(other, "Ada Brandt", "Country", "Norway");
  await change(other, "Ada Brandt", "ContactName", "Ada Lovelace");
  await shows(one, "Ada Lovelace", "Country", "Norway");
  await one.reload();
  await shows(one, "Ada Lovelace", "Country", "Norway");
  assert.equal((await names(one)).length, 20);
  const late = await enter();
  await shows(late, "Ada Lovelace", "Country", "Norway");
  assert.deepEqual([...(await notices(one)), ...(await notices(other))], []);
});

test("what is added and deleted is so for everybody, and can be put back", async () => {
  const [one, other] = await enterBoth();
  await one.click("#add");
  const input = one.locator(".tabulator-editing input");
  await input.waitFor();
  await input.fill("Zoe Young");
  await input.press("Enter");
  await shows(other, "Zoe Young", "Country", "");
  assert.equal((await names(other)).length, 21);
  await change(other, "Zoe Young", "Country", "Wales");
  await shows(one, "Zoe Young", "Country", "Wales");

  await other.getByRole("button", { name: "Delete Ada Brandt" }).click();
  await until(async () => !(await names(one)).includes("Ada Brandt"), "Ada to be gone");
  assert.equal((await names(one)).length, 20);
  await notified(other, "“Ada Brandt” is deleted");
  assert.deepEqual(await notices(one), []);
  await other.getByRole("button", { name: "Put it back" }).click();
  await shows(one, "Ada Brandt", "CompanyName", "Brandt Instruments");
  await one.reload();
  await until(async () => (await names(one)).length === 21, "21 contacts");
});

test("two edit one cell: the second is told, and decides", async () => {
  const [one, other] = await enterBoth();
  const input = await edit(other, "Dai Nakamura", "Country");
  await input.fill("Korea");
  await change(one, "Dai Nakamura", "Country", "China");
  await notified(other, "Country of “Dai Nakamura”, which you are editing, was changed by somebody else to “China”");
  assert.equal(await input.inputValue(), "Korea", "what is typed is not touched");
  await input.press("Enter");
  await notified(other, "you wrote “Korea”, somebody else has written “China”");
  await shows(other, "Dai Nakamura", "Country", "China");
  await screenshot(other, "grid-conflict");
  await other.getByRole("button", { name: "Use mine" }).click();
  await shows(one, "Dai Nakamura", "Country", "Korea");
  await shows(other, "Dai Nakamura", "Country", "Korea");
  assert.deepEqual(await notices(other), []);

  const again = await edit(other, "Dai Nakamura", "Country");
  await again.fill("Mongolia");
  await change(one, "Dai Nakamura", "Country", "Bhutan");
  await notified(other, "“Bhutan”");
  await again.press("Enter");
  await other.getByRole("button", { name: "Keep theirs" }).click();
  await shows(other, "Dai Nakamura", "Country", "Bhutan");

  const third = await edit(other, "Dai Nakamura", "Country");
  await third.fill("nothing");
  await change(one, "Dai Nakamura", "Country", "Laos");
  await notified(other, "“Laos”");
  await third.press("Escape");
  await shows(other, "Dai Nakamura", "Country", "Laos");
  assert.deepEqual(await notices(other), []);
});

test("two cells of one contact are no conflict", async () => {
  const [one, other] = await enterBoth();
  const input = await edit(other, "Maya Cohen", "ContactTitle");
  await input.fill("Chief");
  await change(one, "Maya Cohen", "CompanyName", "New Seeds");
  await shows(other, "Maya Cohen", "CompanyName", "New Seeds");
  assert.equal(await input.inputValue(), "Chief");
  await input.press("Enter");
  await shows(one, "Maya Cohen", "ContactTitle", "Chief");
  await shows(one, "Maya Cohen", "CompanyName", "New Seeds");
  assert.deepEqual([...(await notices(one)), ...(await notices(other))], []);
});

test("an open editor holds nothing up, and is not touched", async () => {
  const [one, other] = await enterBoth();
  const input = await edit(other, "Olga Petrova", "Country");
  await input.fill("half");
  await one.getByRole("button", { name: "Delete Ada Brandt" }).click();
  await until(async () => !(await names(other)).includes("Ada Brandt"), "Ada to be gone");
  await one.click("#add");
  await one.locator(".tabulator-editing input").press("Escape");
  await until(async () => (await names(other)).includes("New contact"), "the new one");
  assert.equal(await input.inputValue(), "half");
  await input.press("Enter");
  await shows(one, "Olga Petrova", "Country", "half");
});

test("who edits what is deleted is told, and can put it back as typed", async () => {
  const [one, other] = await enterBoth();
  const input = await edit(other, "Luca Ferri", "CompanyName");
  await input.fill("Half a word");
  await one.getByRole("button", { name: "Delete Luca Ferri" }).click();
  await notified(other, "“Luca Ferri” was deleted by somebody else while you edited it. You had typed “Half a word”");
  assert.equal(await input.count(), 0);
  assert.ok(!(await names(other)).includes("Luca Ferri"));
  await other.getByRole("button", { name: "Put it back" }).click();
  await shows(one, "Luca Ferri", "CompanyName", "Half a word");
  await shows(one, "Luca Ferri", "Country", "Italy");
  await shows(other, "Luca Ferri", "CompanyName", "Half a word");
});

test("what is wrong is not saved, and said", async () => {
  const [page] = await enterBoth();
  await change(page, "Tess de Vries", "ContactName", "   ");
  await notified(page, "is not saved: ContactName is empty");
  await shows(page, "Tess de Vries", "Country", "Netherlands");
  const input = await edit(page, "Tess de Vries", "Country");
  assert.equal(await input.getAttribute("maxlength"), "100");
  await input.fill("ü".repeat(100));
  await input.press("Enter");
  await notified(page, "at most 100 bytes");
  await shows(page, "Tess de Vries", "Country", "Netherlands");
});

test("what others write is text, never HTML", async () => {
  const [one, other] = await enterBoth();
  const nasty = "<img src=x onerror='document.title=1'><b>bold</b>&amp;";
  await change(one, "Farid Amiri", "ContactName", nasty);
  await shows(other, nasty, "Country", "Iran");
  await other.getByRole("button", { name: `Delete ${nasty}` }).click();
  await notified(other, "<img src=x");
  assert.equal(await other.locator("#grid img, #grid b, #notices img, #notices b").count(), 0);
  assert.equal(await other.title(), "Perilune grid");
});

test("the messages are those that are documented", async () => {
  const [ada, bob] = [await rawPeer(), await rawPeer()];
  const { type, data } = await ada.ask({ type: "read" });
  assert.equal(type, "read");
  assert.equal(data.length, 20);
  for (const row of data) {
    assert.deepEqual(Object.keys(row).sort(), [...FIELDS, "ContactID", "Version"].sort());
  }
  const contact = { ContactName: "Eve", ContactTitle: "", CompanyName: "E", Country: "" };
  const made = await ada.ask({ type: "create", data: { ContactID: null, ...contact } });
  assert.deepEqual(made.data, { ...contact, ContactID: made.data.ContactID, Version: 1 });
  assert.match(made.data.ContactID, /^\d+$/);
  await until(() => bob.heard.length === 1, "the push");
  assert.deepEqual(bob.heard[0], { type: "push-create", data: made.data });

  // Without `was` the last one wins.
  const changed = await bob.ask({ type: "update", data: { ...made.data, Country: "Chad" } });
  assert.deepEqual(changed.data, { ...made.data, Country: "Chad", Version: 2 });
  await until(() => ada.heard.at(-1).type === "push-update", "the push");
  assert.deepEqual(ada.heard.at(-1).data, changed.data);
  const { ContactID } = made.data;
  const stale = { type: "update", data: { ContactID, Country: "Mali" }, was: { Country: "" } };
  const conflict = await ada.ask(stale);
  assert.deepEqual([conflict.type, conflict.code, conflict.data], ["error", "ECONFLICT", changed.data]);

  const destroyed = await ada.ask({ type: "destroy", data: { ContactID } });
  assert.equal(destroyed.type, "destroy");
  await until(() => bob.heard.at(-1).type === "push-destroy", "the push");
  assert.equal(bob.heard.at(-1).data.ContactID, ContactID);
  for (const kind of ["destroy", "update"]) {
    const answer = await bob.ask({ type: kind, data: { ContactID, Country: "x" } });
    assert.deepEqual([answer.type, answer.code], ["error", "ENOENT"]);
  }
  assert.ok(!ada.heard.some((message) => message.type === "push-create"), "the sender gets no push");
  await Promise.all([ada.close(), bob.close()]);
});

test("bad messages change nothing, and many of them end the connection", async () => {
  const page = await enter();
  const before = await names(page);
  const text = (length) => "x".repeat(length);
  const bad = [
    "", "nonsense", "1", "null", '"text"', "[]", "{}", '{"type":"update"', '{"type":["read"]}',
    '{"type":"read","id":[1]}', '{"type":"drop","data":{}}', '{"type":"update","data":"x"}',
    "[".repeat(2000), '{"type":"push-destroy","data":{"ContactID":"1"}}',
    { type: "read", id: text(65) }, { type: "update", data: null },
    { type: "update", data: [] }, { type: "update", data: [{ ContactID: "1", Country: "x" }] },
    { type: "update", data: { ContactID: 1, Country: "x" } },
    { type: "update", data: { ContactID: "../1", Country: "x" } },
    { type: "update", data: { ContactID: "1" } },
    { type: "update", data: { ContactID: "1", Country: null } },
    { type: "update", data: { ContactID: "1", Country: 5 } },
    { type: "update", data: { ContactID: "1", Country: { a: 1 } } },
    { type: "update", data: { ContactID: "1", Country: text(101) } },
    { type: "update", data: { ContactID: "1", Country: "a\nb" } },
    { type: "update", data: { ContactID: "1", ContactName: "" } },
    { type: "update", data: { ContactID: "1", Admin: "yes" } },
    { type: "update", data: { ContactID: "1", Country: "x" }, was: "y" },
    { type: "update", data: { ContactID: "1", Country: "x" }, was: { Admin: "z" } },
    { type: "create", data: {} }, { type: "create", data: { ContactName: " " } },
    { type: "create", data: { ContactName: "x", __proto__: null, constructor: "x" } },
    { type: "destroy", data: {} }, { type: "destroy", data: { ContactID: "1 " } },
  ];
  for (let first = 0; first < bad.length; first += 12) {
    const some = bad.slice(first, first + 12);
    const peer = await rawPeer();
    some.forEach(peer.send);
    peer.socket.send(Buffer.from([0, 1, 2]));
    await until(() => peer.heard.length === some.length + 1, "a refusal of each");
    peer.heard.forEach((answer) => assert.deepEqual([answer.type, answer.code], ["error", "EINVAL"]));
    await peer.close();
  }
  const peer = await rawPeer();
  for (let i = 0; i < 30; i++) {
    peer.send("nonsense");
  }
  assert.equal(await peer.closed, 1008);
  assert.equal(peer.heard.length, 20);
  const large = await rawPeer();
  large.send({ type: "create", data: { ContactName: text(5000) } });
  assert.equal(await large.closed, 1009);
  assert.deepEqual(await names(page), before);
  assert.deepEqual(await notices(page), []);
});

test("who is too fast is told, and there are at most 1000 contacts", async () => {
  const page = await enter();
  const create = { type: "create", data: { ContactName: "One of many" } };
  const codes = {};
  for (let i = 0; i < 18; i++) {
    const peer = await rawPeer();
    for (let n = 0; n < 80; n++) {
      peer.send(create);
    }
    const own = () => peer.heard.filter((message) => !message.type.startsWith("push-"));
    await until(() => own().length === 80, "80 answers");
    own().forEach(({ message }) => (codes[message] = (codes[message] ?? 0) + 1));
    await peer.close();
  }
  assert.equal(codes[undefined], 980);
  assert.ok(codes["too many messages"] > 0);
  assert.ok(codes["there are 1000 contacts already"] > 0);
  const peer = await rawPeer();
  const { data } = await peer.ask({ type: "read" });
  assert.equal(data.length, 1000);
  assert.equal(new Set(data.map((row) => row.ContactID)).size, 1000);
  await peer.close();
  await page.click("#add");
  await notified(page, "Not added: there are 1000 contacts already");
});

test("it comes back after a crash of the server, and what was typed meanwhile is not lost", async () => {
  await grid.stop();
  const port = String(await freePort());
  grid = await start("apps/grid", ["--port", port]);
  const page = await enter();
  const input = await edit(page, "Hugo Lefebvre", "Country");
  await input.fill("Belgium");
  await grid.kill();
  await until(async () => (await page.locator("#status").getAttribute("data-state")) !== "online", "the loss");
  await input.press("Enter");
  await notified(page, "“Belgium” is not saved: there is no connection");
  await shows(page, "Hugo Lefebvre", "Country", "France");
  assert.equal(await page.locator("#add").isDisabled(), true);
  grid = await start("apps/grid", ["--port", port]);
  await until(async () => (await page.locator("#status").getAttribute("data-state")) === "online", "the connection");
  await change(page, "Hugo Lefebvre", "Country", "Belgium");
  await shows(await enter(), "Hugo Lefebvre", "Country", "Belgium");
});

test("it fits a telephone in the dark, and a wide screen", async () => {
  const phone = await enter({ viewport: { width: 390, height: 780 }, isMobile: true, colorScheme: "dark" });
  const widths = await phone.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  assert.deepEqual(widths, [390, 390]);
  await screenshot(phone, "grid-phone");
  await screenshot(await enter(), "grid");
});
