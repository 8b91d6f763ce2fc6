/**
 * A WebSocket that comes back by itself.
 *
 * It is open once the application calls ready(), which it does when the server has let it in;
 * until then a deadline runs. After a failure it waits 0.5 s, 1 s, 2 s … at most 30 s, each time
 * shortened by a random part of a half, so that a thousand pages do not return in one moment.
 */

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
const DEADLINE = 10_000;

export function backoff(attempt, random = Math.random()) {
  const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt);
  return Math.round(wait * (1 - random / 2));
}

export class Connection {
  #url;
  #handlers;
  #socket = null;
  #timer = 0;
  #attempt = 0;
  #state = "closed";

  /**
   * @param {string} url
   * @param {object} handlers opened(); received(message), an object; changed(state, wait) with
   *   the state "connecting", "open" or "waiting" and the milliseconds until the next attempt.
   */
  constructor(url, handlers) {
    this.#url = url;
    this.#handlers = handlers;
  }

  get state() {
    return this.#state;
  }

  /** Connects anew; an earlier socket is dropped. */
  open() {
    this.#drop();
    const socket = new WebSocket(this.#url);
    socket.onopen = () => this.#handlers.opened();
    socket.onmessage = (event) => this.#handlers.received(JSON.parse(event.data));
    socket.onclose = () => this.retry();
    this.#socket = socket;
    this.#timer = setTimeout(() => this.retry(), DEADLINE);
    this.#change("connecting");
  }

  /** The server has let us in. */
  ready() {
    clearTimeout(this.#timer);
    this.#attempt = 0;
    this.#change("open");
  }

  /** Gives the socket up and connects again after a while. */
  retry() {
    this.#drop();
    const wait = backoff(this.#attempt++);
    this.#timer = setTimeout(() => this.open(), wait);
    this.#change("waiting", wait);
  }

  send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  #change(state, wait) {
    this.#state = state;
    this.#handlers.changed(state, wait);
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.#socket = null;
  }
}
