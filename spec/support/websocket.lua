--- A WebSocket client, or server, that may break every rule of RFC 6455.
local base64_encode = require("perilune.core.text").base64_encode
local bit = require "bit"
local ffi = require "ffi"
local http = require "spec.support.http"
local socket = require "spec.support.socket"
local timer = require "perilune.timer"

local CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
local KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
local NO_CODE = 1005 -- of an empty Close frame
local MASK = "\1\35\69\103"

local websocket = {
  CONTINUATION = CONTINUATION,
  TEXT = TEXT,
  BINARY = BINARY,
  CLOSE = CLOSE,
  PING = PING,
  PONG = PONG,
}
local Peer = {}
Peer.__index = Peer

local function big_endian(number, count)
  local bytes = {}
  for i = count, 1, -1 do
    bytes[i] = string.char(number % 256)
    number = math.floor(number / 256)
  end
  return table.concat(bytes)
end

local function from_big_endian(bytes)
  local number = 0
  for i = 1, #bytes do
    number = number * 256 + bytes:byte(i)
  end
  return number
end

local function mask(payload, key)
  local data = ffi.new("uint8_t[?]", #payload)
  ffi.copy(data, payload, #payload)
  for i = 0, #payload - 1 do
    data[i] = bit.bxor(data[i], (key or MASK):byte(i % 4 + 1))
  end
  return ffi.string(data, #payload)
end

--- The bytes of a frame. `how`: fin = false, rsv = 1 to 7, masked = false, length = "eight bytes"
--- in place of the payload's.
function websocket.frame(opcode, payload, how)
  how = how or {}
  local masked = how.masked ~= false
  local first = (how.fin == false and 0 or 128) + (how.rsv or 0) * 16 + opcode
  local length, extended = #payload, ""
  if how.length then
    length, extended = 127, how.length
  elseif length > 65535 then
    length, extended = 127, big_endian(length, 8)
  elseif length > 125 then
    length, extended = 126, big_endian(length, 2)
  end
  local head = string.char(first, length + (masked and 128 or 0)) .. extended
  return masked and head .. MASK .. mask(payload) or head .. payload
end

--- The bytes of a handshake.
---@param options? { path?: string, headers?: string[] } Headers as lines.
function websocket.compose(options)
  local headers = { "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13" }
  headers[#headers + 1] = "Sec-WebSocket-Key: " .. KEY
  for _, line in ipairs(options and options.headers or {}) do
    headers[#headers + 1] = line
  end
  return http.compose(options and options.path or "/", { headers = headers })
end

local crypto = ffi.load "crypto"
ffi.cdef [[ unsigned char *SHA1(const unsigned char *data, size_t len, unsigned char *out); ]]

local function accept_of(key)
  local out = ffi.new "unsigned char[20]"
  local text = key .. "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
  crypto.SHA1(text, #text, out)
  return base64_encode(ffi.string(out, 20))
end

--- The answer to a handshake that came over a socket, whose head is returned too.
---@param lines? string[] Further lines of the answer.
function websocket.answer(peer, lines)
  local head = assert(peer:read_through "\r\n\r\n")
  local answer = {
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: " .. accept_of(head:match "Sec%-WebSocket%-Key: (%S+)"),
    unpack(lines or {}),
  }
  return table.concat(answer, "\r\n") .. "\r\n\r\n", head
end

--- A server's side of a WebSocket over a socket that was accepted.
function websocket.serve(peer, lines)
  local answer, head = websocket.answer(peer, lines)
  peer:send(answer)
  return setmetatable({ socket = peer, server = true, head = head }, Peer)
end

--- Sends a handshake; returns the peer, which is not yet a WebSocket, and the response.
function websocket.handshake(port, options)
  local peer = socket.connect(port, options)
  peer:send(websocket.compose(options))
  return peer, http.read(peer, "HEAD")
end

--- Connects, or throws.
---@param options? { path?: string, headers?: string[], receive_buffer?: integer }
function websocket.connect(port, options)
  local peer, response = websocket.handshake(port, options)
  if not response or response.status ~= 101 then
    peer:close()
    error("no 101: " .. (response and response.head or "no response"), 2)
  end
  assert(response.headers["sec-websocket-accept"] == ACCEPT, "a wrong Sec-WebSocket-Accept")
  return setmetatable({ socket = peer, response = response }, Peer)
end

--- A server masks only what it is told to.
function Peer:send_frame(opcode, payload, how)
  if self.server then
    how = how or {}
    how.masked = how.masked or false
  end
  return self.socket:send(websocket.frame(opcode, payload or "", how))
end

function Peer:send(text) return self:send_frame(TEXT, text) end

function Peer:send_binary(bytes) return self:send_frame(BINARY, bytes) end

--- Sends a ping and takes the answer to it: true, or nil and why.
function Peer:ping(payload)
  self:send_frame(PING, payload)
  local frame, why = self:read_frame()
  if not frame then return nil, why end
  return frame.opcode == PONG and frame.payload == payload
end

function Peer:send_close(code, reason)
  return self:send_frame(CLOSE, code and big_endian(code, 2) .. (reason or "") or "")
end

--- The next frame: { opcode, fin, rsv, masked, payload }; nil and "end", "reset" or "timeout".
function Peer:read_frame(timeout)
  local head, why = self.socket:read(2, timeout)
  if not head then return nil, why end
  local first, second = head:byte(1, 2)
  local length = second % 128
  if length > 125 then
    length = from_big_endian(assert(self.socket:read(length == 126 and 2 or 8, timeout)))
  end
  local key = second >= 128 and assert(self.socket:read(4, timeout))
  local payload = assert(self.socket:read(length, timeout))
  return {
    opcode = first % 16,
    fin = first >= 128,
    rsv = math.floor(first / 16) % 8,
    masked = second >= 128,
    payload = key and mask(payload, key) or payload,
  }
end

--- The next message and its kind, "text" or "binary"; nil and why, or nil, "close", code, reason.
--- Pings and pongs are left out.
function Peer:read(timeout)
  local pieces, kind = {}, nil
  while true do
    local frame, why = self:read_frame(timeout)
    if not frame then
      return nil, why
    elseif frame.opcode == CLOSE then
      local code = #frame.payload > 0 and from_big_endian(frame.payload:sub(1, 2)) or NO_CODE
      return nil, "close", code, frame.payload:sub(3)
    elseif frame.opcode < CLOSE then
      kind = kind or (frame.opcode == TEXT and "text" or "binary")
      pieces[#pieces + 1] = frame.payload
      if frame.fin then return table.concat(pieces), kind end
    end
  end
end

--- Reads up to the Close frame and the end of the connection: code and reason of the frame; nil and
--- why when there is none.
function Peer:read_close(timeout)
  while true do
    local message, why, code, reason = self:read(timeout)
    if not message then
      if why ~= "close" then return nil, why end
      return code, reason
    end
  end
end

--- Answers the other side's Close, and closes as servers do.
function Peer:leave()
  self:send_close((self:read_close()))
  self.socket:close()
end

--- Goes away when the server says so, while the test does other things. Returns a table that then
--- holds what read_close gave.
function Peer:leave_when_closed()
  local answer = {}
  timer.after(0, function()
    answer[1], answer[2] = self:read_close()
    self.socket:close()
  end)
  return answer
end

--- True when nothing comes for a while.
function Peer:is_silent(seconds)
  local message, why = self:read(seconds or 0.03)
  return message == nil and why == "timeout"
end

--- Says goodbye as the RFC wants it, and closes.
function Peer:close(code, reason)
  if not self.socket.fd then return end
  if self:send_close(code or 1000, reason) then self:read_close() end
  self.socket:close()
end

return websocket
