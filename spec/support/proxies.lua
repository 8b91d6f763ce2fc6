--- Debian's proxies, each on a port of its own.
local peers = require "spec.support.peers"

local proxies = {}

--- HTTP, CONNECT; with users = { name = password } Basic authentication.
function proxies.tinyproxy(users)
  return peers.start {
    argv = function(folder, port)
      local lines = { "Port " .. port, "Listen 127.0.0.1", "Timeout 20", "LogLevel Connect" }
      for name, password in pairs(users or {}) do
        lines[#lines + 1] = ("BasicAuth %s %s"):format(name, password)
      end
      return {
        "tinyproxy",
        "-d",
        "-c",
        folder:write("tinyproxy.conf", table.concat(lines, "\n") .. "\n"),
      }
    end,
  }
end

local SQUID = [[
http_port 127.0.0.1:%d
https_port 127.0.0.1:%d tls-cert=%s tls-key=%s
pid_filename none
cache_log %s/cache.log
access_log none
cache deny all
coredump_dir %s
pinger_enable off
netdb_filename none
dns_nameservers 127.0.0.1
shutdown_lifetime 0 seconds
http_access allow all
]]

--- HTTP and CONNECT, on `ports[1]` plain and on `ports[2]` over TLS.
---@param certificates string A folder with cert.pem and key.pem.
function proxies.squid(certificates)
  return peers.start {
    ports = 2,
    argv = function(folder, port, tls_port)
      local path = folder.path
      -- As root it becomes another user, who has to read and write these.
      os.execute(("cp '%s'/cert.pem '%s'/key.pem '%s'"):format(certificates, certificates, path))
      os.execute(("chmod 777 '%s' && chmod 644 '%s/key.pem'"):format(path, path))
      local cert, key = path .. "/cert.pem", path .. "/key.pem"
      local config = SQUID:format(port, tls_port, cert, key, path, path)
      return { "squid", "-N", "-d", "1", "-f", folder:write("squid.conf", config) }
    end,
  }
end

--- SOCKS5, with or without a user and a password.
function proxies.microsocks(user, password)
  return peers.start {
    argv = function(_, port)
      local argv = { "microsocks", "-i", "127.0.0.1", "-p", tostring(port) }
      if user then
        for _, argument in ipairs { "-u", user, "-P", password } do
          argv[#argv + 1] = argument
        end
      end
      return argv
    end,
  }
end

local DANTE = [[
logoutput: stderr
internal: 127.0.0.1 port = %d
external: lo
socksmethod: none
clientmethod: none
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks block { from: 127.0.0.0/8 to: 127.0.0.0/8 port = %d }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 protocol: tcp }
]]

--- SOCKS4 and 5 without users (of 4a it knows nothing); `blocked` is a port that its rules refuse.
function proxies.dante(blocked)
  return peers.start {
    argv = function(folder, port)
      local config = folder:write("danted.conf", DANTE:format(port, blocked or 1))
      return { "danted", "-p", folder.path .. "/pid", "-f", config }
    end,
  }
end

--- SOCKS4 and 4a, of Perl's IO::Socket::Socks.
function proxies.socks4a()
  return peers.start {
    argv = function(_, port) return { "perl", "spec/interop/socks4a.pl", tostring(port) } end,
  }
end

return proxies
