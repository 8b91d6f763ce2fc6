--- nginx, on a plain port and one with TLS, with files of the test's own.
local peers = require "spec.support.peers"

local nginx = {}

local CONFIG = [[
daemon off;
master_process off;
pid @FOLDER@/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path @FOLDER@/body;
  proxy_temp_path @FOLDER@/proxy;
  fastcgi_temp_path @FOLDER@/fastcgi;
  uwsgi_temp_path @FOLDER@/uwsgi;
  scgi_temp_path @FOLDER@/scgi;
  keepalive_timeout 30s;
  keepalive_requests 50;
  limit_req_zone $server_port zone=all:64k rate=1r/m;
  default_type text/plain;
  map $http_upgrade $upgrading { default upgrade; '' close; }
  server {
    listen 127.0.0.1:@PORT@;
    listen 127.0.0.1:@TLS_PORT@ ssl;
    ssl_certificate @CERTIFICATES@/cert.pem;
    ssl_certificate_key @CERTIFICATES@/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:own:1m;
    ssl_client_certificate @CERTIFICATES@/ca.pem;
    ssl_verify_client optional;
    root @FOLDER@/public;
    location /says {
      return 200 "$request_method $scheme $connection $connection_requests $http_x_own\n";
    }
    location /tls {
      return 200 "$ssl_protocol $ssl_session_reused $ssl_server_name $ssl_client_verify\n";
    }
    location /301 { return 301 /says; }
    location /302 { return 302 http://localhost:@PORT@/secret; }
    location /307 { return 307 /put/moved.txt; }
    location /308 { return 308 https://localhost:@TLS_PORT@/says; }
    location /down { return 302 http://localhost:@PORT@/says; }
    location /loop { return 302 /loop; }
    location /secret { return 200 "[$http_authorization][$http_cookie]\n"; }
    location /429 {
      limit_req zone=all;
      limit_req_status 429;
      try_files /small.txt =404;
    }
    location /413 {
      client_max_body_size 1k;
      dav_methods PUT;
    }
    location /put/ {
      client_max_body_size 64m;
      dav_methods PUT DELETE;
    }
    location /gzip/ {
      alias @FOLDER@/public/;
      gzip on;
      gzip_types *;
      gzip_min_length 0;
    }
    location /private {
      auth_basic "own";
      auth_basic_user_file @FOLDER@/users;
      try_files /small.txt =404;
    }
    location /slowly {
      limit_rate 100k;
      try_files /large.bin =404;
    }
    location /444 { return 444; }
    location /503 { add_header Retry-After 1 always; return 503; }
    location /ws {
      proxy_pass http://127.0.0.1:@BEHIND@;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $upgrading;
      proxy_read_timeout 30s;
    }
    location /kept/ {
      client_max_body_size 0;
      proxy_pass http://127.0.0.1:@BEHIND@;
    }
    location /passed/ {
      client_max_body_size 0;
      proxy_pass http://127.0.0.1:@BEHIND@;
      proxy_http_version 1.1;
      proxy_request_buffering off;
    }
  }
}
]]

--- Starts it. Its `folder` has public/ with small.txt and large.bin (1 MiB), `ports[2]` is TLS.
---@param certificates string A folder with ca.pem, cert.pem and key.pem.
---@param behind? integer The port of a server: of WebSockets at /ws; below /kept/ bodies of
--- requests are sent when they are whole, below /passed/ as they come.
function nginx.start(certificates, behind)
  return peers.start {
    ports = 2,
    argv = function(folder, port, tls_port)
      folder:write("public/small.txt", "small\n")
      folder:write("public/large.bin", ("0123456789abcdef"):rep(65536))
      folder:write("public/put/keep", "")
      -- "secret", hashed by crypt(3) as htpasswd does it.
      folder:write("users", "alice:{PLAIN}secret\n")
      local values = {
        FOLDER = folder.path,
        PORT = port,
        TLS_PORT = tls_port,
        CERTIFICATES = certificates,
        BEHIND = behind or 1,
      }
      local config = CONFIG:gsub("@([A-Z_]+)@", values)
      -- As root its workers become another user, unless there are none.
      return { "nginx", "-p", folder.path, "-c", folder:write("nginx.conf", config) }
    end,
  }
end

return nginx
