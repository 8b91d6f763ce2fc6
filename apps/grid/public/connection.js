/**
 * Requests and pushes over a WebSocket that comes back by itself.
 *
 *   const connection = new Connection(url, { changed(state), pushed(kind, row) });
 *   const { data } = await connection.request("update", row, was);
 *
 * A request that the server refuses, or whose connection ends, rejects with a Refusal.
 */

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

export class Refusal extends Error {
  /** @param {string} code as the server says it, or "ECLOSED" */
  constructor(message, code, data) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

export class Connection {
  #url;
  #handlers;
  #socket = null;
  #attempt = 0;
  #last = 0;
  #waiting = new Map(); // id -> { done, fail }

  constructor(url, handlers) {
    this.#url = url;
    this.#handlers = handlers;
    this.#open();
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  request(type, data, was) {
    if (!this.isOpen) {
      return Promise.reject(new Refusal("there is no connection", "ECLOSED"));
    }
    const id = String(++this.#last);
    this.#socket.send(JSON.stringify({ type, id, data, was }));
    return new Promise((done, fail) => this.#waiting.set(id, { done, fail }));
  }

  #open() {
    this.#handlers.changed("connecting");
    this.#socket = new WebSocket(this.#url);
    this.#socket.onopen = () => {
      this.#attempt = 0;
      this.#handlers.changed("online");
    };
    this.#socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    this.#socket.onclose = () => this.#lost();
  }

  #receive({ type, id, data, code, message }) {
    if (type.startsWith("push-")) {
      this.#handlers.pushed(type.slice(5), data);
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (type === "error") {
      waiting?.fail(new Refusal(message, code, data));
    } else {
      waiting?.done(data);
    }
  }

  #lost() {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#handlers.changed("offline");
    waiting.forEach(({ fail }) => fail(new Refusal("the connection is lost", "ECLOSED")));
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#attempt++);
    setTimeout(() => this.#open(), wait * (1 - Math.random() / 2));
  }
}
