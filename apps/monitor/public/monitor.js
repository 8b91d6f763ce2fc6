/** The page of the monitor. The channels memory, cpu and network carry a whole number each. */
import { Gauge } from "./gauge.js";
import { History } from "./history.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
const CHANNELS = { memory: "Memory", cpu: "CPU", network: "Network" };
const NAMES = Object.keys(CHANNELS);

const $ = (id) => document.getElementById(id);
const history = new History($("chart"), NAMES, Object.values(CHANNELS));
const gauges = {};
for (const [name, label] of Object.entries(CHANNELS)) {
  gauges[name] = new Gauge(name, label);
  document.querySelector(".gauges").append(gauges[name].element);
}

let socket = null;
let attempt = 0;
let timer = 0;

function say(state, text) {
  $("status").dataset.state = state;
  $("status").textContent = text;
  $("start").textContent = state === "idle" ? "Start" : "Stop";
}

const wanted = () => NAMES.filter((name) => $(name).checked);
const isOpen = () => socket !== null && socket.state() === "open";

function open() {
  say("connecting", "Connecting…");
  const opened = new SGCWS(`${location.protocol.replace("http", "ws")}//${location.host}/`);
  socket = opened;
  opened.on("open", () => {
    attempt = 0;
    say("online", "Connected");
    opened.rpc("history", "history", []);
    wanted().forEach((name) => opened.subscribe(name));
  });
  opened.on("sgcevent", ({ channel, message }) => socket === opened && receive(channel, message));
  opened.on("sgcrpcresult", ({ id, result }) => {
    if (socket === opened && id === "history") {
      history.fill(result.samples, result.interval, wanted());
    }
  });
  opened.on("sgcrpcerror", ({ message }) => socket === opened && say("online", `Refused: ${message}`));
  opened.on("close", () => socket === opened && lost());
}

function receive(channel, message) {
  const value = Number(message);
  if (!Object.hasOwn(gauges, channel) || !Number.isInteger(value) || !$(channel).checked) {
    return; // it was under way when the box was cleared
  }
  gauges[channel].show(value);
  history.add(channel, value);
}

/** Comes back by itself: sooner at first, at random so that pages do not return in one moment. */
function lost() {
  socket = null;
  NAMES.forEach((name) => gauges[name].show(null));
  const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt++) * (1 - Math.random() / 2);
  say("offline", "The connection is lost; trying again");
  timer = setTimeout(open, wait);
}

function stop() {
  clearTimeout(timer);
  const closing = socket;
  socket = null;
  closing?.close();
  attempt = 0;
  NAMES.forEach((name) => gauges[name].show(null));
  say("idle", "Stopped");
}

$("start").addEventListener("click", () => {
  if ($("status").dataset.state === "idle") {
    open();
  } else {
    stop();
  }
});

for (const name of NAMES) {
  $(name).addEventListener("change", () => {
    if (!$(name).checked) {
      gauges[name].show(null);
    }
    if (isOpen()) {
      socket[$(name).checked ? "subscribe" : "unsubscribe"](name);
    }
  });
}
