--- What curl sends bodies to and gets them from; with a folder of cert.pem and key.pem, over TLS.
--- Prints "cut: CODE" when one does not come whole.
local timer = require "perilune.timer"

local folder = arg[1]
local tls = folder and { cert_file = folder .. "/cert.pem", key_file = folder .. "/key.pem" }
local server = require("perilune.server").new { port = 0, tls = tls }

local function cut(code)
  print("cut: " .. code)
  io.stdout:flush()
end

local function count(request, response)
  local total = 0
  while true do
    local piece, _, code = request:read()
    if code then return cut(code) end
    if not piece then break end
    total = total + #piece
  end
  response.content_text = tostring(total)
end

local function write(request, response)
  local left = tonumber(request.params.bytes)
  local chunk = ("x"):rep(65536)
  if request.params.length then response.headers["content-length"] = left end
  while left > 0 do
    local ok, _, code = response:write(left < #chunk and chunk:sub(1, left) or chunk)
    if not ok then return cut(code) end
    left = left - #chunk
  end
end

local pages = {
  ["/count"] = count,
  ["/write"] = write,
  ["/echo"] = function(request, response)
    while true do
      local piece, _, code = request:read()
      if code then return cut(code) end
      if not piece then return end
      assert(response:write(piece))
    end
  end,
  ["/late"] = function(request, response)
    timer.sleep(tonumber(request.params.seconds))
    count(request, response)
  end,
  ["/refuse"] = function(_, response)
    response.response_no = 403
    response.content_text = "no"
  end,
  ["/throw"] = function(request, response)
    if request.params.length then response.headers["content-length"] = 100000 end
    response:write "half"
    timer.sleep(0.01)
    error "a handler that fails half-way"
  end,
}

local function serve(_, request, response)
  local page = pages[request.document]
  if page then page(request, response) end
end

server.OnCommandGet, server.OnCommandOther = serve, serve

assert(server:start())
