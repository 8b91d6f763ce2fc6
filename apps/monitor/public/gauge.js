/** A gauge from 0 to 100: an arc with a yellow part from 75 and a red one from 90, a needle, the number. */

const SVG = "http://www.w3.org/2000/svg";
const FROM = -120; // degrees, clockwise from the top
const TO = 120;
export const YELLOW = 75;
export const RED = 90;

export function levelOf(value) {
  if (value >= RED) {
    return "red";
  }
  return value >= YELLOW ? "yellow" : "normal";
}

function draw(parent, name, attributes) {
  const shape = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    shape.setAttribute(key, value);
  }
  parent.append(shape);
  return shape;
}

function point(value, radius) {
  const angle = ((FROM + ((TO - FROM) * value) / 100) * Math.PI) / 180;
  return `${(Math.sin(angle) * radius).toFixed(2)} ${(-Math.cos(angle) * radius).toFixed(2)}`;
}

function arc(from, to, radius) {
  const large = ((to - from) / 100) * (TO - FROM) > 180 ? 1 : 0;
  return `M${point(from, radius)}A${radius} ${radius} 0 ${large} 1 ${point(to, radius)}`;
}

export class Gauge {
  #needle;
  #number;
  #root;

  constructor(name, label) {
    this.#root = document.createElement("figure");
    this.#root.className = "gauge";
    this.#root.dataset.name = name;
    this.#root.setAttribute("role", "meter");
    this.#root.setAttribute("aria-label", label);
    this.#root.setAttribute("aria-valuemin", "0");
    this.#root.setAttribute("aria-valuemax", "100");
    const picture = draw(this.#root, "svg", { viewBox: "-60 -56 120 92", "aria-hidden": "true" });
    for (const [from, to, level] of [[0, YELLOW, "normal"], [YELLOW, RED, "yellow"], [RED, 100, "red"]]) {
      draw(picture, "path", { class: `zone ${level}`, d: arc(from, to, 48) });
    }
    for (let value = 0; value <= 100; value += 5) {
      const inner = value % 25 === 0 ? 36 : 40;
      draw(picture, "path", { class: "tick", d: `M${point(value, inner)}L${point(value, 43)}` });
    }
    this.#needle = draw(picture, "path", { class: "needle", d: "M-2.4 6L0 -40L2.4 6Z" });
    draw(picture, "circle", { class: "hub", r: 4.5 });
    this.#number = draw(picture, "text", { class: "number", y: 30 });
    const caption = document.createElement("figcaption");
    caption.textContent = label;
    this.#root.append(caption);
    this.show(null);
  }

  get element() {
    return this.#root;
  }

  /** A number of 0 to 100, or null: it is not known. */
  show(value) {
    const known = value !== null;
    const shown = known ? Math.max(0, Math.min(100, value)) : 0;
    this.#root.dataset.level = known ? levelOf(shown) : "unknown";
    this.#number.textContent = known ? String(shown) : "–";
    this.#needle.style.transform = `rotate(${FROM + ((TO - FROM) * shown) / 100}deg)`;
    if (known) {
      this.#root.setAttribute("aria-valuenow", String(shown));
    } else {
      this.#root.removeAttribute("aria-valuenow");
    }
  }
}
