/** The chart of what was: a line a channel over two minutes, drawn by uPlot. */
import uPlot from "./lib/uPlot.js";

const SECONDS = 120;
const SAME = 0.25; // seconds in which the values of all channels come

const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const clock = (seconds) => new Date(seconds * 1000).toTimeString().slice(0, 8);

export class History {
  #names;
  #rows; // times, then a list of values for each name; null: not known
  #chart = null;
  #holder;

  constructor(holder, names, labels) {
    this.#holder = holder;
    this.#names = names;
    this.#rows = [[], ...names.map(() => [])];
    this.#build(labels);
    new ResizeObserver(() => this.#fit()).observe(holder);
    // The canvas has no style sheet: its colours are read again when the scheme changes.
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#chart.destroy();
      this.#build(labels);
      this.#fit();
    });
  }

  get length() {
    return this.#rows[0].length;
  }

  /** What the server has kept, of what is wanted: a list of values for each sample, the newest last. */
  fill(samples, interval, wanted) {
    const now = Date.now() / 1000;
    this.#rows = [
      samples.map((_, index) => now - (samples.length - 1 - index) * interval),
      ...this.#names.map((name, column) =>
        samples.map((sample) => (wanted.includes(name) ? sample[column] : null)),
      ),
    ];
    this.#show();
  }

  add(name, value) {
    const now = Date.now() / 1000;
    const times = this.#rows[0];
    if (times.length === 0 || now - times.at(-1) > SAME) {
      this.#rows.forEach((list) => list.push(null));
      times[times.length - 1] = now;
    }
    this.#rows[this.#names.indexOf(name) + 1][times.length - 1] = value;
    const old = times.findIndex((time) => time >= now - SECONDS);
    this.#rows.forEach((list) => list.splice(0, old));
    this.#show();
  }

  #show() {
    const now = Date.now() / 1000;
    this.#chart.batch(() => {
      this.#chart.setData(this.#rows, false);
      this.#chart.setScale("x", { min: now - SECONDS, max: now });
    });
  }

  #fit() {
    this.#chart.setSize({ width: this.#holder.clientWidth, height: this.#height });
  }

  get #height() {
    return Math.max(160, Math.min(280, this.#holder.clientWidth / 2.6));
  }

  #build(labels) {
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
    const now = Date.now() / 1000;
    this.#chart = new uPlot(
      {
        width: this.#holder.clientWidth,
        height: this.#height,
        cursor: { drag: { x: false, y: false } },
        legend: { markers: { width: 0 } },
        scales: { x: { range: (chart, min, max) => [min ?? now - SECONDS, max ?? now] }, y: { range: [0, 100] } },
        axes: [
          { ...axis, space: 90, values: (chart, times) => times.map(clock) },
          { ...axis, size: 46, values: (chart, values) => values.map((value) => `${value} %`) },
        ],
        series: [
          { label: "Time", value: (chart, time) => (time === null ? "–" : clock(time)) },
          ...this.#names.map((name, index) => ({
            label: labels[index],
            stroke: colour(name),
            width: 2,
            points: { show: false },
            value: (chart, value) => (value === null || value === undefined ? "–" : `${value} %`),
          })),
        ],
      },
      this.#rows,
      this.#holder,
    );
  }
}
