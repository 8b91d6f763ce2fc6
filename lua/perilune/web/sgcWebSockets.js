/*
 * sgcWebSockets.js - a WebSocket with one object, for pages; where there is none, or it is blocked,
 * an event stream and requests (Server-Sent Events). Served at /sgcWebSockets.js.
 *
 *   <script src="/sgcWebSockets.js"></script>
 *   <script>
 *     var socket = new sgcWebSocket("ws://127.0.0.1:8080");
 *     socket.on("message", function (event) { console.log(event.message); });
 *     socket.send("Hello");
 *   </script>
 *
 * sgcWebSocket(url, protocol, transport), or one object
 * sgcWebSocket({ host, user, password, subprotocol, transport }); `new` may be left out.
 *
 *   url, host     "ws://host:8080/path"; also wss:, http:, https:; "host:8080" takes ws: or wss:
 *                 from the page; "/path" is on the page's own server, and with the transport "sse"
 *                 alone so is "path". Default "127.0.0.1".
 *   protocol      the subprotocol to ask for, or an array of them; "" for none
 *   transport     "websocket", "sse", or an array of them, which are tried in its order. Default:
 *                 both
 *   user,         go into the address as /sgc/auth/url/USER/PASSWORD, percent-encoded, in the
 *   password      place of its path. An address ends up in logs: use wss: and HTTP
 *                 authentication where that matters.
 *
 * It connects at once. Methods:
 *
 *   on(name, f)   calls f(event) at that event; one function an event, a later one takes the
 *                 place of the earlier, null takes it away. Other names than those below are types
 *                 of events of an event stream; a WebSocket has no types, all is "message" there
 *   send(data)    text, ArrayBuffer, typed array or Blob; kept until open when it is connecting.
 *                 True, or false after an error event when there is no connection
 *   sendbin(data) the same; text too goes as a binary message
 *   close(code, reason)   code 1000 or 3000 to 4999, reason at most 123 bytes; both optional. The
 *                 server of an event stream hears neither
 *   open()        connects again
 *   state()       "connecting", "open", "closing", "closed"; undefined if there never was a socket
 *   transport()   "websocket" or "sse": what carries it, or is being tried; undefined as above
 *   binaryType    "blob" (default) or "arraybuffer": what stream events carry
 *
 * Events:
 *
 *   open     { name: "onopen", message: "" }
 *   message  { name: "onmessage", message }         a text message
 *   stream   { name: "onstream", stream }           a binary message
 *   error    { name: "onerror", message }
 *   close    { name: "onclose", message: "", code, reason, clean }
 *
 * An event stream that breaks comes back by itself: an error event, "connecting", and an open event
 * when it is there. What is sent meanwhile is kept.
 *
 * Functions beside it: sgcWSStreamRead, sgcWSStreamWrite, sgcStreamToString, sgcEncodeB64,
 * sgcDecodeB64, GUID; and the switch sgcEncodeBase64. Each says below what it does.
 */
