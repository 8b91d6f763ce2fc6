--- Which flag says which option of perilune.client. README.md has the same as a table.
local options = {}

--- Options whose values are those of flags: a switch gives true. Others are made in settings.lua.
options.plain = {
  { "url", "url" },
  { "servers", "server" },
  { "protocols", "protocol" },
  { "origin", "origin" },
  { "guard", "guard" },
  { "connect_timeout", "connect_timeout" },
  { "bound_ip", "bind" },
  { "keep_messages", "keep_messages" },
  { "redirects.to_plain", "redirect_to_plain" },
  { "redirects.to_private", "redirect_to_private" },
  { "tcp_keepalive.time", "keepalive" },
  { "tcp_keepalive.interval", "keepalive_interval" },
  { "tcp_keepalive.count", "keepalive_count" },
  { "throttle.read", "read_rate" },
  { "throttle.write", "write_rate" },
  { "log_file.file_name", "log" },
  { "log_file.raw", "log_hex" },
  { "watchdog.interval", "reconnect" },
  { "watchdog.attempts", "attempts" },
  { "watchdog.factor", "factor" },
  { "watchdog.max_interval", "max_interval" },
  { "watchdog.jitter", "jitter" },
  { "watchdog.held", "held" },
  { "end_of_frame.scan", "scan" },
  { "end_of_frame.strip", "strip" },
  { "extensions.permessage_deflate.server_max_window_bits", "deflate_server_bits" },
  { "extensions.permessage_deflate.client_max_window_bits", "deflate_client_bits" },
  { "extensions.permessage_deflate.mem_level", "deflate_memory" },
  { "extensions.permessage_deflate.level", "deflate_level" },
  { "tls.root_cert_file", "ca" },
  { "tls.crl_file", "crl" },
  { "tls.verify_depth", "verify_depth" },
  { "tls.cert_file", "cert" },
  { "tls.key_file", "key" },
  { "tls.p12_file", "p12" },
  { "tls.legacy", "p12_legacy" },
  { "tls.host_name", "server_name" },
  { "tls.min_version", "tls_min" },
  { "tls.max_version", "tls_max" },
  { "tls.cipher_list", "ciphers" },
  { "tls.curves", "curves" },
  { "tls.alpn", "alpn" },
  { "authentication.token.auth_name", "token_name" },
}

--- Options that are made of flags in settings.lua.
options.made = {
  ["headers"] = "--header",
  ["proxy"] = "--proxy",
  ["authentication"] = "--auth",
  ["authentication.user"] = "--user",
  ["authentication.password"] = "--user",
  ["authentication.basic"] = "--auth basic",
  ["authentication.session"] = "--auth session",
  ["authentication.url"] = "--auth url",
  ["authentication.token.auth_token"] = "--token",
  ["tls.verify"] = "--insecure",
  ["tls.sessions"] = "--tls-sessions",
  ["tls.password"] = "--key-password",
  ["redirects.max"] = "--redirects",
  ["heartbeat.interval"] = "--heartbeat",
  ["heartbeat.timeout"] = "--heartbeat-timeout",
  ["heartbeat.type"] = "--heartbeat-always",
  ["linger_state"] = "--reset",
  ["bound_port_min"] = "--bind-ports",
  ["bound_port_max"] = "--bind-ports",
  ["end_of_frame"] = "--end-of-frame",
  ["end_of_frame.bytes"] = "--end-of-frame",
  ["queue_options.text"] = "--level text=N",
  ["queue_options.binary"] = "--level binary=N",
  ["queue_options.ping"] = "--level ping=N",
  ["log_file"] = "--log",
  ["extensions.permessage_deflate"] = "--deflate",
  ["extensions.permessage_deflate.server_no_context_takeover"] = "--deflate-server-takeover",
  ["extensions.permessage_deflate.client_no_context_takeover"] = "--deflate-client-takeover",
  ["extensions.deflate_frame"] = "--deflate-frame",
  ["options.fragmented_messages"] = "--frames, --no-buffer",
  ["options.clean_disconnect"] = "--abrupt",
}

--- What has no flag, and why.
options.without = {
  ["host"] = "the URL says it",
  ["port"] = "the URL says it",
  ["parameters"] = "the URL says it",
  ["proxy.kind"] = "--proxy is a URL, which says it",
  ["proxy.host"] = "--proxy is a URL, which says it",
  ["proxy.port"] = "--proxy is a URL, which says it",
  ["proxy.user"] = "--proxy is a URL, which says it",
  ["proxy.password"] = "--proxy is a URL, which says it",
  ["authentication.token.oauth2"] = "an object of a script",
  ["authentication.token.jwt"] = "an object of a script",
  ["options.raise_disconnect_exceptions"] = "every end is told once, whatever it says",
}

for _, name in ipairs {
  "server_max_window_bits",
  "client_max_window_bits",
  "server_no_context_takeover",
  "client_no_context_takeover",
  "mem_level",
  "level",
} do
  options.without["extensions.deflate_frame." .. name] = "what is old is offered as most take it"
end

--- The flag of an option; nil: there is none.
---@param path string "watchdog.interval"
---@return string?
function options.flag_of(path)
  local one, name = path:match "^(limits)%.([%w_]+)$"
  if one then return "--limit " .. name end
  if path:find "^proxy%.tls" then return "--proxy-tls " .. path:match "[%w_]+$" end
  for _, entry in ipairs(options.plain) do
    if entry[1] == path then
      return entry[2] == "url" and "URL" or "--" .. entry[2]:gsub("_", "-")
    end
  end
  return options.made[path]
end

--- What client.new says of its options, said of the flags.
---@param message string
---@return string
function options.in_flags(message)
  return (
    message
      :gsub("^.-:%d+: ", "")
      :gsub(" of client%.new", "")
      :gsub("options? ('[%w_.%[%]]+')", "%1")
      :gsub("'([%w_.]+)(%[?%d*%]?)'", function(path)
        if path:find "^bound_port_" then return "--bind-ports" end
        return options.flag_of(path)
      end)
      :gsub("^%-%-bind%-ports and %-%-bind%-ports take", "--bind-ports takes")
  )
end

return options
