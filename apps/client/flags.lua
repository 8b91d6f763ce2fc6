--- The command line.
local args = require "perilune.args"

local VERSIONS = { "1.0", "1.1", "1.2", "1.3" }
local LARGEST = 2 ^ 30
local DAY = 86400

local function flag(name, type, rest)
  rest[1], rest.type = name, type
  return rest
end

local function switch(name, help, short)
  return flag(name, "boolean", { help = help, short = short })
end

local function text(name, value, help, short)
  return flag(name, "string", { value = value, help = help, short = short })
end

local function list(name, value, help, short)
  return flag(name, "string", { value = value, help = help, short = short, many = true })
end

local function path(name, help, short)
  return flag(name, "path", { value = "FILE", help = help, short = short })
end

local function seconds(name, help, default, min)
  local rest = { value = "SECONDS", help = help, default = default, min = min or 0.01, max = DAY }
  return flag(name, "number", rest)
end

local function integer(name, value, help, min, max, default)
  local rest = { value = value, help = help, min = min, max = max, default = default }
  return flag(name, "integer", rest)
end

local function with(entry, name, value)
  entry[name] = value
  return entry
end

local function parse()
  return args.parse {
    name = "client",
    summary = "Talks to a WebSocket or TCP server from the terminal.",
    { "url", positional = true, required = true, help = "ws://, wss://, tcp:// or tls://" },

    list("server", "URL", "Another one, tried when the first fails"),
    list("header", "'NAME: VALUE'", "Header of the handshake", "H"),
    list("protocol", "NAME", "Subprotocol", "p"),
    text("origin", "ORIGIN", "Origin of the page that we stand for."),
    text("user", "NAME[:PASSWORD]", "A password that is missing is asked for.", "u"),
    with(text("auth", "KIND", "How --user is told"), "values", { "basic", "session", "url" }),
    text("token", "TOKEN", "Bearer token; @FILE takes it from there, - asks for it."),
    switch("deflate", "Offer permessage-deflate."),

    switch("insecure", "Take any certificate of anybody.", "k"),
    path("ca", "Authorities in place of the system's: PEM, or a folder."),
    path("crl", "Revocation lists."),
    path("cert", "Our certificate: PEM or P12."),
    path("key", "Its key; default: in --cert."),
    text("key-password", "PASSWORD", "Of the key or the P12 file; - asks for it."),
    text("server-name", "NAME", "Asked for and verified in place of the URL's host."),
    with(text("tls-min", "VERSION", "Oldest version of TLS"), "values", VERSIONS),
    with(text("tls-max", "VERSION", "Newest version of TLS"), "values", VERSIONS),
    text("ciphers", "NAMES", "Of TLS 1.2 and 1.3, separated by colons."),
    list("alpn", "NAME", "Protocol that TLS offers"),

    text("proxy", "URL", "http, https, socks4, socks4a, socks5; or the word environment.", "x"),
    seconds("connect-timeout", "For all of an attempt", 10),
    integer("redirects", "N", "Followed at most", 0, 100, 5),
    text("bind", "IP", "Our address."),
    text("bind-ports", "FIRST-LAST", "Our port."),
    switch("guard", "Connect to public addresses only."),
    switch("reset", "Reset the connection at the end, and leave no TIME_WAIT."),
    integer("read-rate", "BITS", "Per second, taken at most", 1000, 1e12),
    integer("write-rate", "BITS", "Per second, sent at most", 1000, 1e12),
    seconds("keepalive", "TCP keep-alive after so long.", nil, 1),
    seconds("heartbeat", "Ping after so long a silence; 0: never", 25, 0),
    seconds("heartbeat-timeout", "For the answer; 0: for ever", 25, 0),
    seconds("reconnect", "Connect again after so long."),
    integer("attempts", "N", "To reconnect, in a row; 0: without end", 0, 1000000, 0),
    with(seconds("factor", "By which --reconnect grows from one to the next", 1, 1), "value", "X"),
    seconds("max-interval", "Up to which --reconnect grows", 300),
    switch("jitter", "Reconnect after a random part of the time."),
    integer("message-limit", "BYTES", "The largest message that is taken", 1, LARGEST),
    text("end-of-frame", "BYTES", "Of TCP: what ends a message, such as '\\n' or '\\x00'."),

    switch("strip", "Take that away from the messages."),

    list("message", "TEXT", "Send this in place of the input", "m"),
    path("file", "Send a file in place of the input, as a binary message.", "f"),
    integer("chunk", "BYTES", "Send --file in messages of that size", 1, LARGEST),
    switch("whole", "Send the input as one message, not by lines.", "w"),
    switch("binary", "Send binary messages.", "b"),
    integer("fragment", "BYTES", "Send in fragments of that size", 1, LARGEST),
    seconds("ping", "Ping so often, and say how long the answer took."),
    switch("no-input", "Send nothing of the input."),

    with(integer("count", "N", "End after so many messages", 1), "short", "n"),
    with(seconds("timeout", "End after so long, with code 6"), "short", "t"),
    seconds("wait", "After the input's end, until nothing came for so long", 1, 0),
    integer("close", "CODE", "That we close with", 1000, 4999, 1000),

    switch("verbose", "Show the handshake, what is sent, and times.", "v"),
    switch("quiet", "Show messages, and errors, alone.", "q"),
    switch("json", "One JSON object a line."),
    switch("hex", "Show binary messages in hexadecimal."),
    switch("frames", "Show fragments as they come."),
    path("output", "Write messages there, as they are.", "o"),
    switch("progress", "Say how far a transfer is, also when nobody looks."),
  }
end

return { parse = parse }
