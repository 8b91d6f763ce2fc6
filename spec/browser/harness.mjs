/**
 * What the browser tests share: a running application, a Chromium, pages that fail the test when
 * something goes wrong in them.
 *
 * PERILUNE names the program, build/perilune without it. Screenshots go into the folder
 * screenshots beside the program.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const top = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const program = resolve(top, process.env.PERILUNE ?? "build/perilune");

const START_DEADLINE = 10_000;
const STOP_DEADLINE = 10_000;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A port that is free now, for a server that has to come back on the same one. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/**
 * Starts an application, with as many workers as WORKERS says, and waits until it listens.
 *
 *   const chat = await start("apps/chat", ["--port", "0"]);
 *   chat.url; await chat.stop(); await chat.kill();
 */
export async function start(app, args) {
  const words = ["--workers", process.env.WORKERS ?? "1", join(top, app), ...args];
  const env = { ...process.env, PERILUNE_SLOW_HANDLER: "0.05" };
  const child = spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise((done) => child.once("close", (code, signal) => done(signal ?? code)));
  let output = "";

  async function end(signal) {
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE);
    const how = await exited;
    clearTimeout(late);
    return how;
  }

  const url = await new Promise((done, fail) => {
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      fail(new Error(`${app} does not listen after ${START_DEADLINE} ms:\n${output}`));
    }, START_DEADLINE);
    const read = (chunk) => {
      output += chunk;
      const line = /listening on (https?:\/\/\S+)/.exec(output);
      if (line) {
        clearTimeout(late);
        done(line[1]);
      }
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    child.once("error", fail);
    exited.then((how) => fail(new Error(`${app} ended with ${how}:\n${output}`)));
  });

  return {
    url,
    pid: child.pid,
    output: () => output,
    /** Ends it in order; it has to exit with 0. */
    async stop() {
      assert.equal(await end("SIGTERM"), 0, `${app} ended badly:\n${output}`);
    },
    /** Ends it as a crash would. */
    kill: () => end("SIGKILL"),
  };
}

export function launch(...flags) {
  return chromium.launch({ executablePath: "/usr/bin/chromium", args: [...FLAGS, ...flags] });
}

/**
 * A page of a person of their own. Its errors and its requests to other servers are kept in
 * page.faults, which the test expects to be empty.
 */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  const page = await context.newPage();
  const { host } = new URL(url);
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("console", (message) => {
    const reconnecting = /WebSocket connection|ERR_CONNECTION_REFUSED/.test(message.text());
    if (message.type() === "error" && !reconnecting) {
      page.faults.push(message.text());
    }
  });
  page.on("request", (request) => {
    const address = new URL(request.url());
    if (/^(http|ws)/.test(address.protocol) && address.host !== host) {
      page.faults.push(`asked for ${address}`);
    }
  });
  await page.goto(url);
  return page;
}

export async function screenshot(page, name) {
  const folder = join(dirname(program), "screenshots");
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** Waits until check() gives something true. */
export async function until(check, what, deadline = 15_000) {
  for (const end = Date.now() + deadline; Date.now() < end; ) {
    const found = await check();
    if (found) {
      return found;
    }
    await new Promise((done) => setTimeout(done, 25));
  }
  assert.fail(`waited in vain for ${what}`);
}
