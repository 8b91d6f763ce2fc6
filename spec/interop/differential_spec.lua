--- The same requests, made at random and mostly wrong somewhere, to our server, nginx and HAProxy:
--- what both of those refuse we refuse, too. PERILUNE_REQUESTS: how many, 600 by default;
--- PERILUNE_SEED repeats a run, which says its seed when it fails.
local certificates = require "spec.support.certificates"
local fixture = require "spec.support.fixture"
local haproxy = require "spec.support.haproxy"
local nginx = require "spec.support.nginx"
local peers = require "spec.support.peers"
local socket = require "spec.support.socket"
local task = require "perilune.task"

local REQUESTS = tonumber(os.getenv "PERILUNE_REQUESTS") or 600
local SEED = tonumber(os.getenv "PERILUNE_SEED") or os.time()
local AT_A_TIME = 16
local PATIENCE = 1.5 -- seconds for an answer: who waits for more has not accepted

-- Takes whatever node's parser takes.
local BEHIND = [[
const server = require("node:http").createServer((request, response) => {
  request.on("error", () => {}).resume().on("end", () => response.end("taken"));
});
server.listen(0, "127.0.0.1", () => console.log("listening on " + server.address().port));
]]

local function pick(list) return list[math.random(#list)] end

-- The first of each is right, and taken most of the time.
local METHODS =
  { "GET", "POST", "PUT", "SEARCH", "G@T", "G T", "GET\t", "", "G\0T", "GÉT", "PROPFIND", "HEAD" }
local TARGETS = {
  "/kept/a?b=c",
  "/kept/a",
  "*",
  "http://a/kept/a",
  "http://b/kept/a",
  "http:///kept",
  "https://a/kept/",
  "kept",
  "/kept/a b",
  "/kept/\1",
  "/kept/\127",
  "/kept/é",
  "/kept/%zz",
  "/kept/%00",
  "/kept/a#b",
  "/kept/../../a",
  "//kept",
  "?",
  "",
  "a:80",
  "/kept/" .. ("x"):rep(9000),
}
local VERSIONS = {
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/1.2",
  "HTTP/2.0",
  "HTTP/0.9",
  "http/1.1",
  "HTTP/1.1 ",
  "HTTP/11",
  "HTTP/1.",
  "",
  "XTTP/1.1",
}
local ENDS = { "\r\n", "\n", "\r", "\r\r\n", "\n\r\n" }
local HOSTS = {
  "Host: a",
  "Host: a:80",
  "host:a",
  "Host: a\r\nHost: a",
  "Host: a\r\nHost: b",
  "Host: a b",
  "Host: a,b",
  "Host: a:b",
  "Host: a:99999",
  "Host: a/b",
  "Host: a@b",
  "Host: [::1",
  "Host:",
  "Host : a",
  " Host: a",
  "Host\0: a",
  "Hos: a",
}
local ODD_FIELDS = {
  "X: 1",
  "X : 1",
  " X: 1",
  "\tX: 1",
  "X",
  ": 1",
  "X: 1\r\n folded",
  "X: a\rb",
  "X: a\0b",
  "X\0: b",
  "X: \1",
  "X: \127",
  "X: é",
  "Xé: 1",
  "X(y): 1",
  "X\t: 1",
  "Content-Length : 3",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\t: chunked",
  "Content-Length: 0\r\nContent-Length: 0",
  "Connection: close, Host",
  "Expect: nothing",
  "Upgrade: websocket",
  "X: " .. ("y"):rep(70000),
}
local LENGTHS = {
  "Content-Length: 3",
  "content-length:3",
  "Content-Length: 3 ",
  "Content-Length: +3",
  "Content-Length: -3",
  "Content-Length: 3, 3",
  "Content-Length: 3, 4",
  "Content-Length: 3\r\nContent-Length: 3",
  "Content-Length: 3\r\nContent-Length: 4",
  "Content-Length: 0x3",
  "Content-Length: 3;",
  "Content-Length: ",
  "Content-Length: 3a",
  "Content-Length: 3 3",
  "Content-Length: 18446744073709551619",
  "Content-Length: 99999999999999999999999",
  "Content-Length:\t3",
  "Content-Length: 03",
}
local CODINGS = {
  "Transfer-Encoding: chunked",
  "transfer-encoding:chunked",
  "Transfer-Encoding: CHUNKED",
  "Transfer-Encoding: chunked, chunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: identity",
  "Transfer-Encoding: chunked, identity",
  "Transfer-Encoding: identity, chunked",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: chunked, gzip",
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunked;a=b",
  "Transfer-Encoding: \11chunked",
  "Transfer-Encoding: ",
  "Transfer-Encoding: chunked\r\nContent-Length: 3",
  "Content-Length: 3\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chun\r\n ked",
}
local SIZES = {
  "3",
  "03",
  "3;a=b",
  "3;a",
  "3 ;a",
  "3;",
  "3 ",
  " 3",
  "+3",
  "-3",
  "0x3",
  "3,",
  "g",
  "",
  "3\0",
  "FFFFFFFFFFFFFFFFF3",
  "0000000000000000000000003",
}
local TRAILERS = {
  "",
  "X: 1\r\n",
  "X : 1\r\n",
  " X: 1\r\n",
  "X\r\n",
  "Content-Length: 9\r\n",
  "X: a\rb\r\n",
  "X: a\0b\r\n",
}

--- Of a list: the first with this likelihood, else any.
local function likely(list, share) return math.random() < share and list[1] or pick(list) end

local function chunked(share)
  local line = likely(ENDS, share)
  return table.concat {
    likely(SIZES, share),
    line,
    math.random() < share and "abc" or pick { "ab", "abcd", "abc" },
    likely(ENDS, share),
    "0",
    likely(ENDS, share),
    likely(TRAILERS, share),
    "\r\n",
  }
end

--- A request as bytes, which is right with some likelihood.
local function make()
  local share = pick { 0.98, 0.95, 0.9, 0.8 }
  local line = likely(ENDS, (1 + share) / 2)
  local lines, body = {}, ""
  lines[1] = ("%s%s%s%s%s"):format(
    likely(METHODS, share),
    likely({ " ", "  ", "\t", "" }, (1 + share) / 2),
    likely(TARGETS, share),
    likely({ " ", "  ", "\t", "" }, (1 + share) / 2),
    likely(VERSIONS, share)
  )
  if math.random() < (1 + share) / 2 then lines[#lines + 1] = likely(HOSTS, share) end
  if math.random() > share then lines[#lines + 1] = pick(ODD_FIELDS) end
  local kind = math.random(3)
  if kind == 1 then
    lines[#lines + 1] = likely(LENGTHS, share)
    body = "abc"
  elseif kind == 2 then
    lines[#lines + 1] = likely(CODINGS, share)
    body = chunked(share)
  end
  lines[#lines + 1] = "Connection: close"
  local head = table.concat(lines, line) .. line .. likely(ENDS, (1 + share) / 2)
  return (math.random() > share and pick { "\r\n", "\n", " ", "\0" } or "") .. head .. body
end

--- The status of the answer; nil when there is none.
local function ask(port, request)
  local peer = socket.connect(port)
  if #request > 0 then peer:send(request) end
  peer:read_until(function(unread) return #unread >= 12 end, PATIENCE)
  local status = peer.unread:match "^HTTP/1%.[01] (%d%d%d)"
  peer:close()
  return tonumber(status)
end

local REFUSALS = { [400] = true, [408] = true, [411] = true, [413] = true, [414] = true }
for _, status in ipairs { 417, 421, 422, 431, 500, 501, 502, 503, 505 } do
  REFUSALS[status] = true
end

local function accepts(status) return status ~= nil and not REFUSALS[status] end

describe("what nginx and HAProxy both refuse", function()
  after_each(function()
    fixture.clean()
    peers.clean()
  end)

  it("is refused", function()
    local behind = peers.announced { "node", "-e", BEHIND }
    local ports = {
      ours = fixture.server({}, {
        OnCommandGet = function(_, _, response) response.content_text = "taken" end,
        OnCommandOther = function(_, _, response) response.content_text = "taken" end,
      }).port,
      nginx = nginx.start(certificates.folder(), behind.port).ports[1],
      haproxy = haproxy.start(behind.port).port,
    }
    math.randomseed(SEED)
    local requests, faults, count = {}, {}, { ours = 0, nginx = 0, haproxy = 0 }
    for i = 1, REQUESTS do
      requests[i] = make()
    end
    local next_one = 0
    local function work()
      while next_one < REQUESTS do
        next_one = next_one + 1
        local request, answers = requests[next_one], {}
        for who, port in pairs(ports) do
          answers[who] = ask(port, request)
          if accepts(answers[who]) then count[who] = count[who] + 1 end
        end
        if
          accepts(answers.ours)
          and not accepts(answers.nginx)
          and not accepts(answers.haproxy)
        then
          faults[#faults + 1] = ("%d, %s, %s: %q"):format(
            answers.ours,
            answers.nginx or "nothing",
            answers.haproxy or "nothing",
            request:sub(1, 400)
          )
        end
      end
    end
    local workers = {}
    for i = 1, AT_A_TIME do
      workers[i] = task.start(work)
    end
    task.all(workers)
    local said = ("seed %d; taken: ours %d, nginx %d, HAProxy %d"):format(
      SEED,
      count.ours,
      count.nginx,
      count.haproxy
    )
    assert.equal(0, #faults, said .. "\n" .. table.concat(faults, "\n"))
    -- Neither takes nothing: it would be no test.
    assert.is_true(count.ours > REQUESTS / 10 and count.nginx > REQUESTS / 10, said)
  end)
end)
