/** The library /esegece.com.js in two pages, against a server of the sgc protocol. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { launch, open, start, until } from "./harness.mjs";

let browser;
let server;
let pages;

before(async () => {
  browser = await launch();
  server = await start("spec/browser/sgc.lua", ["0"]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(async () => {
  pages = [await connect(), await connect()];
});
afterEach(async () => {
  for (const page of pages) {
    const { faults } = page;
    await page.context().close();
    assert.deepEqual(faults, []);
  }
});

/** A page whose `socket` is open, and whose `heard` has its events. */
async function connect() {
  const page = await open(browser, `${server.url}sgcWebSockets.html`);
  await page.addScriptTag({ url: `${server.url}esegece.com.js` });
  await page.evaluate(async () => {
    window.heard = [];
    window.socket = new SGCWS(location.href.replace(/^http/, "ws"));
    for (const name of [
      "sgcevent",
      "sgcmessage",
      "sgcsubscribe",
      "sgcunsubscribe",
      "sgcsession",
      "sgcacknowledgment",
      "sgcpubrec",
      "sgcrpcresult",
      "sgcrpcerror",
    ]) {
      window.socket.on(name, (event) => window.heard.push(event));
    }
    await new Promise((done) => window.socket.on("open", done));
  });
  return page;
}

const run = (page, f, ...args) => page.evaluate(f, ...args);

/** The event of that name, once it is there. */
async function hears(page, name, count = 1) {
  let found;
  await until(async () => {
    found = await run(page, (name) => window.heard.filter((event) => event.name === name), name);
    return found.length >= count;
  }, `${count} ${name}`);
  return found[count - 1];
}

describe("SGCWS", () => {
  test("sends and hears messages, and knows its session", async () => {
    const [page] = pages;
    await run(page, () => socket.send("Grüße"));
    assert.equal((await hears(page, "sgcmessage")).message, "you said Grüße");
    await run(page, () => socket.getsession());
    assert.match((await hears(page, "sgcsession")).guid, /^[\w-]{16,}$/);
    assert.equal(await run(page, () => socket.state()), "open");
    assert.equal(await run(page, () => SGCWS === sgcws), true);
  });

  test("publishes to who is subscribed", async () => {
    const [one, other] = pages;
    await run(one, () => socket.subscribe("news"));
    assert.equal((await hears(one, "sgcsubscribe")).channel, "news");
    await run(other, () => socket.publish('from "another" page', "news"));
    assert.deepEqual(await hears(one, "sgcevent"), {
      name: "sgcevent",
      channel: "news",
      message: 'from "another" page',
    });
    await run(other, () => socket.send("publish news from the script"));
    assert.equal((await hears(one, "sgcevent", 2)).message, "from the script");
    await run(one, () => socket.unsubscribe("news"));
    assert.equal((await hears(one, "sgcunsubscribe")).channel, "news");
    await run(other, () => {
      socket.publish("nobody hears it", "news");
      socket.broadcast("to all");
    });
    for (const page of pages) {
      assert.equal((await hears(page, "sgcmessage")).message, "to all");
    }
    assert.equal(await run(one, () => heard.filter((e) => e.name === "sgcevent").length), 2);
  });

  test("calls methods", async () => {
    const [page] = pages;
    await run(page, () => {
      socket.rpc("first", "add", [1, 2]);
      socket.rpc("second", "nonsense", []);
      socket.notify("nothing comes of it");
    });
    assert.deepEqual(await hears(page, "sgcrpcresult"), {
      name: "sgcrpcresult",
      result: 3,
      id: "first",
    });
    const error = await hears(page, "sgcrpcerror");
    assert.deepEqual([error.code, error.id], [-32601, "second"]);
  });

  test("is told that a message has arrived, at the levels that ask for it", async () => {
    const [page] = pages;
    const ids = await run(page, () => {
      socket.qoslevel1();
      const first = socket.send("one");
      socket.qoslevel2();
      const second = socket.send("two");
      socket.qoslevel0();
      return [first, second];
    });
    assert.equal((await hears(page, "sgcacknowledgment")).id, ids[0]);
    assert.equal((await hears(page, "sgcpubrec")).id, ids[1]);
    assert.equal((await hears(page, "sgcacknowledgment", 2)).id, ids[1]);
  });

  test("keeps what is published for who comes later, and takes back a transaction", async () => {
    const [one, other] = pages;
    await run(one, () => {
      socket.queuelevel1();
      socket.publish("old", "kept");
      socket.publish("new", "kept");
      socket.queuelevel0();
      socket.starttransaction("kept");
      socket.publish("never", "kept");
      socket.rollback("kept");
      socket.getsession();
    });
    await hears(one, "sgcsession");
    await run(other, () => socket.subscribe("kept"));
    assert.equal((await hears(other, "sgcevent")).message, "new");
    await run(one, () => socket.publish("last", "kept"));
    assert.equal((await hears(other, "sgcevent", 2)).message, "last");
  });
});
