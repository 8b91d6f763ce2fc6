/** The page of the chat. README.md describes the messages that go between it and main.lua. */
import { Connection } from "./connection.js";
import { Log, avatarOf, element, paintAvatar } from "./log.js";
import { Outbox } from "./outbox.js";
import { browser } from "./store.js";
import { tidy } from "./text.js";

const RECENT_ROOMS = 8;
const HISTORY = 50;
const ECHO_DEADLINE = 10_000;

const $ = (id) => document.getElementById(id);

const outbox = new Outbox();
const log = new Log({
  scroller: $("scroller"),
  log: $("log"),
  messages: $("messages"),
  pending: $("pending"),
  empty: $("empty"),
  jump: $("jump"),
});
const connection = new Connection(`${location.protocol.replace("http", "ws")}//${location.host}/`, {
  opened: () => connection.send({ room, name }),
  received: (message) => receive[message.type]?.(message),
  changed: showConnection,
});

let name = tidy(browser.read("name", ""));
let room = "";
let myKey = null;
let people = new Map(); // key -> { key, name }
let unread = 0;
let unreadMark = null;
let echoTimer = 0;

// What the server says

const receive = {
  welcome({ who, room: { name: welcomedTo, people: present, history } }) {
    if (welcomedTo !== room) {
      return;
    }
    myKey = who.key;
    people = new Map(Object.entries(present));
    connection.ready();
    showPeople();
    const messages = [...history].reverse();
    const back = !log.isEmpty;
    const missed = messages.length === HISTORY && !messages.some((message) => log.has(message.id));
    log.quietly(() => {
      if (back && missed) {
        log.divide("More was said while you were away");
      }
      messages.forEach((message) => show(message, back));
    });
    outbox.of(room).forEach(transmit);
    showPending();
  },

  said(message) {
    show(message, true);
  },

  joined({ who }) {
    if (people.has(who.key)) {
      return;
    }
    people.set(who.key, who);
    showPeople();
    log.note(nameOf(who), " joined");
  },

  left({ who }) {
    if (people.delete(who.key)) {
      log.note(nameOf(who), " left");
      showPeople();
    }
  },
};

/** Shows a message, unless it is there; if it is fresh, the title may count it as unread. */
function show(message, fresh) {
  if (outbox.remove(message.id)) {
    showPending();
    awaitEcho();
  }
  if (log.has(message.id)) {
    return;
  }
  const mine = outbox.isMine(message.id);
  if (fresh && document.hidden && !mine) {
    unreadMark ??= log.divide("New", "new");
    unread += 1;
    showTitle();
  }
  log.add(message, { mine, tag: tagOf(message.who) });
}

// What the person says

function say(text) {
  const message = outbox.add(room, text);
  if (connection.state === "open") {
    transmit(message);
  }
  unreadMark?.remove();
  unreadMark = null;
  showPending();
  log.toEnd();
}

function transmit({ id, text }) {
  connection.send({ id, text });
  awaitEcho();
}

/** A connection may be dead without a sign: no echo in time means that it is. */
function awaitEcho() {
  clearTimeout(echoTimer);
  if (outbox.of(room).length > 0) {
    echoTimer = setTimeout(() => connection.state === "open" && connection.retry(), ECHO_DEADLINE);
  }
}

function showPending() {
  const why = connection.state === "open" ? "Sending" : "Goes out when you are back online";
  log.setPending(outbox.of(room), why, (id) => {
    outbox.remove(id);
    showPending();
    $("text").focus();
  });
}

const composer = $("composer");
const text = $("text");

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const written = text.value.trim();
  if (written !== "") {
    say(written);
  }
  text.value = "";
  grow();
  text.focus();
});

text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    composer.requestSubmit();
  }
});

text.addEventListener("input", grow);

/** On a telephone this would bring up the keyboard, which nobody asked for. */
function readyToWrite() {
  if (matchMedia("(pointer: fine)").matches) {
    text.focus();
  }
}

/** As high as what is written; the style sheet sets the limits. */
function grow() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
}

// Rooms

