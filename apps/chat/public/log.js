/** The conversation as the page shows it. Whatever others wrote is set as text, never as HTML. */

const KEPT = 500;
const GROUP_SECONDS = 5 * 60;
const NEAR_END = 60;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** element("p", { className: "note" }, "text", child, …) */
export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** A disc with the first letter, in the colour that goes with the name. */
export function paintAvatar(avatar, name) {
  let hash = 0;
  for (const char of name) {
    hash = (hash * 31 + char.codePointAt(0)) % 65521;
  }
  // The golden angle sets names that differ little far apart.
  avatar.style.setProperty("--hue", String(Math.round(hash * 137.508) % 360));
  avatar.textContent = [...name][0].toUpperCase();
  return avatar;
}

export function avatarOf(name) {
  const avatar = element("span", { className: "avatar", ariaHidden: "true" });
  return paintAvatar(avatar, name);
}

/** The text, with http and https addresses as links. */
function withLinks(text) {
  const parts = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(/\bhttps?:\/\/[^\s<>"]+/g)) {
    const address = found.replace(/[.,;:!?'")\]}]+$/, "");
    if (!URL.canParse(address)) {
      continue;
    }
    const link = { href: address, target: "_blank", rel: "noopener noreferrer" };
    parts.push(text.slice(end, index), element("a", link, address));
    end = index + address.length;
  }
  parts.push(text.slice(end));
  return parts;
}

export class Log {
  #parts;
  #shown = new Set();
  #last = null;
  #pending = "";
  #atEnd = true;

  /** @param {object} parts the elements scroller, log, messages, pending, empty and jump */
  constructor(parts) {
    this.#parts = parts;
    const { scroller, jump } = parts;
    scroller.addEventListener("scroll", () => {
      this.#atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
      jump.hidden ||= this.#atEnd;
    });
    jump.addEventListener("click", () => {
      this.toEnd();
      scroller.focus();
    });
    // The keyboard of a telephone, a growing composer, another width: stay at the end.
    const observer = new ResizeObserver(() => this.#settle());
    observer.observe(scroller);
    observer.observe(scroller.firstElementChild);
  }

  clear() {
    this.#shown.clear();
    this.#last = null;
    this.#parts.messages.replaceChildren();
    this.toEnd();
  }

  has(id) {
    return this.#shown.has(id);
  }

  get isEmpty() {
    return this.#shown.size === 0;
  }

  /** While this runs, screen readers wait; so the history is not read out. */
  quietly(fill) {
    const { log } = this.#parts;
    log.ariaBusy = "true";
    fill();
    // A reader looks at the attribute when the page has been drawn.
    requestAnimationFrame(() => (log.ariaBusy = "false"));
  }

  /** Shows { id, who, text, time }; `tag` tells people of one name apart. */
  add(message, { mine, tag }) {
    this.#shown.add(message.id);
    const date = new Date(message.time * 1000);
    if (this.#last?.day !== date.toDateString()) {
      this.divide(day.format(date));
    }
    const last = this.#last;
    const grouped =
      last?.key === message.who.key &&
      last.name === message.who.name &&
      last.mine === mine &&
      message.time - last.time < GROUP_SECONDS;
    const time = { dateTime: date.toISOString(), title: moment.format(date) };
    const meta = element(
      "p",
      { className: "meta" },
      element("bdi", { className: "name" }, mine ? "You" : message.who.name),
      element("span", { className: "tag" }, mine ? "" : tag),
      element("time", time, clock.format(date)),
    );
    const item = element(
      "li",
      { className: ["message", mine && "mine", grouped && "grouped"].filter(Boolean).join(" ") },
      ...(mine ? [] : [avatarOf(message.who.name)]),
      meta,
      element("p", { className: "text", dir: "auto" }, ...withLinks(message.text)),
    );
    item.dataset.id = message.id;
    this.#append(item);
    this.#last = { ...message.who, mine, time: message.time, day: date.toDateString() };
  }

  /** A line about what happened: somebody came, somebody left. */
  note(...content) {
    this.#append(element("li", { className: "note" }, ...content));
    if (this.#last) {
      this.#last.key = null;
    }
  }

  /** A line across: a new day, or the place up to which everything was read. */
  divide(text, className = "") {
    const divider = element("li", { className: `divider ${className}` }, element("span", {}, text));
    this.#append(divider);
    this.#last = this.#last && { ...this.#last, key: null };
    return divider;
  }

  /** Shows the messages that the server has not confirmed, and under them why. */
  setPending(messages, why, discard) {
    const content = JSON.stringify([messages, why]);
    if (content === this.#pending) {
      return; // the focus may be on one of them
    }
    this.#pending = content;
    const items = messages.map((message) => {
      const drop = element("button", { className: "quiet", type: "button" }, "Discard");
      drop.addEventListener("click", () => discard(message.id));
      const text = element("p", { className: "text", dir: "auto" }, ...withLinks(message.text));
      return element("li", { className: "message mine" }, drop, text);
    });
    if (items.length > 0) {
      items.push(element("li", { className: "why" }, why));
    }
    this.#parts.pending.replaceChildren(...items);
    this.#settle();
  }

  /** Scrolls to the newest message. */
  toEnd() {
    this.#atEnd = true;
    this.#settle();
  }

  #append(item) {
    const { messages, jump } = this.#parts;
    messages.append(item);
    if (messages.childElementCount > KEPT) {
      this.#shown.delete(messages.firstElementChild.dataset.id);
      messages.firstElementChild.remove();
    }
    if (item.matches(".message:not(.mine)")) {
      jump.hidden = this.#atEnd;
    }
    this.#settle();
  }

  #settle() {
    const { scroller, messages, pending, empty, jump } = this.#parts;
    empty.hidden = messages.querySelector(".message") !== null || pending.hasChildNodes();
    if (this.#atEnd) {
      scroller.scrollTop = scroller.scrollHeight;
      jump.hidden = true;
    }
  }
}
