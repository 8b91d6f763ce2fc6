/** Makes docs/images/chat.png: a conversation on a wide screen and on a telephone. Run by hand. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch, open, start, top, until } from "./harness.mjs";

const WIDE = { viewport: { width: 980, height: 690 }, deviceScaleFactor: 1.5 };
const PHONE = {
  viewport: { width: 375, height: 690 },
  deviceScaleFactor: 1.5,
  isMobile: true,
  hasTouch: true,
  colorScheme: "dark",
};

const talk = [
  ["Ada", "Good evening! Is anybody up for the eclipse tonight?"],
  ["Grace", "Yes. The sky should be clear from ten."],
  ["Grace", "I can bring the small refractor, and a flask of something warm."],
  ["Jorge", "Count me in, I finish at nine."],
  ["Ada", "Then let us meet at the north gate at half past nine.\nTotality begins at 23:12."],
  ["Jorge", "The way up: https://example.org/observatory"],
  ["Grace", "See you there!"],
];

const chat = await start("apps/chat", ["--port", "0"]);
const browser = await launch();
try {
  const people = {};
  const rooms = ["lobby", "telescopes", "observatory"];
  for (const [name, options] of [["Ada", WIDE], ["Grace", WIDE], ["Jorge", PHONE]]) {
    const page = await open(browser, `${chat.url}#lobby`, options);
    people[name] = page;
    await page.fill("#name", name);
    await page.keyboard.press("Enter");
    for (const room of rooms) {
      await page.evaluate((hash) => (location.hash = hash), room);
      await page.waitForSelector('#connection[data-state="open"]');
      await page.waitForTimeout(100);
    }
  }
  for (const [name, text] of talk) {
    await people[name].fill("#text", text);
    await people[name].press("#text", "Enter");
    const line = people.Ada.locator("#messages .text", { hasText: text.split("\n")[0] });
    await until(() => line.count(), text);
  }
  const shot = async (page) => {
    await page.locator("#text").blur();
    return `data:image/png;base64,${(await page.screenshot()).toString("base64")}`;
  };
  const images = [await shot(people.Ada), await shot(people.Jorge)];

  const frame = await browser.newPage({ viewport: { width: 1440, height: 850 } });
  await frame.setContent(`
    <style>
      body { position: relative; height: 850px; margin: 0;
        background: linear-gradient(160deg, #e8ebf5, #c9d0e6); }
      img { position: absolute; border-radius: 14px; box-shadow: 0 24px 60px #1d234044; }
      .wide { left: 60px; top: 54px; width: 980px; }
      .phone { right: 44px; background: #10131f; top: 106px; width: 375px; border-radius: 30px;
        box-shadow: 0 0 0 9px #10131f, 0 24px 60px 9px #1d234066; }
    </style>
    <img class="wide" src="${images[0]}"><img class="phone" src="${images[1]}">`);
  await frame.waitForTimeout(200);
  mkdirSync(join(top, "docs/images"), { recursive: true });
  await frame.screenshot({ path: join(top, "docs/images/chat.png") });
} finally {
  await browser.close();
  await chat.stop();
}
