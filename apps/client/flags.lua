--- The command line.
local args = require "perilune.args"

local VERSIONS = { "1.0", "1.1", "1.2", "1.3" }
local LARGEST = 2 ^ 30 -- bytes of a message
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

--- Begins a part of --help.
local function part(heading, entry) return with(entry, "heading", heading) end

local schema = {
  name = "client",
  summary = "Talks to a WebSocket or TCP server from the terminal. Lines that are typed, or come "
    .. "from a pipe, are messages to it; its messages are lines on standard output.",
  notes = [[
Exit codes: 0 as it was asked for; 1 an error of the program itself; 2 wrong command line;
3 not connected; 4 the handshake was refused; 5 the connection broke, or ended too early;
6 --timeout; 7 a file, the input or standard output failed.]],
  { "url", positional = true, required = true, help = "ws://, wss://, tcp:// or tls://" },

  part("What is sent", list("message", "TEXT", "Send this in place of the input", "m")),
  path("file", "Send a file in place of the input, as a binary message.", "f"),
  integer("chunk", "BYTES", "Send --file in messages of that size", 1, LARGEST),
  switch("whole", "Send the input as one message, not by lines.", "w"),
  switch("no-input", "Send nothing of the input."),
  switch("binary", "Send binary messages.", "b"),
  integer("fragment", "BYTES", "Send in fragments of that size", 1, LARGEST),
  seconds("ping", "Ping so often, and say how long the answer took"),

  part("When it ends", with(integer("count", "N", "After so many messages", 1), "short", "n")),
  with(seconds("timeout", "After so long, with code 6"), "short", "t"),
  seconds("wait", "After the input's end, when nothing came for so long", 1, 0),
  integer("close", "CODE", "That we close with", 1000, 4999, 1000),
  switch("abrupt", "Do not wait for the server's Close."),

  part("What is shown", switch("verbose", "The handshake, what is sent, and times.", "v")),
  switch("quiet", "Messages, and errors, alone.", "q"),
  switch("json", "One JSON object a line."),
  switch("hex", "Binary messages in hexadecimal."),
  switch("frames", "Say when fragments come."),
  switch("no-buffer", "Fragments as they come, in place of messages.", "N"),
  path("output", "Write messages there, as they are.", "o"),
  switch("progress", "Say how far a transfer is, also when nobody looks."),
  path("log", "Append each message with its time there."),
  switch("log-hex", "Texts of --log are in hexadecimal, too."),

  part("Handshake", list("header", "'NAME: VALUE'", "Header to send", "H")),
  list("protocol", "NAME", "Subprotocol", "p"),
  text("origin", "ORIGIN", "Origin of the page that we stand for."),
  text("user", "NAME[:PASSWORD]", "A password that is missing is asked for.", "u"),
  with(text("auth", "KIND", "How --user is told"), "values", { "basic", "session", "url" }),
  text("token", "TOKEN", "Bearer token; @FILE takes it from there, - asks for it."),
  text("token-name", "NAME", "What stands before it in place of Bearer."),
  integer("redirects", "N", "Followed at most; default 5", 0, 100),
  switch("redirect-to-plain", "Also from wss:// to ws://."),
  switch("redirect-to-private", "Also from public to private addresses."),

  part("Compression", switch("deflate", "Offer permessage-deflate.")),
  integer("deflate-server-bits", "N", "Window of the server; default 15", 8, 15),
  integer("deflate-client-bits", "N", "Our window; default 15", 8, 15),
  switch("deflate-server-takeover", "The server may keep its window between messages."),
  switch("deflate-client-takeover", "We keep our window between messages."),
  integer("deflate-memory", "N", "What we compress with; default 8", 1, 9),
  integer("deflate-level", "N", "1 is the fastest, 9 the smallest; default 6", 1, 9),
  switch("deflate-frame", "Offer what was before it."),

  part("TLS", switch("insecure", "Take any certificate of anybody.", "k")),
  path("ca", "Authorities in place of the system's: PEM, or a folder."),
  path("crl", "Revocation lists."),
  integer("verify-depth", "N", "Certificates between the authority and the server", 0, 100),
  path("cert", "Our certificate: PEM, or P12 when it ends in .p12 or .pfx."),
  path("key", "Its key; default: in --cert."),
  path("p12", "Our certificate and its key."),
  switch("p12-legacy", "Its encryption is an old one."),
  text("key-password", "PASSWORD", "Of the key or the P12 file; @FILE, - asks for it."),
  text("server-name", "NAME", "Asked for and verified in place of the URL's host."),
  with(text("tls-min", "VERSION", "Oldest version"), "values", VERSIONS),
  with(text("tls-max", "VERSION", "Newest version"), "values", VERSIONS),
  text("ciphers", "NAMES", "Separated by colons."),
  text("curves", "NAMES", "Of the key exchange, separated by colons."),
  list("alpn", "NAME", "Protocol that TLS offers"),
  integer("tls-sessions", "N", "Kept to be resumed; 0: none; default 64", 0, 1024),

  part(
    "Proxy",
    text("proxy", "URL", "http, https, socks4, socks4a, socks5; or the word environment.", "x")
  ),
  list("proxy-tls", "NAME=VALUE", "TLS to an https proxy: verify=false, root_cert_file=FILE"),

  part("Connection", list("server", "URL", "Another one, tried when the first fails")),
  seconds("connect-timeout", "For all of an attempt", 10),
  text("bind", "IP", "Our address."),
  text("bind-ports", "FIRST-LAST", "Our port."),
  switch("guard", "Connect to public addresses only."),
  switch("reset", "Reset it at the end, and leave no TIME_WAIT."),
  integer("read-rate", "BITS", "Per second, taken at most", 1000, 1e12),
  integer("write-rate", "BITS", "Per second, sent at most", 1000, 1e12),
  list("level", "KIND=N", "What goes first when output waits: text=2, binary=3, ping=1"),
  seconds("heartbeat", "Ping after so long a silence; 0: never; default 25", nil, 0),
  seconds("heartbeat-timeout", "For the answer; 0: for ever; default 25", nil, 0),
  switch("heartbeat-always", "Ping also when messages come."),
  integer("keepalive", "SECONDS", "TCP keep-alive after so long a silence", 1, 32767),
  integer("keepalive-interval", "SECONDS", "Between two of its questions; default 1", 1, 32767),
  integer("keepalive-count", "N", "Its questions without answer; default 9", 1, 127),
  list("limit", "NAME=VALUE", "A limit of perilune.client, as message=1048576"),

  part("Reconnecting", seconds("reconnect", "Connect again after so long")),
  integer("attempts", "N", "In a row; default 0: without end", 0, 2 ^ 31 - 1),
  with(
    with(seconds("factor", "By which the time grows; default 1", nil, 1), "value", "X"),
    "max",
    10
  ),
  seconds("max-interval", "Up to which it grows; default 300"),
  switch("jitter", "A random part of the time."),
  seconds("held", "A connection that held so long begins anew; default 10", nil, 0),
  switch("keep-messages", "Messages wait for the next connection."),

  part("TCP", text("end-of-frame", "BYTES", "What ends a message, such as '\\n' or '\\x00'.")),
  with(
    text("scan", "WHERE", "Everywhere, or only at the end of what came"),
    "values",
    { "all_bytes", "latest_bytes" }
  ),
  switch("strip", "Take that away from the messages."),
}

return {
  --- Reads the command line.
  ---@param words? string[]
  parse = function(words) return args.parse(schema, words) end,
}
