/**
 * Makes the pictures of the applications in docs/images, one each. Run by hand:
 * node spec/browser/pictures.mjs [APP]... Chat has picture.mjs of its own. That of mqtt needs a broker;
 * MQTT says where, by default mqtt://127.0.0.1:1883.
 */
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, open, start, top } from "./harness.mjs";

const pictures = {
  async upload(page) {
    const file = (name, size) => ({ name, mimeType: "application/octet-stream", buffer: Buffer.alloc(size) });
    await page.setViewportSize({ width: 760, height: 560 });
    await page.waitForSelector('#status[data-state="online"]');
    for (const [name, size] of [["moon.jpg", 3_400_000], ["orbit.csv", 52_000], ["descent.mp4", 40_000_000]]) {
      await page.setInputFiles("#file", file(name, size));
      await page.click("#socket");
      await page.getByRole("link", { name }).waitFor();
    }
    await page.setInputFiles("#file", [file("crater.png", 900_000), file("log.txt", 1200)]);
  },
  async monitor(page) {
    await page.click("#start");
    await page.waitForTimeout(75_000);
  },

  async authentication(page, another) {
    const other = await another();
    const people = [await another(), other];
    for (const [index, [user, password]] of [["user", "1234"], ["ada", "1815"]].entries()) {
      await people[index].fill("#user", user);
      await people[index].fill("#password", password);
      await people[index].click("#enter");
      await people[index].waitForSelector("#text:visible");
    }
    for (const [index, text] of [[0, "Is this only for us?"], [1, "For those with a password, yes."]]) {
      await people[index].fill("#text", text);
      await people[index].keyboard.press("Enter");
      await other.getByText(text).waitFor();
    }
    await page.fill("#user", "user");
    await page.fill("#password", "1234");
    await Promise.all([page, other].map((one) => one.setViewportSize({ width: 500, height: 590 })));
    await beside(page, other);
  },

  async mqtt(page) {
    const say = async (topic, text, retain) => {
      await page.fill("#topic", topic);
      await page.fill("#text", text);
      await page.setChecked("#retain", Boolean(retain));
      await page.click("button");
      await page.getByText("Published").waitFor();
    };
    await page.setViewportSize({ width: 1000, height: 760 });
    await say("home/hall/light", '{"on":true,"level":40}', true);
    await say("home/kitchen/window", "open");
    await say("garden/pump/state", "off", true);
    for (let i = 0; i < 30; i++) {
      await say("home/kitchen/temperature", (21 + Math.sin(i / 4) + Math.sin(i) / 3).toFixed(1));
    }
    await page.locator("summary", { hasText: "temperature" }).click();
  },

  async snapshots(page) {
    await page.waitForTimeout(5_000);
  },

  /** Two edit the same cell. */
  async grid(page, another) {
    const other = await another();
    const change = async (who, row, column, text) => {
      const cell = who.locator(".tabulator-row").nth(row).locator(".tabulator-cell").nth(column);
      await cell.click();
      await cell.locator("input").fill(text);
      return cell.locator("input");
    };
    const mine = await change(page, 3, 3, "Korea");
    await (await change(other, 3, 3, "China")).press("Enter");
    await page.locator(".notice").waitFor();
    await mine.press("Enter");
    await page.getByText("Use mine").waitFor();
    await change(page, 6, 1, "Order Adm");
    await page.waitForTimeout(1_500);
  },
};

/** Two pages beside each other: the login, and the room that another has. */
async function beside(page, other) {
  const shots = await Promise.all([page, other].map((one) => one.screenshot()));
  const [left, right] = shots.map((shot) => `data:image/png;base64,${shot.toString("base64")}`);
  await page.goto("about:blank");
  await page.setViewportSize({ width: 1000, height: 590 });
  await page.setContent(`<style>body { margin: 0; display: flex } img { width: 500px; height: 590px }</style>
    <img src="${left}"><img src="${right}">`);
  await page.waitForTimeout(200);
}

const VIEW = { viewport: { width: 1000, height: 780 }, deviceScaleFactor: 1.25 };
const FLAGS = { upload: ["--folder", mkdtempSync(join(tmpdir(), "perilune-upload-"))], monitor: ["--demo"], snapshots: ["--interval", "0.5"] };
FLAGS.mqtt = ["--broker", process.env.MQTT ?? "mqtt://127.0.0.1:1883", "--publish"];

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(pictures);
const browser = await launch();
mkdirSync(join(top, "docs/images"), { recursive: true });
try {
  for (const name of chosen) {
    const app = await start(`apps/${name}`, ["--port", "0", ...(FLAGS[name] ?? [])]);
    try {
      const page = await open(browser, app.url, VIEW);
      await pictures[name](page, () => open(browser, app.url, VIEW));
      await page.screenshot({ path: join(top, `docs/images/${name}.png`) });
    } finally {
      await app.stop();
    }
  }
} finally {
  await browser.close();
}
