/** The operator's page: asks once a second what the server does, and shows it. */
"use strict";

const POINTS = 120;
const LINES = 500;
const history = { in: [], out: [] };
let before = null;
let last = 0;

const at = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const size = (bytes) => `${number.format(bytes / 1048576)} MiB`;

/** The sum of a family's counters, and its parts by the value of a label. */
function family(counters, name) {
  let sum = 0;
  const parts = {};
  for (const [key, value] of Object.entries(counters)) {
    if (key !== name && !key.startsWith(`${name}{`)) continue;
    sum += value;
    const label = /="([^"]*)"/.exec(key);
    if (label) parts[label[1]] = (parts[label[1]] ?? 0) + value;
  }
  return { sum, parts };
}

function rows(id, list, none, cells) {
  const body = at(id).tBodies[0];
  body.replaceChildren();
  for (const each of list) {
    const row = body.insertRow();
    for (const [content, kind] of cells(each)) {
      const cell = row.insertCell();
      cell.append(content);
      if (kind) cell.className = kind;
    }
  }
  if (list.length) return;
  const row = body.insertRow();
  row.className = "none";
  const cell = row.insertCell();
  cell.colSpan = at(id).tHead.rows[0].cells.length;
  cell.append(none);
}

function draw() {
  const highest = Math.max(1, ...history.in, ...history.out);
  at("highest").textContent = `2 minutes, up to ${number.format(highest)}`;
  for (const way of ["in", "out"]) {
    const points = history[way].map((value, i) => {
      const x = ((POINTS - history[way].length + i) / (POINTS - 1)) * 600;
      return `${x.toFixed(1)},${(117 - (value / highest) * 112).toFixed(1)}`;
    });
    at(`line-${way}`).setAttribute("points", points.join(" "));
  }
}

function showRates(now) {
  if (before && now.time > before.time) {
    const seconds = (now.time - before.time) / 1000;
    const rate = (name) => Math.max(0, (now[name] - before[name]) / seconds);
    at("received").textContent = number.format(rate("received"));
    at("sent").textContent = number.format(rate("sent"));
    at("requests").textContent = number.format(rate("requests"));
    at("cpu").textContent = `${number.format(rate("cpu") * 100)} %`;
    history.in.push(rate("received"));
    history.out.push(rate("sent"));
    for (const list of [history.in, history.out]) if (list.length > POINTS) list.shift();
    draw();
  }
  before = now;
}

function showLog(lines) {
  if (!lines.length) return;
  const log = at("log");
  const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  for (const line of lines) log.append(`${line}\n`);
  while (log.childNodes.length > LINES) log.firstChild.remove();
  if (follows) log.scrollTop = log.scrollHeight;
}

function show(data) {
  const { counters, process } = data;
  const { sum, parts } = family(counters, "connections");
  const named = Object.entries(parts).filter(([, count]) => count > 0);
  at("connections").textContent = number.format(sum);
  at("transports").textContent = named.map(([name, count]) => `${name} ${count}`).join(", ");
  at("memory").textContent = size(process.resident);
  at("lua").textContent = `Lua ${size(counters.lua_memory_bytes)}`;
  at("files").textContent = `${number.format(process.files)} descriptors`;
  at("facts").textContent =
    `${data.workers} ${data.workers === 1 ? "worker" : "workers"}, ` +
    `since ${new Date(process.started * 1000).toLocaleString()}, ` +
    `${number.format(counters.handler_errors_total)} handler errors`;
  at("channel-count").textContent =
    `${number.format(counters.subscriptions)} subscriptions` +
    (data.workers > 1 ? `; those of worker ${data.worker}` : "");
  rows("channels", data.channels.list, "no channels", (each) => [
    [each.name],
    [number.format(each.subscribers), "number"],
  ]);
  rows("slow", data.slow, "none has held a worker for 50 ms", (each) => [
    [each.place],
    [number.format(each.count), "number"],
    [`${each.most.toFixed(2)} s`, "number"],
    [`${each.total.toFixed(2)} s`, "number"],
  ]);
  showRates({
    time: performance.now(),
    received: family(counters, "messages_received_total").sum,
    sent: family(counters, "messages_sent_total").sum,
    requests: family(counters, "http_requests_total").sum,
    cpu: process.cpu,
  });
  showLog(data.log);
  state(data.listening ? "good" : "bad", data.listening ? "listening" : "not listening");
}

function state(kind, text) {
  at("state").dataset.state = kind;
  at("state").textContent = text;
}

async function disconnect(guid, button) {
  button.disabled = true;
  const response = await fetch("disconnect", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ guid }),
  });
  if (response.ok) await showClients();
  else button.disabled = false;
}

function ender(guid) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.guid = guid;
  button.textContent = "Disconnect";
  button.addEventListener("click", () => disconnect(guid, button).catch(() => (button.disabled = false)));
  return button;
}

/** The table stays as it is while nobody comes or goes, so that buttons can be aimed at. */
async function showClients() {
  const response = await fetch("clients");
  const text = await response.text();
  if (!response.ok || text === showClients.shown) return;
  const { list, count } = JSON.parse(text);
  showClients.shown = text;
  at("client-count").textContent =
    list.length < count ? `${list.length} of ${number.format(count)}` : number.format(count);
  rows("clients", list, "nobody is here", (each) => [
    [each.ip],
    [each.url],
    [each.protocol],
    [String(each.worker)],
    [each.guid],
    [ender(each.guid), "number"],
  ]);
}

async function look() {
  try {
    const response = await fetch(`data?after=${last}`);
    if (!response.ok) throw new Error(response.statusText);
    const data = await response.json();
    if (data.last < last) at("log").replaceChildren();
    last = data.last;
    show(data);
    await showClients();
  } catch {
    state("bad", "no answer");
    last = 0;
    before = null;
  }
  setTimeout(look, 1000);
}

look();
