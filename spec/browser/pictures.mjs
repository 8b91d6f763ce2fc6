/**
 * Makes the pictures of the applications in docs/images, one each. Run by hand:
 * node spec/browser/pictures.mjs [APP]... Chat has picture.mjs of its own.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch, open, start, top, until } from "./harness.mjs";

const pictures = {
  async monitor(page) {
    await page.click("#start");
    await page.waitForTimeout(75_000);
  },
  async snapshots(page) {
    await page.waitForTimeout(5_000);
  },
};

const VIEW = { viewport: { width: 1000, height: 780 }, deviceScaleFactor: 1.25 };
const FLAGS = { monitor: ["--demo"], snapshots: ["--interval", "0.5"] };

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(pictures);
const browser = await launch();
mkdirSync(join(top, "docs/images"), { recursive: true });
try {
  for (const name of chosen) {
    const app = await start(`apps/${name}`, ["--port", "0", ...(FLAGS[name] ?? [])]);
    try {
      const page = await open(browser, app.url, VIEW);
      await pictures[name](page, () => open(browser, app.url, VIEW), until);
      await page.screenshot({ path: join(top, `docs/images/${name}.png`) });
    } finally {
      await app.stop();
    }
  }
} finally {
  await browser.close();
}
