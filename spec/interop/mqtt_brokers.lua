--- Brokers of MQTT that we did not write: how each is started in its own folder, what it can.
local peers = require "spec.support.peers"
local process = require "spec.support.process"

local PATIENCE = 120 -- seconds, for what runs in Erlang on a machine that is busy

local brokers = {}

local function fill(text, values) return (text:gsub("@([A-Z]+)@", values)) end

local function values_of(certificates, own, plain, ws, tls, more)
  local values = { CERTIFICATES = certificates, OWN = own.path, PLAIN = plain, WS = ws, TLS = tls }
  values.MORE = more
  return values
end

--- Starts it; `again` runs the same program on the same ports and data.
local function start(options)
  local run
  local env = options.env
  local peer = peers.start {
    ports = options.ports or 3,
    patience = PATIENCE,
    env = env,
    argv = function(own, ...)
      run = options.argv(own, ...)
      return run
    end,
  }
  peer.again = function()
    local ready = options.again and options.again(peer)
    peer.process = process.start(run, { env = env })
    return ready
  end
  return peer
end

brokers.mosquitto = {
  versions = { "3.1.1", "5.0" },
  qos = 2,
  user = "u",
  password = "secret",
  anonymous = true,
  shared = true,
  piece = 12000, -- it takes 4096 bytes of a WebSocket in a turn, and those last 0.1 s
}

function brokers.mosquitto.start(certificates, more)
  return start {
    argv = function(own, plain, ws, tls)
      local passwords = own:write("passwords", "")
      local made = process.run { "mosquitto_passwd", "-b", passwords, "u", "secret" }
      assert(made.code == 0, made.errors)
      local config = fill(
        [[
user root
allow_anonymous true
password_file @OWN@/passwords
max_queued_messages 0
persistence_location @OWN@/
@MORE@
listener @PLAIN@ 127.0.0.1
listener @WS@ 127.0.0.1
protocol websockets
listener @TLS@ 127.0.0.1
certfile @CERTIFICATES@/cert.pem
keyfile @CERTIFICATES@/key.pem
]],
        values_of(certificates, own, plain, ws, tls, more or "")
      )
      return { "mosquitto", "-c", own:write("mosquitto.conf", config) }
    end,
  }
end

brokers.aedes = {
  versions = { "3.1.1" },
  qos = 2,
  user = "u",
  password = "secret",
  anonymous = true,
}

function brokers.aedes.start(certificates)
  local cert, key = certificates .. "/cert.pem", certificates .. "/key.pem"
  return start {
    argv = function(_, plain, ws, tls)
      return { "node", "spec/interop/aedes.mjs", plain .. "", ws .. "", tls .. "", cert, key }
    end,
  }
end

brokers.ejabberd = {
  versions = { "3.1.1", "5.0" },
  qos = 2,
  user = "u@localhost",
  password = "secret",
  receive_maximum = true, -- mosquitto 2.0.11 sends two messages for each PUBACK: more than it may
  keeps_expired = true, -- it delivers from a session what expired there (3.3.2.3.3 has it deleted)
}

-- Without a node's name it needs neither epmd nor a cookie.
function brokers.ejabberd.start(certificates)
  return start {
    argv = function(own, plain, ws, tls)
      local config = fill(
        [[
hosts: [localhost]
loglevel: error
auth_method: internal
certfiles: [@CERTIFICATES@/cert.pem, @CERTIFICATES@/key.pem]
listen:
  - {port: @PLAIN@, ip: "127.0.0.1", module: mod_mqtt}
  - {port: @TLS@, ip: "127.0.0.1", module: mod_mqtt, tls: true}
  - {port: @WS@, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {/mqtt: mod_mqtt}}
modules:
  mod_mqtt:
    access_publish: {"#": [allow: all]}
    access_subscribe: {"#": [allow: all]}
]],
        values_of(certificates, own, plain, ws, tls)
      )
      own:write("ejabberd.yml", config)
      local register = [[ejabberd_auth:try_register(<<"u">>,<<"localhost">>,<<"secret">>),]]
        .. [[io:format("listening~n").]]
      return {
        "/usr/bin/env",
        "HOME=" .. own.path,
        "ERL_LIBS=/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu",
        "EJABBERD_CONFIG_PATH=" .. own.path .. "/ejabberd.yml",
        "EJABBERD_LOG_PATH=" .. own.path .. "/ejabberd.log",
        "ERL_CRASH_DUMP_BYTES=0",
        "erl",
        "-noshell",
        "-noinput",
        "-mnesia",
        "dir",
        ('"%s/db"'):format(own.path),
        "-s",
        "ejabberd",
        "-eval",
        register,
      }
    end,
  }
