// 1,000 subscribers of which some stop reading: what the others notice of it. Runs the server
// (slow_consumers.lua) once with each policy, and prints latencies from publishing to receiving.
//
//   taskset -c 1 node spec/bench/slow_consumers.mjs [SECONDS]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const require = createRequire(new URL("../interop/package.json", import.meta.url));
const { WebSocket } = require("ws");

const SUBSCRIBERS = 1000;
const STOPPED = 20;
const EVERY = 50; // ms
const BYTES = 4096;
const seconds = Number(process.argv[2] ?? 5);

async function start(policy) {
  const run = ["-c", "0", "build/perilune", "spec/bench/slow_consumers.lua", "0", policy];
  const server = spawn("taskset", run); // which becomes the program
  const [said] = await once(server.stdout, "data");
  return { server, url: /http:\/\/([^/]+)\//.exec(said)[1] };
}

async function open(url) {
  const socket = new WebSocket(`ws://${url}`, { perMessageDeflate: false });
  await once(socket, "open");
  return socket;
}

const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

async function measure(publisher, state) {
  state.taken = [];
  for (let sent = 0; sent < (seconds * 1000) / EVERY; sent++) {
    const message = Buffer.alloc(BYTES);
    message.writeDoubleLE(performance.now());
    publisher.send(message);
    await sleep(EVERY);
  }
  const sorted = state.taken.sort((a, b) => a - b);
  return [0.5, 0.99, 0.999].map((share) => quantile(sorted, share));
}

function memory(server) {
  const [, kib] = /VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"));
  return `${(kib / 1024).toFixed(1)} MiB`;
}

console.log(`${SUBSCRIBERS} subscribers, ${BYTES} bytes each ${EVERY} ms; p50, p99, p99.9 in ms`);
for (const policy of ["close", "drop_oldest", "conflate"]) {
  const { server, url } = await start(policy);
  const state = { taken: [] };
  const subscribers = [];
  for (let i = 0; i < SUBSCRIBERS; i++) {
    const socket = await open(`${url}/`);
    socket.on("message", (data) => state.taken.push(performance.now() - data.readDoubleLE(0)));
    subscribers.push(socket);
  }
  const publisher = await open(`${url}/publish`);
  await measure(publisher, state);
  const before = await measure(publisher, state);
  const memoryBefore = memory(server);
  const stopped = subscribers.filter((_, i) => i % (SUBSCRIBERS / STOPPED) === 0);
  stopped.forEach((socket) => socket.pause());
  // Until the kernel's buffers are full and more than send_queue has come.
  const filler = Buffer.alloc(BYTES * 64);
  for (let i = 0; i < 40; i++) {
    filler.writeDoubleLE(performance.now());
    publisher.send(filler);
    await sleep(500);
  }
  const after = await measure(publisher, state);
  const row = (values) => values.map((value) => value.toFixed(2)).join(" / ");
  const numbers = await (await fetch(`http://${url}/metrics`)).text();
  const number = (name) => [...numbers.matchAll(new RegExp(`^${name}\\S* (\\d+)$`, "gm"))].reduce((sum, [, n]) => sum + Number(n), 0);
  console.log(
    `${policy.padEnd(12)} all read ${row(before)} (${memoryBefore}); ${STOPPED} do not ${row(after)} ` +
      `(${memory(server)}; ${number("perilune_slow_peers_dropped_total")} dropped, ` +
      `${number("perilune_messages_left_out_total")} messages left out); ratio of p99 ${(after[1] / before[1]).toFixed(2)}`,
  );
  server.kill();
  subscribers.forEach((socket) => socket.terminate());
  publisher.terminate();
  await once(server, "exit");
}
