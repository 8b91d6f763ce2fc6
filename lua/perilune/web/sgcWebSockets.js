/*
 * sgcWebSockets.js - a WebSocket with one object, for pages. Served at /sgcWebSockets.js.
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
 *                 from the page; "/path" is on the page's own server. Default "127.0.0.1".
 *   protocol      the subprotocol to ask for, or an array of them; "" for none
 *   transport     "websocket", or an array with it. Server-Sent Events ("sse") are not served by
 *                 this version: who asks for nothing else gets an error event that says so.
 *   user,         go into the address as /sgc/auth/url/USER/PASSWORD, percent-encoded, in the
 *   password      place of its path. An address ends up in logs: use wss: and HTTP
 *                 authentication where that matters.
 *
 * It connects at once. Methods:
 *
 *   on(name, f)   calls f(event) at that event; one function an event, a later one takes the
 *                 place of the earlier, null takes it away
 *   send(data)    text, ArrayBuffer, typed array or Blob; kept until open when it is connecting.
 *                 True, or false after an error event when there is no connection
 *   sendbin(data) the same; text too goes as a binary message
 *   close(code, reason)   code 1000 or 3000 to 4999, reason at most 123 bytes; both optional
 *   open()        connects again
 *   state()       "connecting", "open", "closing", "closed"; undefined if there never was a socket
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

  /** Why none of the transports can be had; null if one can. */
  function refusal(transports) {
    if (transports.includes("websocket")) {
      return typeof global.WebSocket === "function" ? null : "there is no WebSocket here";
    }
    if (transports.includes("sse")) {
      return "transport 'sse' (Server-Sent Events) is not served by this version: use 'websocket'";
    }
    return `unknown transport '${transports.join("', '")}': use 'websocket'`;
  }

  // The address

  function absolute(host) {
    const page = global.location;
    const scheme = page && page.protocol === "https:" ? "wss" : "ws";
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(host)) {
      return new URL(host.replace(/^http/i, "ws"));
    }
    if (/^[/?]/.test(host) && page && page.host) {
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

  function addressOf({ host, user, password }) {
    const url = absolute(host);
    if (user !== "") {
      url.pathname = `/sgc/auth/url/${pathPart(user)}/${pathPart(password)}`;
    }
    url.hash = "";
    return url;
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
    this._reopen = false; // open() was called while closing
    this._binaryType = "blob";
    this.open();
  }

  sgcWebSocket.prototype = {
    constructor: sgcWebSocket,

    on(name, handler) {
      this._handlers[name] = handler;
      return this;
    },

    state() {
      return this._socket && STATES[this._socket.readyState];
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
      const problem = refusal(this._options.transports);
      if (problem) {
        this._fail(problem);
        return;
      }
      try {
        const address = addressOf(this._options);
        this._socket = new WebSocket(address.href, this._options.protocols);
        this._listen(this._socket, address);
      } catch (error) {
        this._fail(error.message);
      }
    },

    _listen(socket, address) {
      socket.binaryType = this._binaryType;
      socket.onopen = () => {
        this._queue.splice(0).forEach((data) => socket.send(data));
        this._emit("open", { message: "" });
      };
      socket.onmessage = (event) => this._receive(event.data);
      socket.onerror = () => {
        // A browser tells no reason, and the path of the address may hold a password.
        this._emit("error", { message: `the connection to ${address.host} failed` });
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

  /** The text back; throws when it is no Base64. */
  function sgcDecodeB64(encoded) {
    return utf8(Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0)));
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
