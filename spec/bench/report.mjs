// Turns the rounds of spec/bench/run into medians, ranges and ratios: a table, and JSON.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";

const [, , from, to] = process.argv;
const rounds = readFileSync(from, "utf8").trim().split("\n").map((line) => JSON.parse(line));

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function summarise(all, peer) {
  const own = all.filter((round) => round.peer === peer);
  const rates = own.map((round) => round.rate);
  return {
    peer,
    rounds: own.length,
    rate: median(rates),
    lowest: Math.min(...rates),
    highest: Math.max(...rates),
    rate_per_cpu: median(own.map((round) => round.rate_per_cpu)),
    user_ns: median(own.map((round) => round.user_ns)),
    server_cpu: median(own.map((round) => round.server_cpu)),
  };
}

const groups = Map.groupBy(rounds, (round) => `${round.connections} ${round.depth} ${round.size}`);
const cases = [];
for (const all of groups.values()) {
  const { connections, depth, size } = all[0];
  const peers = [...new Set(all.map((round) => round.peer))].map((peer) => summarise(all, peer));
  const ws = peers.find((peer) => peer.peer === "ws");
  for (const peer of peers) peer.ratio = Number((peer.rate / ws.rate).toFixed(2));
  cases.push({ connections, depth, size, peers });
}

const count = (value) => Math.round(value).toLocaleString("en");
function row(name, ...cells) {
  const widths = [11, 21, 6, 13, 9, 7];
  return name.padEnd(12) + cells.map((cell, i) => String(cell).padStart(widths[i])).join(" ");
}

for (const { connections, depth, size, peers } of cases) {
  console.log(`\necho, ${size} bytes, ${connections} connections, ${depth} in flight on each`);
  console.log(row("", "messages/s", "range", "to ws", "per CPU s", "user ns", "cpu"));
  for (const peer of peers) {
    const range = `${count(peer.lowest)}-${count(peer.highest)}`;
    const cpu = `${Math.round(peer.server_cpu * 100)} %`;
    console.log(
      row(peer.peer, count(peer.rate), range, peer.ratio.toFixed(2), count(peer.rate_per_cpu),
        count(peer.user_ns), cpu),
    );
  }
}

const machine = { cpu: cpus()[0].model.trim(), cores: cpus().length, kernel: release() };
const report = { machine, node: process.versions.node, cases };
writeFileSync(to, JSON.stringify(report, null, 2) + "\n");
