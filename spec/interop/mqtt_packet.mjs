/**
 * Packets of npm's mqtt-packet, of every type with every property, through our codec: it has to take
 * them, and to write what mqtt-packet reads as the same.
 *
 * Usage: mqtt_packet.mjs ECHO, which is mqtt_echo.c. Prints "ok NAME" or "not ok NAME: why" for each
 * kind of packet.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import mqtt from "mqtt-packet";

const ROUNDS = 100;
const [CLIENT, SERVER] = [0, 1];

let state = 1; // the same packets each time

function below(count) {
  state = (state * 1103515245 + 12345) % 2147483648;
  return Math.floor(state / 65536) % count;
}

const pick = (list) => list[below(list.length)];
const flag = () => below(2) === 1;
const letters = (least, most) => "x".repeat(least + below(most - least + 1));
const text = () => pick(["", "a", "äö", "😀", letters(0, 300)]);
const bytes = () => Buffer.from(Array.from({ length: below(200) }, () => below(256)));
const topic = () => pick(["a", "a/b", "/", "sensor/äö/1", "$SYS/x", letters(1, 200)]);
const two = () => pick([0, 1, 256, 65535]);
const four = () => pick([0, 1, 255, 65536, 4294967295]);
const id = () => pick([1, 255, 256, 65535]);

const values = {
  sessionExpiryInterval: four,
  willDelayInterval: four,
  receiveMaximum: id,
  maximumPacketSize: () => pick([1, 4294967295]),
  topicAliasMaximum: two,
  requestResponseInformation: flag,
  requestProblemInformation: flag,
  userProperties: () => ({ k: pick([text(), [text(), text()]]), [pick(["ä", "z"])]: text() }),
  authenticationMethod: () => `m${text()}`,
  authenticationData: bytes,
  payloadFormatIndicator: flag,
  messageExpiryInterval: four,
  contentType: text,
  responseTopic: topic,
  correlationData: bytes,
  maximumQoS: () => below(2),
  retainAvailable: flag,
  assignedClientIdentifier: text,
  reasonString: text,
  wildcardSubscriptionAvailable: flag,
  subscriptionIdentifiersAvailable: flag,
  sharedSubscriptionAvailable: flag,
  serverKeepAlive: two,
  responseInformation: text,
  serverReference: text,
  topicAlias: id,
  subscriptionIdentifier: () => pick([1, 127, 128, 16384, 268435455]),
};

const message = [
  ...["payloadFormatIndicator", "messageExpiryInterval", "contentType", "responseTopic"],
  ...["correlationData", "userProperties"],
];
const answer = ["reasonString", "userProperties"];
const authentication = ["authenticationMethod", "authenticationData"];
const receiving = [
  ...["sessionExpiryInterval", "receiveMaximum", "maximumPacketSize", "topicAliasMaximum"],
];
const allowed = {
  will: ["willDelayInterval", ...message],
  connect: [
    ...[...receiving, "requestResponseInformation", "requestProblemInformation"],
    ...["userProperties", ...authentication],
  ],
  connack: [
    ...[...receiving, "maximumQoS", "retainAvailable", "assignedClientIdentifier", ...answer],
    ...["wildcardSubscriptionAvailable", "subscriptionIdentifiersAvailable", "serverReference"],
    ...["sharedSubscriptionAvailable", "serverKeepAlive", "responseInformation"],
    ...authentication,
  ],
  publish: ["topicAlias", ...message],
  publishOfServer: ["topicAlias", "subscriptionIdentifier", ...message],
  subscribe: ["subscriptionIdentifier", "userProperties"],
  unsubscribe: ["userProperties"],
  disconnect: ["sessionExpiryInterval", ...answer],
  disconnectOfServer: ["serverReference", ...answer],
  auth: [...authentication, ...answer],
  answer,
};

/** Some properties of those allowed there, or all; none in 3.1.1. */
function properties(version, where) {
  if (version !== 5 || below(4) === 0) return {};
  const all = below(3) === 0;
  const chosen = {};
  for (const name of allowed[where]) if (all || flag()) chosen[name] = values[name]();
  if (chosen.authenticationData) chosen.authenticationMethod ??= "m";
  return { properties: chosen };
}

function connect(version) {
  const will = {
    ...{ topic: topic(), payload: pick([bytes(), "p"]), qos: below(3), retain: flag() },
    ...properties(version, "will"),
  };
  return {
    ...{ cmd: "connect", protocolId: "MQTT", protocolVersion: version, clean: true },
    ...{ clientId: `c${text()}`, keepalive: two(), ...properties(version, "connect") },
    ...(flag() ? { will } : {}),
    ...(flag() ? { username: `u${text()}` } : {}),
  };
}

function withPassword(packet) {
  if (!packet.username || flag()) return packet;
  return { ...packet, password: Buffer.concat([Buffer.from("p"), bytes()]) };
}

function connack(version) {
  const sessionPresent = flag();
  if (version === 4)
    return { cmd: "connack", sessionPresent, returnCode: sessionPresent ? 0 : below(6) };
  const reasonCode = sessionPresent ? 0 : pick([0, 0x80, 0x87, 0x9c]);
  return { cmd: "connack", sessionPresent, reasonCode, ...properties(5, "connack") };
}