(function (global) {
  "use strict";

  const DEFAULT_HOST = "127.0.0.1";
  const BASE64_MARK = "sgc@b64:";
  const SIZE_DIGITS = 10;
  const LONGEST_ID = 10;
  const STATES = ["connecting", "open", "closing", "closed"];
  const [CONNECTING, OPEN, CLOSING, CLOSED] = STATES.keys();
  const EVENTS = ["open", "message", "stream", "error", "close"];
  const TRANSPORTS = { websocket: "WebSocket", sse: "EventSource" };
  const PATIENCE = 10_000; // ms for a transport while there is another to be tried

  // Set it to true, and texts go out as Base64 behind a mark, for peers that want them so. Marked
  // texts that come in are always decoded.
  global.sgcEncodeBase64 = false;

  // Options

  function textOf(value) {
    return value === undefined || value === null ? "" : String(value);
  }

  function readOptions(url, protocol, transport) {
    const isObject = url !== null && typeof url === "object" && !(url instanceof URL);
    const from = isObject ? url : { host: url, subprotocol: protocol, transport };
    return {
      host: textOf(from.host) || DEFAULT_HOST,
      user: textOf(from.user),
      password: textOf(from.password),
      protocols: [].concat(from.subprotocol || []).filter(Boolean),
      transports: [].concat(from.transport || ["websocket", "sse"]),
    };
  }

  /** Those of the transports that this browser has; throws if there is none. */
  function available(transports) {
    const unknown = transports.find((name) => !Object.hasOwn(TRANSPORTS, name));
    const found = transports.filter((name) => typeof global[TRANSPORTS[name]] === "function");
    if (unknown !== undefined) {
      throw new TypeError(`unknown transport '${unknown}': use 'websocket' or 'sse'`);
    }
    if (found.length === 0) {
      throw new TypeError(`there is no ${transports.map((name) => TRANSPORTS[name])} here`);
    }
    return found;
  }

  // The address

  /** "clock" or "news/today", as of an EventSource; not "localhost:8080", nor an address. */
  function isRelative(host) {
    return !/^(\[[^\]]*\]|localhost|\d+(\.\d+){3}|[^/?#:]+(?=:\d))(:\d+)?([/?#]|$)/i.test(host);
  }

  function absolute(host, transports) {
    const page = global.location;
    const scheme = page && page.protocol === "https:" ? "wss" : "ws";
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(host)) {
      return new URL(host.replace(/^http/i, "ws"));
    }
    if (/^[/?]/.test(host) && page && page.host) {
      return new URL(host, `${scheme}://${page.host}${page.pathname}`);
    }
    if (!transports.includes("websocket") && page && page.host && isRelative(host)) {
      return new URL(host, `${scheme}://${page.host}${page.pathname}`);
    }
    return new URL(`${scheme}://${host}`);
  }

  function pathPart(text) {
    if (text === "." || text === "..") {
      throw new SyntaxError(`'${text}' cannot be a part of an address`);
    }
    return encodeURIComponent(text);
  }

  function addressOf({ host, user, password, transports }) {
    const url = absolute(host, transports);
    if (user !== "") {
      url.pathname = `/sgc/auth/url/${pathPart(user)}/${pathPart(password)}`;
    }
    url.hash = "";
    return url;
  }

  // An event stream with the face of a WebSocket. The first message of the stream is a token, with
  // which messages go the other way: POST /sgc/xhr/TOKEN, one after the other.

  const RETRIES = 5; // when the browser has given a stream up that was there before
  const MISSES = 3; // 404 in a row, then a message is given up
  const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

  /** Of the browser: an event that the server calls "open" or "error" is none. */
  const isOwn = (event) => !(event instanceof MessageEvent);

  class EventSocket {
    constructor(address, protocols, types) {
      this._url = new URL(address.href.replace(/^ws/, "http"));
      this._url.searchParams.append("sgc_transport", "sse");
      protocols.forEach((name) => this._url.searchParams.append("sgc_protocol", name));
      this._types = types;
      this._queue = []; // to be sent
      this._sending = false;
      this._token = undefined;
      this._was = false; // open, once
      this._failures = 0; // since it was
      this._misses = 0;
      this.readyState = CONNECTING;
      this.binaryType = "blob";
      this._start();
    }

    send(data) {
      this._queue.push(data);
      this._post();
    }

    close(code, reason = "") {
      if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
        throw new DOMException(`${code} is no code to close with`, "InvalidAccessError");
      }
      if (new TextEncoder().encode(reason).length > 123) {
        throw new DOMException("the reason has more than 123 bytes", "SyntaxError");
      }
      if (this.readyState < CLOSING) {
        const ends = this.readyState === CONNECTING;
        this.readyState = CLOSING;
        this._last = ends ? [1006, "", false] : [code ?? 1005, reason, true];
        if (ends || !this._sending) {
          this._end();
        }
      }
    }

    /** Adds a type of events that are heard. */
    listen(type) {
      this._types.push(type);
      this._hear(this._source, type);
    }

    _start() {
      const source = new EventSource(this._url);
      this._source = source;
      source.onopen = (event) => isOwn(event) && (this._token = undefined);
      source.onmessage = (event) => this._take(event.data);
      source.addEventListener("sgc@binary", (event) => {
        const bytes = bytesOfB64(event.data.slice(BASE64_MARK.length));
        this.onmessage({ data: this.binaryType === "blob" ? new Blob([bytes]) : bytes.buffer });
      });
      source.addEventListener("sgc@close", (event) => {
        const [, code, reason] = /^(\d+) ?(.*)$/s.exec(event.data) ?? ["", "1005", ""];
        this._last = [Number(code), reason, true];
        this._end();
      });
      source.onerror = (event) => isOwn(event) && this._lost();
      this._types.forEach((type) => this._hear(source, type));
    }

    _hear(source, type) {
      source.addEventListener(type, (event) => this.ontyped(type, event.data));
    }

    _take(data) {
      if (this._token !== undefined) {
        this.onmessage({ data });
        return;
      }
      this._token = data;
      this._failures = 0;
      if (this.readyState === CONNECTING) {
        this._was = true;
        this.readyState = OPEN;
        this.onopen();
      }
      this._post();
    }

    /** The browser comes back by itself, unless it has given up: after an answer but 200. */
    _lost() {
      const ended = this._source.readyState === EventSource.CLOSED;
      this._token = undefined;
      if (this.readyState === CLOSING || !this._was || (ended && this._failures === RETRIES)) {
        this._last = [1006, "", false];
        this.readyState = CLOSING;
        this.onerror();
        this._end();
        return;
      }
      if (this.readyState === OPEN) {
        this.readyState = CONNECTING;
        this.onerror();
      }
      if (ended) {
        this._failures++;
        this._again = setTimeout(() => this._start(), 2 ** this._failures * 1000);
      }
    }

    _end() {
      this._source.close();
      clearTimeout(this._again);
      this._token = undefined;
      this._queue = [];
      this.readyState = CLOSING;
      setTimeout(() => {
        const [code, reason, wasClean] = this._last;
        if (this.readyState !== CLOSED) {
          this.readyState = CLOSED;
          this.onclose({ code, reason, wasClean });
        }
      }, 0);
    }

    async _post() {
      if (this._sending) {
        return;
      }
      this._sending = true;
      while (this._queue.length > 0 && this._token !== undefined) {
        const seconds = await this._postOne(this._queue[0]);
        if (seconds === undefined) {
          this._queue.shift();
        } else {
          await wait(seconds);
        }
      }
      this._sending = false;
      if (this.readyState === CLOSING) {
        this._end();
      }
    }

    /** Seconds after which to try it again; undefined: it is done with. */
    async _postOne(data) {
      const type = typeof data === "string" ? "text/plain;charset=UTF-8" : "application/octet-stream";
      let answer;
      try {
        answer = await fetch(new URL(`/sgc/xhr/${this._token}`, this._url), {
          method: "POST",
          headers: { "Content-Type": type },
          body: data,
        });
      } catch (error) {
        this.onunsent(error.message);
        return undefined;
      }
      if (answer.status === 503) {
        return Number(answer.headers.get("Retry-After")) || 1;
      }
      if (answer.status === 404 && ++this._misses <= MISSES) {
        return 1; // the stream is lost, and will be back with another token
      }
      this._misses = 0;
      if (!answer.ok) {
        this.onunsent(`the server answers ${answer.status}`);
      }
      return undefined;
    }
  }

  // The class: a function, so that it works without `new` and for classes made from it

  function sgcWebSocket(url, protocol, transport) {
    if (!(this instanceof sgcWebSocket)) {
      return new sgcWebSocket(url, protocol, transport);
    }
    this._options = readOptions(url, protocol, transport);
    this._handlers = {};
    this._socket = undefined;
    this._queue = []; // sent while connecting
    this._transport = undefined;
    this._reopen = false; // open() was called while closing
    this._left = false; // close() was called
    this._binaryType = "blob";
    this.open();
  }

  sgcWebSocket.prototype = {
    constructor: sgcWebSocket,

    on(name, handler) {
      const isNew = !EVENTS.includes(name) && !Object.hasOwn(this._handlers, name);
      this._handlers[name] = handler;
      if (isNew && this._socket instanceof EventSocket) {
        this._socket.listen(name);
      }
      return this;
    },

    state() {
      return this._socket && STATES[this._socket.readyState];
    },

    transport() {
      return this._transport;
    },

    open() {
      const state = this.state();
      if (state === "closing") {
        this._reopen = true;
      } else if (state !== "connecting" && state !== "open") {
        this._connect();
      }
    },

    close(code, reason) {
      this._reopen = false;
      this._left = true;
      this._queue = [];
      try {
        if (this._socket && code === undefined) {
          this._socket.close();
        } else if (this._socket) {
          this._socket.close(code, textOf(reason));
        }
      } catch (error) {
        this._fail(error.message);
      }
    },

    send(data) {
      const encode = typeof data === "string" && global.sgcEncodeBase64;
      return this._send(encode ? BASE64_MARK + sgcEncodeB64(data) : data);
    },

    sendbin(data) {
      return this._send(typeof data === "string" ? new TextEncoder().encode(data) : data);
    },

    get binaryType() {
      return this._binaryType;
    },

    set binaryType(type) {
      if (type === "blob" || type === "arraybuffer") {
        this._binaryType = type;
        if (this._socket) {
          this._socket.binaryType = type;
        }
      }
    },

    _send(data) {
      const state = this.state();
      if (state === "open") {
        this._socket.send(data);
        return true;
      }
      if (state === "connecting" || this._reopen) {
        this._queue.push(data);
        return true;
      }
      this._fail(`not sent: the connection is ${state || "not open"}`);
      return false;
    },

    _emit(name, event) {
      const handler = this._handlers[name];
      if (typeof handler === "function") {
        handler.call(this, { name: `on${name}`, ...event });
      }
    },

    /** Later, so that a handler that is set after the call that failed still hears of it. */
    _fail(message) {
      setTimeout(() => this._emit("error", { message }), 0);
    },

    _connect() {
      this._left = false;
      try {
        this._try(addressOf(this._options), available(this._options.transports));
      } catch (error) {
        this._fail(error.message);
      }
    },

    /** The first of these; if it does not open, the others. */
    _try(address, [transport, ...others]) {
      let socket;
      try {
        socket = this._make(transport, address);
      } catch (error) {
        if (others.length === 0 || error.name === "SyntaxError") {
          throw error;
        }
        this._try(address, others); // a page of https: must not open ws:
        return;
      }
      this._transport = transport;
      this._socket = socket;
      this._listen(socket, address);
      if (others.length > 0) {
        this._watch(socket, () => this._try(address, others));
      }
    },

    _make(transport, address) {
      const { protocols } = this._options;
      if (transport === "websocket") {
        return new WebSocket(address.href, protocols);
      }
      const types = Object.keys(this._handlers).filter((name) => !EVENTS.includes(name));
      return new EventSocket(address, protocols, types);
    },

    /** Until it is open, its end is the beginning of the next one. */
    _watch(socket, next) {
      const { onopen, onerror, onclose } = socket;
      const late = setTimeout(() => socket.onclose(), PATIENCE);
      const settle = () => {
        clearTimeout(late);
        Object.assign(socket, { onopen, onerror, onclose });
      };
      socket.onerror = null;
      socket.onopen = () => {
        settle();
        socket.onopen();
      };
      socket.onclose = (event) => {
        settle();
        if (this._left || this._socket !== socket) {
          socket.onclose(event);
          return;
        }
        Object.assign(socket, { onopen: null, onerror: null, onclose: null });
        socket.close();
        try {
          next();
        } catch (error) {
          this._fail(error.message);
        }
      };
    },

    _listen(socket, address) {
      socket.binaryType = this._binaryType;
      socket.onopen = () => {
        this._queue.splice(0).forEach((data) => socket.send(data));
        this._emit("open", { message: "" });
      };
      socket.onmessage = (event) => this._receive(event.data);
      socket.ontyped = (type, data) => this._emit(type, { message: unmarked(data) });
      socket.onunsent = (why) => this._fail(`a message was not sent: ${why}`);
      socket.onerror = () => {
        // A browser tells no reason, and the path of the address may hold a password.
        const again = socket instanceof EventSocket && socket.readyState === CONNECTING;
        const what = again ? "was lost, and is opened again" : "failed";
        this._emit("error", { message: `the connection to ${address.host} ${what}` });
      };
      socket.onclose = ({ code, reason, wasClean }) => {
        if (this._reopen) {
          this._reopen = false;
          this._connect();
        } else {
          this._queue = [];
        }
        this._emit("close", { message: "", code, reason, clean: wasClean });
      };
    },

    _receive(data) {
      if (typeof data === "string") {
        this._emit("message", { message: unmarked(data) });
      } else {
        this._emit("stream", { stream: data });
      }
    },
  };

  function unmarked(text) {
    if (!text.startsWith(BASE64_MARK)) {
      return text;
    }
    try {
      return sgcDecodeB64(text.slice(BASE64_MARK.length));
    } catch {
      return text; // marked, but no Base64: a text like another
    }
  }

  // Binary messages with a header: ten ASCII characters, the decimal length of the header in
  // bytes; the header, UTF-8; the payload.

  const utf8 = (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

  const isBlob = (data) => typeof Blob === "function" && data instanceof Blob;

  function bytesOf(data) {
    if (ArrayBuffer.isView(data)) {
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    }
    return new Uint8Array(data);
  }

  /** Where the header of a message of `size` bytes ends; -1 if its first ten do not say so. */
  function headerEnd(first, size) {
    const digits = /^\s*(\d+)/.exec(String.fromCharCode(...first));
    const end = digits ? SIZE_DIGITS + Number(digits[1]) : -1;
    return first.length === SIZE_DIGITS && end <= size ? end : -1;
  }

  function readBytes(stream) {
    const bytes = bytesOf(stream);
    const end = headerEnd(bytes.subarray(0, SIZE_DIGITS), bytes.length);
    if (end < 0) {
      return { header: null, stream };
    }
    return { header: utf8(bytes.subarray(SIZE_DIGITS, end)), stream: bytes.slice(end).buffer };
  }

  async function readBlob(stream) {
    const first = bytesOf(await stream.slice(0, SIZE_DIGITS).arrayBuffer());
    const end = headerEnd(first, stream.size);
    if (end < 0) {
      return { header: null, stream };
    }
    const header = utf8(await stream.slice(SIZE_DIGITS, end).arrayBuffer());
    return { header, stream: stream.slice(end, stream.size, stream.type) };
  }

  let lastRead = Promise.resolve();

  /**
   * Splits what a stream event carries, a Blob or an ArrayBuffer, and calls
   * callback(header, stream) with the text and the rest, which is of the same type; with null and
   * all of it when it has no valid header. An ArrayBuffer is read at once. Of Blobs the callbacks
   * come later, in the order of the calls.
   */
  function sgcWSStreamRead(stream, callback) {
    if (!isBlob(stream)) {
      const read = readBytes(stream);
      callback(read.header, read.stream);
      return;
    }
    const reading = readBlob(stream).catch(() => ({ header: null, stream }));
    lastRead = lastRead.then(async () => {
      const read = await reading;
      try {
        callback(read.header, read.stream);
      } catch (error) {
        global.reportError(error);
      }
    });
  }

  /**
   * The other way: a header of at most 10 characters before a Blob, ArrayBuffer, typed array or
   * text. Gives a Blob for a Blob, else an ArrayBuffer; send() takes both.
   */
  function sgcWSStreamWrite(header, stream) {
    if (Array.from(header).length > LONGEST_ID) {
      throw new RangeError(`the header has more than ${LONGEST_ID} characters`);
    }
    const encoder = new TextEncoder();
    const name = encoder.encode(header);
    const head = encoder.encode(String(name.length).padStart(SIZE_DIGITS, "0") + header);
    if (isBlob(stream)) {
      return new Blob([head, stream], { type: stream.type });
    }
    const payload = typeof stream === "string" ? encoder.encode(stream) : bytesOf(stream);
    const bytes = new Uint8Array(head.length + payload.length);
    bytes.set(head);
    bytes.set(payload, head.length);
    return bytes.buffer;
  }

  /** A Blob or an ArrayBuffer as text (UTF-8): calls callback(text), if given; gives a promise. */
  async function sgcStreamToString(stream, callback) {
    const text = utf8(isBlob(stream) ? await stream.arrayBuffer() : bytesOf(stream));
    if (callback) {
      callback(text);
    }
    return text;
  }

  // Helpers

  /** The Base64 of a text's UTF-8. */
  function sgcEncodeB64(text) {
    return btoa(Array.from(new TextEncoder().encode(text), (b) => String.fromCharCode(b)).join(""));
  }

  function bytesOfB64(encoded) {
    return Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
  }

  /** The text back; throws when it is no Base64. */
  function sgcDecodeB64(encoded) {
    return utf8(bytesOfB64(encoded));
  }

  /** A random identifier (UUID, version 4); also on plain http:, where randomUUID is missing. */
  function GUID() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  Object.assign(global, {
    sgcWebSocket,
    sgcWSStreamRead,
    sgcWSStreamWrite,
    sgcStreamToString,
    sgcEncodeB64,
    sgcDecodeB64,
    GUID,
  });
})(globalThis);
