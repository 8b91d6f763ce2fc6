// npm's mqtt as a peer of spec/bench/mqtt.lua. Arguments: port, QoS, seconds.
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const require = createRequire(new URL("../interop/package.json", import.meta.url));
const mqtt = require("mqtt");

const WINDOW = 256;
const WARMUP = 1000;
const TOPIC = "bench/t";
const TEXT = "x".repeat(100);
const [port, qos, seconds] = process.argv.slice(2).map(Number);
const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
let received = 0;

function publish() {
  client.publish(TOPIC, TEXT, { qos });
}

client.on("message", () => {
  received++;
  publish();
});
await client.subscribeAsync(TOPIC, { qos });
for (let i = 0; i < WINDOW; i++) publish();
await sleep(WARMUP);
const before = received;
const cpu = process.cpuUsage();
const started = performance.now();
await sleep(seconds * 1000);
const count = received - before;
const used = process.cpuUsage(cpu);
const passed = (performance.now() - started) / 1000;
console.log((count / passed).toFixed(0), ((used.user + used.system) / count).toFixed(3));
process.exit(0);
