/** The page: topics as they come, and a form that publishes. */
import { Topics } from "./topics.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

const $ = (id) => document.getElementById(id);
const topics = new Topics($("topics"));
let socket;
let attempt = 0;
let last = 0;

function say(state, text) {
  $("status").dataset.state = state;
  $("status").textContent = text;
}

function tell(state, text) {
  $("told").dataset.state = state;
  $("told").textContent = text;
}

function count(others) {
  const all = `${topics.size.toLocaleString("en")} ${topics.size === 1 ? "topic" : "topics"}`;
  const words = [topics.shown === topics.size ? all : `${topics.shown} of ${all}`];
  if (others > 0) {
    words.push(`${others.toLocaleString("en")} messages of others`);
  }
  $("count").textContent = words.join(", ");
  $("count").dataset.others = others;
}

const receive = {
  all({ topics: list, others, publish }) {
    topics.fill(list);
    $("publish").hidden = !publish;
    count(others);
  },
  topics({ topics: list, others }) {
    topics.update(list);
    count(others);
  },
  broker({ connected, message }) {
    say(connected ? "online" : "offline", connected ? message : `The broker: ${message}`);
  },
  published({ id, error }) {
    if (id === last) {
      tell(error ? "failed" : "done", error ?? "Published");
    }
  },
};

function open() {
  socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/`);
  socket.onopen = () => (attempt = 0);
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    receive[message.type]?.(message);
  };
  socket.onclose = () => {
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt++) * (1 - Math.random() / 2);
    say("offline", "The connection is lost; trying again");
    if ($("told").dataset.state === "waiting") {
      tell("failed", "The connection was lost: it may not be published");
    }
    setTimeout(open, wait);
  };
}

$("filter").addEventListener("input", () => {
  topics.filter($("filter").value);
  count(Number($("count").dataset.others ?? 0));
});

$("publish").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) {
    tell("failed", "There is no connection");
    return;
  }
  tell("waiting", "Publishing…");
  socket.send(JSON.stringify({
    type: "publish",
    id: ++last,
    topic: $("topic").value,
    text: $("text").value,
    qos: Number($("qos").value),
    retain: $("retain").checked,
  }));
});

open();
