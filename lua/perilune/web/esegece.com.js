/*
 * esegece.com.js - the sgc protocol for pages: publish and subscribe, calls, messages. Served at
 * /esegece.com.js; /sgcWebSockets.js goes before it.
 *
 *   <script src="/sgcWebSockets.js"></script>
 *   <script src="/esegece.com.js"></script>
 *   <script>
 *     var socket = new SGCWS("ws://127.0.0.1:8080");
 *     socket.on("open", function () { socket.subscribe("news"); });
 *     socket.on("sgcevent", function (event) { console.log(event.channel, event.message); });
 *   </script>
 *
 * SGCWS and sgcws are one class. SGCWS(url, name, transport), or SGCWS({ host, user, password, name,
 * transport }): url, host, user, password and transport as of sgcWebSocket; `name` goes before the
 * subprotocol, "NAME.esegece.com". It connects at once. Methods:
 *
 *   on(name, f)                       as of sgcWebSocket
 *   send(text)                        to the server's OnMessage
 *   publish(text, channel)            to who is subscribed; keeps the order of the calls
 *   broadcast(text[, channel])        to everybody
 *   subscribe(channel), unsubscribe(channel)
 *   rpc(id, method, params), notify(method[, params]), request(method)
 *   getsession()                      asks for the guid of the connection
 *   starttransaction([channel]), commit([channel]), rollback([channel])
 *   qoslevel0(), qoslevel1(), qoslevel2()         of what is sent from now on, with an id
 *   queuelevel0(), queuelevel1(), queuelevel2()   of what is published from now on
 *   open(), close(code, reason), state()          as of sgcWebSocket
 *
 * Those that send something with an id return it. Events besides open, close and error:
 *
 *   sgcevent           { channel, message }   published
 *   sgcmessage         { message }            from the server, or broadcast
 *   sgcsubscribe       { channel }            it is done
 *   sgcunsubscribe     { channel }
 *   sgcsession         { guid }
 *   sgcacknowledgment  { id }                 the server has the message (levels 1 and 2)
 *   sgcpubrec          { id }                 level 2: answered by itself
 *   sgcrpcresult       { result, id }
 *   sgcrpcerror        { code, message, data, id }
 */
(function (global) {
  "use strict";

  const PROTOCOL = "esegece.com";

  function readOptions(url, name, transport) {
    const isObject = url !== null && typeof url === "object" && !(url instanceof URL);
    const from = isObject ? url : { host: url, name, transport };
    return {
      host: from.host,
      user: from.user,
      password: from.password,
      transport: from.transport,
      subprotocol: from.name ? `${from.name}.${PROTOCOL}` : PROTOCOL,
    };
  }

  function sgcws(url, name, transport) {
    if (!(this instanceof sgcws)) {
      return new sgcws(url, name, transport);
    }
    this._handlers = {};
    this._qos = undefined;
    this._queue = undefined;
    this._socket = new global.sgcWebSocket(readOptions(url, name, transport));
    ["open", "close", "error"].forEach((event) => {
      this._socket.on(event, (data) => this._emit(event, data));
    });
    this._socket.on("message", (event) => this._receive(event.message));
  }

  /** What a result says, by its method: the name of the event, and what it carries. */
  const RESULTS = {
    "sgc@subscribe": ({ channel }) => ["sgcsubscribe", { channel }],
    "sgc@unsubscribe": ({ channel }) => ["sgcunsubscribe", { channel }],
    "sgc@event": ({ channel, message }) => ["sgcevent", { channel, message }],
    "sgc@message": ({ message }) => ["sgcmessage", { message }],
    "sgc@session": ({ message }) => ["sgcsession", { guid: message }],
    "sgc@acknowledgment": (result, id) => ["sgcacknowledgment", { id }],
    "sgc@pubrec": (result, id) => ["sgcpubrec", { id }],
  };

  sgcws.prototype = {
    constructor: sgcws,

    on(name, handler) {
      this._handlers[name] = handler;
      return this;
    },

    state() {
      return this._socket.state();
    },

    open() {
      this._socket.open();
    },

    close(code, reason) {
      this._socket.close(code, reason);
    },

    send(text) {
      return this._call("sgc@message", { message: text }, true);
    },

    publish(text, channel) {
      return this._call("sgc@publish", { channel, message: text, queue: this._queue }, true);
    },

    broadcast(text, channel) {
      this._call("sgc@broadcast", { channel: channel || "", message: text });
    },

    subscribe(channel) {
      return this._call("sgc@subscribe", { channel, message: "" }, true);
    },

    unsubscribe(channel) {
      return this._call("sgc@unsubscribe", { channel, message: "" }, true);
    },

    rpc(id, method, params) {
      this._send({ method, params, id });
      return id;
    },

    notify(method, params) {
      this._send({ method, params });
    },

    request(method) {
      this._send({ method });
    },

    getsession() {
      this.request("sgc@session");
    },

    starttransaction(channel) {
      this._call("sgc@transaction", { channel: channel || "", message: "" });
    },

    commit(channel) {
      this._call("sgc@commit", { channel: channel || "", message: "" });
    },

    rollback(channel) {
      this._call("sgc@rollback", { channel: channel || "", message: "" });
    },

    pubrel(id) {
      this._send({ method: "sgc@pubrel", params: { channel: "", message: "" }, id });
    },

    /** With an id, which it returns, and which asks for what the level of service is. */
    _call(method, params, identified) {
      const id = identified ? global.GUID() : undefined;
      const qos = identified ? this._qos : undefined;
      this._send({ method, params: { ...params, qos }, id });
      return id;
    },

    _send(message) {
      this._socket.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
    },

    _emit(name, event) {
      const handler = this._handlers[name];
      if (typeof handler === "function") {
        handler.call(this, { name, ...event });
      }
    },

    _receive(text) {
      let message;
      try {
        message = JSON.parse(text);
      } catch {
        this._emit("error", { message: "the server speaks another protocol" });
        return;
      }
      const { result, error, id } = message || {};
      if (error) {
        this._emit("sgcrpcerror", { ...error, id });
      } else if (result !== undefined) {
        this._result(result, id);
      }
    },

    _result(result, id) {
      const known = result && Object.hasOwn(RESULTS, result.method) && RESULTS[result.method];
      const [name, event] = known ? known(result, id) : ["sgcrpcresult", { result, id }];
      this._emit(name, event);
      if (name === "sgcpubrec") {
        this.pubrel(id);
      }
    },
  };

  [0, 1, 2].forEach((level) => {
    sgcws.prototype[`qoslevel${level}`] = function () {
      this._qos = level > 0 ? `qosLevel${level}` : undefined;
    };
    sgcws.prototype[`queuelevel${level}`] = function () {
      this._queue = level > 0 ? `queueLevel${level}` : undefined;
    };
  });

  global.sgcws = sgcws;
  global.SGCWS = sgcws;
})(globalThis);