end

brokers.rabbitmq = {
  versions = { "3.1.1" },
  qos = 1,
  user = "guest",
  password = "guest",
  anonymous = true,
}

local RABBITMQ = [[
listeners.tcp = none
mqtt.listeners.tcp.1 = 127.0.0.1:@PLAIN@
mqtt.listeners.ssl.1 = 127.0.0.1:@TLS@
mqtt.allow_anonymous = true
mqtt.default_user = guest
mqtt.default_pass = guest
ssl_options.certfile = @CERTIFICATES@/cert.pem
ssl_options.keyfile = @CERTIFICATES@/key.pem
web_mqtt.tcp.ip = 127.0.0.1
web_mqtt.tcp.port = @WS@
web_mqtt.ws_path = /mqtt
log.console = true
log.file = false
log.console.level = error
]]

local function rabbitmq_program()
  local found = process.run { "sh", "-c", "ls -d /usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server" }
  assert(found.code == 0, "rabbitmq-server is not installed")
  return found.output:match "[^\n]+"
end

--- It needs an epmd: its own, which knows no other node. A node that was killed is still known to
--- it until it has noticed.
function brokers.rabbitmq.start(certificates)
  local program = rabbitmq_program()
  local epmd = peers.start {
    argv = function(_, port) return { "epmd", "-port", port .. "", "-address", "127.0.0.1" } end,
  }
  return start {
    ports = 4,
    argv = function(own, plain, ws, tls, node)
      local path = own.path
      own:write("rabbitmq.conf", fill(RABBITMQ, values_of(certificates, own, plain, ws, tls)))
      own:write("enabled", "[rabbitmq_mqtt,rabbitmq_web_mqtt].")
      return {
        "/usr/bin/env",
        "HOME=" .. path,
        "ERL_EPMD_PORT=" .. epmd.port,
        "RABBITMQ_NODENAME=perilune@localhost",
        "RABBITMQ_DIST_PORT=" .. node,
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
        ("RABBITMQ_CONFIG_FILE=%s/rabbitmq.conf"):format(path),
        ("RABBITMQ_ADVANCED_CONFIG_FILE=%s/advanced.config"):format(path),
        ("RABBITMQ_ENABLED_PLUGINS_FILE=%s/enabled"):format(path),
        ("RABBITMQ_MNESIA_BASE=%s/mnesia"):format(path),
        ("RABBITMQ_LOG_BASE=%s/log"):format(path),
        ("RABBITMQ_PID_FILE=%s/pid"):format(path),
        "RABBITMQ_LOGS=-",
        "RABBITMQ_CONF_ENV_FILE=/dev/null",
        "RABBITMQ_ALLOW_INPUT=1", -- the program takes the shell's place
        program,
        "-noshell",
        "-noinput",
      }
    end,
  }
end

--- Options of a client for it.
function brokers.options(kind, broker, folder, version, carrier, more)
  local url = {
    TCP = ("mqtt://127.0.0.1:%d"):format(broker.ports[1]),
    WebSocket = ("ws://127.0.0.1:%d/mqtt"):format(broker.ports[2]),
    TLS = ("mqtts://127.0.0.1:%d"):format(broker.ports[3]),
  }
  local options = { version = version, url = url[carrier] }
  if carrier == "TLS" then options.tls = { root_cert_file = folder .. "/ca.pem" } end
  options.authentication = { username = kind.user, password = kind.password }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return options
end

return brokers
