/**
 * The list of topics. Each is a <details>: its last message, and, of one that is opened, all that
 * is shown of it, with a line of the numbers that came since the page was there.
 */

const KEPT = 120; // numbers of a topic
const SVG = "http://www.w3.org/2000/svg";

function make(name, className, text) {
  const element = document.createElement(name);
  if (className) {
    element.className = className;
  }
  if (text !== undefined) {
    element.textContent = text;
  }
  return element;
}

/** A number, or an object's only number: what a line can be drawn of. */
function numberOf(text) {
  const value = text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** JSON as people read it; anything else as it is. */
function pretty({ text, hex }) {
  if (hex || !/^\s*[[{]/.test(text)) {
    return text;
  }
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function rateOf(rate) {
  if (rate < 0.1) {
    return "";
  }
  return rate < 10 ? `${rate.toFixed(1)}/s` : `${Math.round(rate)}/s`;
}

class Row {
  constructor(topic) {
    this.topic = topic;
    this.numbers = [];
    this.item = make("li");
    this.details = make("details");
    this.value = make("span", "value");
    this.facts = make("span", "facts");
    this.more = make("div", "more");
    const summary = make("summary");
    const name = make("span", "name");
    const cut = topic.lastIndexOf("/", topic.length - 2) + 1;
    name.append(make("span", "", topic.slice(0, cut)), topic.slice(cut));
    summary.append(name, this.value, this.facts);
    this.details.append(summary, this.more);
    this.details.addEventListener("toggle", () => this.showMore());
    this.item.append(this.details);
  }

  /** Whether it is another message than before, and not only another rate. */
  show(message) {
    const isNew = this.message?.count !== message.count;
    this.message = message;
    this.value.textContent = message.hex ? `(${message.size} bytes)` : message.text.slice(0, 200);
    this.showFacts();
    const number = message.hex ? undefined : numberOf(message.text);
    if (isNew && number !== undefined) {
      this.numbers.push(number);
      this.numbers.splice(0, this.numbers.length - KEPT);
    }
    this.showMore();
    return isNew;
  }

  showFacts() {
    const { retain, count, rate } = this.message;
    this.facts.replaceChildren();
    if (retain) {
      this.facts.append(make("span", "mark", "retained"));
    }
    const words = [rateOf(rate), `${count.toLocaleString("en")} ×`].filter(Boolean);
    this.facts.append(words.join(" · "));
  }

  showMore() {
    this.more.replaceChildren();
    if (!this.details.open) {
      return;
    }
    const { qos, size, time, text } = this.message;
    if (this.numbers.length > 1) {
      this.more.append(this.line());
    }
    const shown = make("pre", "", pretty(this.message));
    const when = new Date(time * 1000).toLocaleTimeString();
    const cut = !this.message.hex && new TextEncoder().encode(text).length < size ? ", the beginning is shown" : "";
    this.more.append(shown, make("p", "", `QoS ${qos}, ${size.toLocaleString("en")} bytes${cut}, ${when}`));
  }

  line() {
    const svg = document.createElementNS(SVG, "svg");
    const line = document.createElementNS(SVG, "polyline");
    const low = Math.min(...this.numbers);
    const span = Math.max(...this.numbers) - low || 1;
    const points = this.numbers.map((value, i) => `${i},${(1 - (value - low) / span) * 38 + 1}`);
    svg.setAttribute("viewBox", `0 0 ${this.numbers.length - 1} 40`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `the last ${this.numbers.length} numbers, from ${low} to ${low + span}`);
    line.setAttribute("points", points.join(" "));
    svg.append(line);
    return svg;
  }
}

export class Topics {
  #list;
  #rows = new Map();
  #filter = "";

  constructor(list) {
    this.#list = list;
    list.addEventListener("animationend", ({ target }) => target.closest("li").classList.remove("fresh"));
  }

  get size() {
    return this.#rows.size;
  }

  get shown() {
    return this.#list.children.length;
  }

  /** All that there are. */
  fill(messages) {
    this.#rows = new Map();
    messages.forEach((message) => this.#take(message, ""));
    this.#arrange();
  }

  /** Those that have changed. */
  update(messages) {
    const before = this.#rows.size;
    messages.forEach((message) => this.#take(message, "fresh"));
    if (this.#rows.size !== before) {
      this.#arrange();
    }
  }

  filter(text) {
    this.#filter = text.trim().toLowerCase();
    this.#arrange();
  }

  #take(message, mark) {
    let row = this.#rows.get(message.topic);
    if (!row) {
      row = new Row(message.topic);
      this.#rows.set(message.topic, row);
    }
    if (row.show(message)) {
      row.item.className = mark;
    }
  }

  /** In the order of their names; the rows that are there stay, with what is opened. */
  #arrange() {
    const wanted = [...this.#rows.values()]
      .filter(({ topic }) => topic.toLowerCase().includes(this.#filter))
      .sort((a, b) => (a.topic < b.topic ? -1 : 1))
      .map(({ item }) => item);
    const keep = new Set(wanted);
    [...this.#list.children].forEach((item) => keep.has(item) || item.remove());
    wanted.forEach((item, i) => {
      if (this.#list.children[i] !== item) {
        this.#list.insertBefore(item, this.#list.children[i] ?? null);
      }
    });
  }
}