function publish(version, where) {
  const qos = below(3);
  return {
    ...{ cmd: "publish", topic: topic(), qos, retain: flag(), dup: qos > 0 && flag() },
    ...{ payload: pick([bytes(), Buffer.alloc(below(20000), "x")]) },
    ...(qos > 0 ? { messageId: id() } : {}),
    ...properties(version, where),
  };
}

function acknowledge(version, cmd, codes) {
  const packet = { cmd, messageId: id(), ...properties(version, "answer") };
  return version === 5 ? { ...packet, reasonCode: pick(codes) } : packet;
}

const filters = () =>
  Array.from({ length: 1 + below(4) }, () => pick(["a", "#", "+/b", "a/+/#", "$share/g/x/+"]));

function subscription(version, filter) {
  if (version === 4) return { topic: filter, qos: below(3) };
  const nl = !filter.startsWith("$") && flag();
  return { topic: filter, qos: below(3), nl, rap: flag(), rh: below(3) };
}

function* packets(version) {
  const stored = [0, 0x10, 0x80, 0x99];
  const released = [0, 0x92];
  yield [CLIENT, withPassword(connect(version))];
  yield [SERVER, connack(version)];
  yield [CLIENT, publish(version, "publish")];
  yield [SERVER, publish(version, "publishOfServer")];
  yield [below(2), acknowledge(version, "puback", stored)];
  yield [below(2), acknowledge(version, "pubrec", stored)];
  yield [below(2), acknowledge(version, "pubrel", released)];
  yield [below(2), acknowledge(version, "pubcomp", released)];
  const subscriptions = filters().map((filter) => subscription(version, filter));
  yield [
    CLIENT,
    { cmd: "subscribe", messageId: id(), subscriptions, ...properties(version, "subscribe") },
  ];
  yield [
    SERVER,
    {
      ...{ cmd: "suback", messageId: id(), granted: filters().map(() => pick([0, 1, 2, 0x80])) },
      ...properties(version, "answer"),
    },
  ];
  yield [
    CLIENT,
    {
      ...{ cmd: "unsubscribe", messageId: id(), unsubscriptions: filters() },
      ...properties(version, "unsubscribe"),
    },
  ];
  const granted = filters().map(() => pick([0, 0x11, 0x87]));
  yield [
    SERVER,
    {
      ...{ cmd: "unsuback", messageId: id(), ...properties(version, "answer") },
      ...(version === 5 ? { granted } : {}),
    },
  ];
  yield [CLIENT, { cmd: "pingreq" }];
  yield [SERVER, { cmd: "pingresp" }];
  yield* version === 5 ? lastOf5() : [[CLIENT, { cmd: "disconnect" }]];
}

function* lastOf5() {
  yield [
    CLIENT,
    { cmd: "disconnect", reasonCode: pick([0, 4, 0x81]), ...properties(5, "disconnect") },
  ];
  yield [
    SERVER,
    { cmd: "disconnect", reasonCode: pick([0, 0x8e]), ...properties(5, "disconnectOfServer") },
  ];
  for (const [sender, codes] of [
    [CLIENT, [0x18, 0x19]],
    [SERVER, [0, 0x18]],
  ]) {
    const chosen = { authenticationMethod: "m", ...properties(5, "auth").properties };
    yield [sender, { cmd: "auth", reasonCode: pick(codes), properties: chosen }];
  }
}

/** What mqtt-packet reads. */
function parse(version, buffer) {
  const parser = mqtt.parser({ protocolVersion: version });
  let found;
  parser.on("packet", (packet) => (found = packet));
  parser.on("error", (error) => (found = error));
  parser.parse(buffer);
  assert.ok(found && !(found instanceof Error), `mqtt-packet reads ${found}`);
  delete found.length;
  return found;
}

const cases = [];
for (let round = 0; round < ROUNDS; round++)
  for (const version of [4, 5])
    for (const [sender, packet] of packets(version)) {
      const buffer = mqtt.generate(packet, { protocolVersion: version });
      cases.push({ version, sender, buffer, name: `${packet.cmd} ${version}` });
    }

const input = cases.map((c) => `${c.version} ${c.sender} ${c.buffer.toString("hex")}\n`).join("");
const run = spawnSync(process.argv[2], { input, maxBuffer: 1 << 28 });
assert.equal(run.status, 0, `${run.error} ${run.stderr}`);
const answers = run.stdout.toString().trimEnd().split("\n");
assert.equal(answers.length, cases.length);

const results = new Map();
cases.forEach(({ version, buffer, name }, index) => {
  if (results.has(name) && results.get(name) !== "") return;
  results.set(name, "");
  try {
    assert.ok(!answers[index].startsWith("error"), answers[index]);
    assert.deepEqual(
      parse(version, Buffer.from(answers[index], "hex")),
      parse(version, buffer),
    );
  } catch (error) {
    results.set(name, `${buffer.toString("hex")} ${error.message.replaceAll("\n", " ")}`);
  }
});
for (const [name, why] of results) console.log(why ? `not ok ${name}: ${why}` : `ok ${name}`);
