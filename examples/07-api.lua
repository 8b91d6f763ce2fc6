--- Calls a JSON API: one of notes, which runs here so that there is something to call.
local http = require "perilune.http"
local json = require "perilune.json"
local server = require("perilune.server").new { port = tonumber(arg[1]) or 8080 }

local notes = json.array {}

function server.OnCommandGet(_, request, response)
  if request.command == "POST" then
    local note = json.decode(request.body)
    response.response_no = note and 201 or 400
    notes[#notes + 1] = note and note.text
  end
  response.content_type = "application/json"
  response.content_text = json.encode { notes = notes }
end

assert(server:start())

local api = http.client {
  base_url = ("http://127.0.0.1:%d/v1/"):format(server.port),
  headers = { Accept = "application/json" },
  timeout = 10,
  retries = 3,
}

--- The answer's JSON; an answer that is an error throws.
local function call(method, path, options)
  local response = assert(api:request(method, path, options))
  assert(response.ok, response.status .. " " .. response.text)
  return response.json
end

call("POST", "notes", { json = { text = "buy milk" } })
call("POST", "notes", { json = { text = "feed the cat" } })
for i, text in ipairs(call("GET", "notes", { params = { limit = 10 } }).notes) do
  print(i, text)
end
