--- The command line of the terminal's client.
local args = require "perilune.args"

local function many(name, value, help, short)
  return { name, value = value, help = help, short = short, many = true }
end

local function switch(name, help, short)
  return { name, type = "boolean", help = help, short = short }
end

local function text(name, value, help, short)
  return { name, value = value, help = help, short = short }
end

local function path(name, help, short)
  return { name, type = "path", value = "FILE", help = help, short = short }
end

local function seconds(name, help, min, default)
  return {
    name,
    type = "number",
    value = "SECONDS",
    help = help,
    min = min or 0.01,
    max = 86400,
    default = default,
  }
end

local function qos(name, help, short)
  return {
    name,
    type = "integer",
    value = "N",
    help = help,
    short = short,
    min = 0,
    max = 2,
    default = 0,
  }
end

local function part(heading, entry)
  entry.heading = heading
  return entry
end

local count = { "count", short = "n", type = "integer", value = "N", min = 1 }
count.help = "End after so many messages"
local timeout = seconds("timeout", "End after so long, with code 6")
timeout.short = "t"
local url = { "url", positional = true, default = "mqtt://127.0.0.1" }
url.help = "mqtt://, mqtts://, ws:// or wss://"
local version = { "mqtt-version", short = "V", values = { "3.1.1", "5.0" }, default = "3.1.1" }
version.help = "Of MQTT"

local schema = {
  name = "mqtt client",
  summary = "Publishes and subscribes from the terminal. What is published are the messages of the "
    .. "command line, a file, or lines of the input; what comes are lines of standard output.",
  notes = [[
A property is NAME=VALUE with the standard's name in snake_case, such as message_expiry_interval=60;
user:NAME=VALUE is a user property. -o sets any option of perilune.mqtt, such as
-o tls.cert_file=me.pem -o limits.in_flight=10; what is a list takes -o servers.1=URL -o servers.2=URL.

Exit codes: 0 as it was asked for; 1 an error of the program itself; 2 wrong command line;
3 not connected; 4 the broker refuses; 5 the connection broke, or a message was not delivered;
6 --timeout; 7 a file, the input or standard output failed.]],
  url,

  part("Subscribing", many("subscribe", "FILTER", "Show what is published there", "s")),
  count,
  qos("subscribe-qos", "The highest that messages come with"),
  switch("no-local", "5.0: not what we publish ourselves."),
  switch("as-published", "5.0: retain as it was published."),
  {
    "retained",
    values = { "send", "send_new", "never" },
    default = "send",
    help = "5.0: whether retained messages come",
  },
  { "unsubscribe", many = true, value = "FILTER", help = "Of a session that goes on" },

  part("Publishing", text("publish", "TOPIC", "Publish there.", "p")),
  many("message", "TEXT", "This, in place of the input", "m"),
  path("file", "A file as one message.", "f"),
  switch("whole", "The input as one message, not by lines.", "w"),
  switch("empty", "An empty message; with --retain it clears the topic.", "e"),
  qos("qos", "Of what is published", "q"),
  switch("retain", "The broker keeps it.", "r"),
  many("property", "NAME=VALUE", "5.0: of what is published"),

  part("What is shown", switch("verbose", "Topics before the messages, and what happens.", "v")),
  switch("quiet", "Messages, and errors, alone."),
  switch("json", "One JSON object a line."),
  switch("hex", "Messages in hexadecimal."),
  switch("raw", "Messages as they are, without an end of line."),

  part("Session", version),
  text("id", "NAME", "Client identifier.", "i"),
  switch("keep", "The session goes on: needs --id or --session."),
  path("session", "Keep what is not delivered in that file; the session goes on."),
  {
    "keep-alive",
    type = "integer",
    value = "SECONDS",
    default = 60,
    min = 0,
    max = 65535,
    help = "0: none",
  },
  text("user", "NAME[:PASSWORD]", "A password that is missing is asked for.", "u"),
  many("connect-property", "NAME=VALUE", "5.0: of the connection"),
  {
    "disconnect-reason",
    type = "integer",
    value = "CODE",
    default = 0,
    min = 0,
    max = 255,
    help = "5.0: 4 makes the broker publish the will",
  },

  part("Will", text("will", "TOPIC=TEXT", "What the broker publishes when we are lost.")),
  qos("will-qos", "Of it"),
  switch("will-retain", "The broker keeps it."),
  many("will-property", "NAME=VALUE", "5.0: of it"),

  part("Connection", seconds("connect-timeout", "For all of an attempt", 0.01, 10)),
  seconds("reconnect", "Connect again after so long"),
  path("ca", "Authorities in place of the system's."),
  path("cert", "Our certificate."),
  path("key", "Its key."),
  switch("insecure", "Take any certificate of anybody.", "k"),
  text("proxy", "URL", "As of apps/client.", "x"),
  many("option", "PATH=VALUE", "Any option of perilune.mqtt", "o"),
  timeout,
}

return {
  ---@param words? string[]
  parse = function(words) return args.parse(schema, words) end,
}
