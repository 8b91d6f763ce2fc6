--- A broker for specs: it speaks enough of MQTT 3.1.1 and 5.0 to be a peer, misbehaves when it is
--- told to, and says what it has heard.
local fixture = require "spec.support.fixture"

local mqtt_broker = {}

local CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
local SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT =
  8, 9, 10, 11, 12, 13, 14

local function two(number) return string.char(math.floor(number / 256), number % 256) end

local function length(number)
  local bytes = ""
  repeat
    local low = number % 128
    number = math.floor(number / 128)
    bytes = bytes .. string.char(number > 0 and low + 128 or low)
  until number == 0
  return bytes
end

local function packet(kind, body, flags)
  return string.char(kind * 16 + (flags or 0)) .. length(#body) .. body
end

mqtt_broker.packet, mqtt_broker.two = packet, two

local function number_at(body, at) return body:byte(at) * 256 + body:byte(at + 1) end

local function text_at(body, at)
  local len = number_at(body, at)
  return body:sub(at + 2, at + 1 + len), at + 2 + len
end

--- Behind the properties, which are short here.
local function after_properties(link, body, at)
  return link.version == 5 and at + 1 + body:byte(at) or at
end

local function none(link) return link.version == 5 and "\0" or "" end

local function note(broker, ...) table.insert(broker.heard, table.concat({ ... }, " ")) end

local handlers = {}

handlers[CONNECT] = function(broker, link, body)
  link.version = body:byte(7)
  link.clean = math.floor(body:byte(8) / 2) % 2 == 1
  local at = after_properties(link, body, 11)
  link.id = text_at(body, at)
  note(broker, "CONNECT", link.id, link.clean and "clean" or "resumes")
  if broker.refuses then
    return link.conn:write_binary(packet(CONNACK, "\0" .. broker.refuses .. none(link)))
  end
  local present = not link.clean and broker.sessions[link.id]
  broker.sessions[link.id] = true
  link.conn:write_binary(packet(CONNACK, (present and "\1" or "\0") .. "\0" .. none(link)))
end

handlers[PUBLISH] = function(broker, link, body, flags)
  local qos = math.floor(flags / 2) % 4
  local topic, at = text_at(body, 1)
  local id
  if qos > 0 then
    id, at = body:sub(at, at + 1), at + 2
  end
  at = after_properties(link, body, at)
  note(broker, "PUBLISH", topic, body:sub(at), "qos" .. qos, flags >= 8 and "dup" or "new")
  if broker.silent or qos == 0 then return end
  local code = broker.reason and link.version == 5 and broker.reason or ""
  link.conn:write_binary(packet(qos == 1 and PUBACK or PUBREC, id .. code))
end

handlers[PUBREL] = function(broker, link, body)
  note(broker, "PUBREL")
  link.conn:write_binary(packet(PUBCOMP, body:sub(1, 2)))
end

handlers[PUBACK] = function(broker, _, body) note(broker, "PUBACK", number_at(body, 1)) end

handlers[PUBREC] = function(broker, link, body)
  note(broker, "PUBREC", number_at(body, 1))
  link.conn:write_binary(packet(PUBREL, body:sub(1, 2), 2))
end

handlers[PUBCOMP] = function(broker, _, body) note(broker, "PUBCOMP", number_at(body, 1)) end

handlers[SUBSCRIBE] = function(broker, link, body)
  local at, codes = after_properties(link, body, 3), ""
  while at <= #body do
    local filter
    filter, at = text_at(body, at)
    note(broker, "SUBSCRIBE", filter, "qos" .. body:byte(at) % 4)
    codes, at = codes .. (broker.reason or string.char(body:byte(at) % 4)), at + 1
  end
  link.conn:write_binary(packet(SUBACK, body:sub(1, 2) .. none(link) .. codes))
end

handlers[UNSUBSCRIBE] = function(broker, link, body)
  local at, codes = after_properties(link, body, 3), ""
  while at <= #body do
    local filter
    filter, at = text_at(body, at)
    note(broker, "UNSUBSCRIBE", filter)
    codes = codes .. "\0"
  end
  local answer = link.version == 5 and "\0" .. codes or ""
  link.conn:write_binary(packet(UNSUBACK, body:sub(1, 2) .. answer))
end

handlers[PINGREQ] = function(broker, link)
  note(broker, "PINGREQ")
  link.conn:write_binary(packet(PINGRESP, ""))
end

handlers[DISCONNECT] = function(broker, _, body) note(broker, "DISCONNECT", body:byte(1) or 0) end

--- Takes whole packets off what has come.
local function take(broker, link)
  while true do
    local bytes = link.rest
    if #bytes < 2 then return end
    local size, at, factor = 0, 2, 1
    repeat
      local byte = bytes:byte(at)
      if not byte then return end
      size, at, factor = size + byte % 128 * factor, at + 1, factor * 128
    until byte < 128
    if #bytes < at - 1 + size then return end
    link.rest = bytes:sub(at + size)
    local kind = math.floor(bytes:byte(1) / 16)
    handlers[kind](broker, link, bytes:sub(at, at + size - 1), bytes:byte(1) % 16)
  end
end

--- Starts one. `refuses`: the byte of its CONNACK; `reason`: the byte of its acknowledgements;
--- `silent`: messages are not acknowledged.
function mqtt_broker.start(options)
  local broker = { heard = {}, sessions = {}, links = {} }
  for name, value in pairs(options or {}) do
    broker[name] = value
  end
  broker.server = fixture.server({ protocols = { "mqtt" } }, {
    OnUnknownProtocol = function() return true end,
    OnConnect = function(conn)
      local link = { conn = conn, rest = "" }
      broker.links[conn.guid], broker.link = link, link
    end,
    OnBinary = function(conn, bytes)
      local link = broker.links[conn.guid]
      link.rest = link.rest .. bytes
      take(broker, link)
    end,
  })
  broker.url = ("mqtt://127.0.0.1:%d"):format(broker.server.port)

  --- Sends a message to the client that came last.
  function broker.publish(topic, text, qos, id, flags)
    local link = broker.link
    local head = two(#topic) .. topic .. (qos and qos > 0 and two(id) or "")
    local bits = (qos or 0) * 2 + (flags or 0)
    link.conn:write_binary(packet(PUBLISH, head .. none(link) .. text, bits))
  end

  function broker.cut() broker.link.conn:disconnect() end

  --- What it has heard since it was asked last.
  function broker.take()
    local heard = broker.heard
    broker.heard = {}
    return heard
  end
  return broker
end

return mqtt_broker