function roomInAddress() {
  try {
    return tidy(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return "";
  }
}

const addressOf = (of) => `#${encodeURIComponent(of)}`;

function enter(next) {
  room = next;
  if (roomInAddress() !== room) {
    history.replaceState(null, "", addressOf(room));
  }
  const recent = [room, ...browser.read("rooms", []).filter((other) => other !== room)];
  browser.write("rooms", recent.slice(0, RECENT_ROOMS));
  people.clear();
  unread = 0;
  unreadMark = null;
  log.clear();
  $("room-name").textContent = room;
  showRooms(recent.slice(0, RECENT_ROOMS));
  showPeople();
  showTitle();
  showPending();
  if (name === "") {
    askName();
  } else {
    connection.open();
  }
}

function showRooms(names) {
  const sorted = [...names].sort((a, b) => a.localeCompare(b));
  const links = sorted.map((other) => {
    const link = element("a", { href: addressOf(other) }, element("bdi", {}, other));
    if (other === room) {
      link.ariaCurrent = "page";
    }
    return element("li", {}, link);
  });
  $("rooms").replaceChildren(...links);
}

addEventListener("hashchange", () => {
  const next = roomInAddress();
  if (next !== "" && next !== room) {
    enter(next);
  }
  closePanel();
  readyToWrite();
});

$("room-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const next = tidy($("room-input").value);
  $("room-input").value = "";
  if (next !== "") {
    location.hash = addressOf(next);
    closePanel();
  }
});

// People

/** Two of one name in a room: a number tells them apart. */
function tagOf(who) {
  const others = [...people.values()].filter((other) => other.key !== who.key);
  const shared = others.some((other) => other.name === who.name);
  return shared ? `#${who.key}` : "";
}

function nameOf(who) {
  return element("bdi", {}, [who.name, tagOf(who)].filter(Boolean).join(" "));
}

function showPeople() {
  const present = [...people.values()].sort(
    (a, b) => (b.key === myKey) - (a.key === myKey) || a.name.localeCompare(b.name),
  );
  $("people").replaceChildren(
    ...present.map((who) =>
      element(
        "li",
        {},
        avatarOf(who.name),
        element("bdi", { className: "name" }, who.name),
        element("span", { className: "tag" }, tagOf(who)),
        element("span", { className: "you" }, who.key === myKey ? "you" : ""),
      ),
    ),
  );
  $("people-count").textContent = present.length > 0 ? String(present.length) : "";
  const count = present.length === 1 ? "Only you are here" : `${present.length} people here`;
  $("subtitle").textContent = present.length > 0 ? count : "";
}

// The name

const hello = $("hello");

function askName() {
  $("name").value = name;
  $("enter").textContent = name === "" ? "Enter the room" : "Save";
  hello.showModal();
}

function showName() {
  $("my-name").textContent = name;
  if (name !== "") {
    paintAvatar($("my-avatar"), name);
  }
}

hello.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = tidy($("name").value);
  if (chosen === "") {
    $("name").value = "";
    $("name").reportValidity();
    return;
  }
  hello.close();
  if (chosen !== name) {
    name = chosen;
    browser.write("name", name);
    showName();
    connection.open();
  }
  readyToWrite();
});

// Without a name there is no way in.
hello.addEventListener("cancel", (event) => name === "" && event.preventDefault());

$("rename").addEventListener("click", () => {
  closePanel();
  askName();
});

// The connection

let countdown = 0;

function showConnection(state, wait) {
  clearInterval(countdown);
  $("connection").dataset.state = state;
  const words = { connecting: "Connecting", open: "Connected", waiting: "Offline" };
  $("state").textContent = words[state];
  $("retry").hidden = state !== "waiting";
  $("countdown").textContent = "";
  if (state === "waiting") {
    const until = Date.now() + wait;
    const tick = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      $("countdown").textContent = seconds > 1 ? `· next try in ${seconds} s` : "· trying again";
    };
    tick();
    countdown = setInterval(tick, 1000);
  }
  if (state !== "open") {
    clearTimeout(echoTimer);
  }
  showPending();
}

function tryNow() {
  if (connection.state === "waiting") {
    connection.open();
  }
}

$("retry").addEventListener("click", () => {
  tryNow();
  readyToWrite();
});

// Another network: what was connected over the old one is gone, whether it knows or not.
addEventListener("online", () => name !== "" && connection.open());

// The title tells what was missed while the page was out of sight

function showTitle() {
  const mark = unread > 0 ? `(${unread}) ` : "";
  document.title = `${mark}${room} · Perilune chat`;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    unreadMark?.remove();
    unreadMark = null;
  } else {
    unread = 0;
    showTitle();
    tryNow();
  }
});

// Sharing, and the drawer

$("share").addEventListener("click", async () => {
  const label = $("share-label");
  try {
    await navigator.clipboard.writeText(location.href);
    label.textContent = "Link copied";
  } catch {
    // Only https:// and this machine may write to the clipboard.
    label.textContent = "Copy it from the address bar";
  }
  setTimeout(() => (label.textContent = "Copy link"), 2500);
});

const panel = $("panel");

function closePanel() {
  if (panel.matches(":popover-open")) {
    panel.hidePopover();
  }
}

matchMedia("(min-width: 50rem)").addEventListener("change", closePanel);

showName();
enter(roomInAddress() || tidy(browser.read("rooms", [])[0] ?? "") || "lobby");
if (name !== "") {
  readyToWrite();
}
