/** A WebSocket that sends files in pieces: never further ahead of the server than WINDOW bytes. */
const PIECE = 256 * 1024;
const WINDOW = 4 * 1024 * 1024;

export class Sender {
  #socket = null;
  #delay = 500;
  #present = null; // { file, got, wake, done, fail }

  /** on: changed(), progress(name, done, all), state("online", "connecting", "offline"). */
  constructor(url, on) {
    this.url = new URL(url);
    this.url.protocol = this.url.protocol.replace("http", "ws");
    this.on = on;
  }

  get online() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  open() {
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    this.on.state("connecting");
    socket.addEventListener("open", () => {
      this.#delay = 500;
      this.on.state("online");
      this.on.changed();
    });
    socket.addEventListener("message", ({ data }) => this.#hear(String(data)));
    socket.addEventListener("close", () => {
      this.#fail("the connection was lost");
      this.on.state("offline");
      setTimeout(() => this.open(), this.#delay);
      this.#delay = Math.min(this.#delay * 2, 30000);
    });
  }

  #hear(text) {
    const [, word, rest] = /^(\w+):(.*)$/s.exec(text) ?? [];
    if (word === "fileschanged") {
      this.on.changed();
    } else if (word === "received" && this.#present) {
      this.#present.got = Number(rest);
      this.on.progress(this.#present.file.name, this.#present.got, this.#present.file.size);
      this.#present.wake?.();
    } else if (word === "uploaded" && this.#present) {
      const { done } = this.#present;
      this.#present = null;
      done(rest);
    } else if (word === "uploadfailed") {
      this.#fail(rest);
    }
  }

  #fail(why) {
    const present = this.#present;
    this.#present = null;
    present?.fail(new Error(why));
    present?.wake?.();
  }

  cancel() {
    if (this.online) {
      this.#socket.send("uploadcancel:");
    }
    this.#fail("stopped");
  }

  /** Its name on the server. */
  send(file) {
    const result = new Promise((done, fail) => (this.#present = { file, got: 0, done, fail }));
    this.#pump(this.#present).catch((error) => {
      if (this.online) {
        this.#socket.send("uploadcancel:"); // it has a part of what cannot be read
      }
      this.#fail(error.message);
    });
    return result;
  }

  async #pump(present) {
    const { file } = present;
    const socket = this.#socket;
    if (!this.online) {
      throw new Error("there is no connection");
    }
    socket.send(`uploadfile:${file.name}`);
    socket.send(`uploadsize:${file.size}`);
    for (let at = 0; at < file.size; at += PIECE) {
      const bytes = await file.slice(at, at + PIECE).arrayBuffer();
      while (this.#present === present && at - present.got >= WINDOW) {
        await new Promise((wake) => (present.wake = wake));
      }
      if (this.#present !== present) {
        return;
      }
      socket.send(bytes);
    }
  }
}
