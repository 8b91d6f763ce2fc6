--- HTTP/1.1 as a client that sends what it is told to.
local socket = require "spec.support.socket"

local http = {}

local function parse_head(head)
  local response = { head = head, headers = {} }
  response.version, response.status, response.reason = head:match "^(HTTP/%d%.%d) (%d%d%d) ([^\r]*)"
  response.status = tonumber(response.status)
  for name, value in head:gmatch "\r\n([^:\r]+): ?([^\r]*)" do
    name = name:lower()
    local before = response.headers[name]
    response.headers[name] = before and before .. ", " .. value or value
  end
  return response
end

local function read_chunked(peer)
  local pieces = {}
  while true do
    local size = tonumber(assert(peer:read_through "\r\n"):match "^%x+", 16)
    pieces[#pieces + 1] = assert(peer:read(size))
    assert(peer:read(2) == "\r\n")
    if size == 0 then return table.concat(pieces) end
  end
end

local function read_body(peer, response, method)
  local headers, status = response.headers, response.status
  if method == "HEAD" or status == 204 or status == 304 then
    return ""
  elseif headers["transfer-encoding"] == "chunked" then
    return read_chunked(peer)
  elseif headers["content-length"] then
    return assert(peer:read(tonumber(headers["content-length"])))
  end
  return (peer:read_all())
end

--- Reads one response; nil and why when the peer ends or is silent.
function http.read(peer, method, timeout)
  local head, why = peer:read_through("\r\n\r\n", timeout)
  if not head then return nil, why end
  local response = parse_head(head)
  response.body = read_body(peer, response, method)
  return response
end

--- The bytes of a request.
---@param path string
---@param options? { method?: string, headers?: string[], body?: string }
function http.compose(path, options)
  options = options or {}
  local lines = { ("%s %s HTTP/1.1"):format(options.method or "GET", path), "Host: test" }
  for _, line in ipairs(options.headers or {}) do
    lines[#lines + 1] = line
  end
  if options.body then lines[#lines + 1] = "Content-Length: " .. #options.body end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (options.body or "")
end

--- One request over a connection of its own.
function http.request(port, path, options)
  local peer = socket.connect(port)
  peer:send(http.compose(path, options))
  local response = http.read(peer, options and options.method)
  peer:close()
  return assert(response, "no response")
end

--- Sends bytes over a connection of its own. Returns the first response, and whether the
--- connection ended after it.
function http.raw(port, bytes)
  local peer = socket.connect(port)
  peer:send(bytes)
  local response = http.read(peer)
  local rest, why = peer:read_all(0.2)
  peer:close()
  return response, why ~= "timeout", rest
end

return http
