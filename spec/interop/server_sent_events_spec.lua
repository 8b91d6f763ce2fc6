--- Our event streams, read by curl, directly and through nginx, which is told nothing about them.
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local peers = require "spec.support.peers"
local process = require "spec.support.process"

local CONFIG = [[
daemon off;
master_process off;
pid @FOLDER@/nginx.pid;
error_log stderr warn;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path @FOLDER@/body;
  proxy_temp_path @FOLDER@/proxy;
  fastcgi_temp_path @FOLDER@/fastcgi;
  uwsgi_temp_path @FOLDER@/uwsgi;
  scgi_temp_path @FOLDER@/scgi;
  server {
    listen 127.0.0.1:@PORT@;
    location / { proxy_pass http://127.0.0.1:@BEHIND@; }
  }
}
]]

local function start_nginx(behind)
  return peers.start {
    ports = 1,
    argv = function(folder, port)
      local values = { FOLDER = folder.path, PORT = port, BEHIND = behind }
      local config = CONFIG:gsub("@([A-Z_]+)@", values)
      return { "nginx", "-p", folder.path, "-c", folder:write("nginx.conf", config) }
    end,
  }
end

describe("event streams read by curl:", function()
  after_each(function()
    fixture.clean()
    peers.clean()
  end)

  --- Events come one by one, each when it was sent, and the client's end is seen.
  local function follow(server, port)
    local curl = process.start {
      "curl",
      "--silent",
      "--show-error",
      "--no-buffer",
      "--max-time",
      "30",
      "--header",
      "Accept: text/event-stream",
      ("http://127.0.0.1:%d/news"):format(port),
    }
    curl:wait_output "retry: 3000\n\n"
    clock.wait_for(function() return server:count() == 1 end)
    for i = 1, 5 do
      server:broadcast("event\n" .. i, { channel = "/news", id = tostring(i) })
      curl:wait_output(("id: %d\ndata: event\ndata: %d\n\n"):format(i, i))
    end
    curl:kill()
    clock.wait_for(function() return server:count() == 0 end)
  end

  it("directly", function()
    local server = fixture.server()
    follow(server, server.port)
  end)

  it("through nginx", function()
    local server = fixture.server()
    follow(server, start_nginx(server.port).ports[1])
  end)
end)
