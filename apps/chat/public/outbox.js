/**
 * Messages that the server has not confirmed yet.
 *
 * Each has an id made here, which comes back with the message. A message stays until its id is
 * seen, in the conversation or in the history, and goes out again after every reconnect; whoever
 * shows a message shows its id only once. So it arrives, and once, whenever the connection broke.
 */
import { browser, tab } from "./store.js";
import { wellFormed } from "./text.js";

const REMEMBERED = 200;

/** crypto.randomUUID is missing on plain http:// to another machine. */
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

export class Outbox {
  #waiting = tab.read("outbox", []);
  #mine = new Set(browser.read("sent", []));

  add(room, text) {
    const message = { id: newId(), room, text: wellFormed(text) };
    this.#mine.add(message.id);
    // Other tabs write here too.
    const sent = browser.read("sent", []);
    browser.write("sent", [...sent, message.id].slice(-REMEMBERED));
    this.#keep([...this.#waiting, message]);
    return message;
  }

  /** The messages that wait in a room, oldest first. */
  of(room) {
    return this.#waiting.filter((message) => message.room === room);
  }

  /** Takes a message out. True if it was there. */
  remove(id) {
    const rest = this.#waiting.filter((message) => message.id !== id);
    const found = rest.length < this.#waiting.length;
    if (found) {
      this.#keep(rest);
    }
    return found;
  }

  /** Did this browser send it? */
  isMine(id) {
    return this.#mine.has(id);
  }

  #keep(messages) {
    this.#waiting = messages;
    tab.write("outbox", messages);
  }
}
