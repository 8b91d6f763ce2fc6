--- Certificates for specs: of servers by `perilune cert`, of clients by openssl.
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"

local certificates = {}

--- Runs a program that has to succeed.
local function run(...)
  local done = process.run { ... }
  assert(done.code == 0, done.errors)
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

--- A new folder with ca.pem, ca-key.pem, cert.pem and key.pem, for these names.
---@return string folder
function certificates.folder(...)
  local folder = fixture.folder().path
  local argv = { process.PERILUNE, "cert", folder }
  for _, name in ipairs { ... } do
    argv[#argv + 1] = "--name=" .. name
  end
  run(unpack(argv))
  return folder
end

--- The option `tls` for a server with the certificate of the folder.
---@param more? table
function certificates.tls(folder, more)
  local tls = { cert_file = folder .. "/cert.pem", key_file = folder .. "/key.pem" }
  for name, value in pairs(more or {}) do
    tls[name] = value
  end
  return tls
end

--- The folder's certificate and key as a P12 file.
---@param ... string Further arguments of `openssl pkcs12`.
---@return string path
function certificates.p12(folder, name, password, ...)
  local path = folder .. "/" .. name
  local cert, key = folder .. "/cert.pem", folder .. "/key.pem"
  local argv = { "openssl", "pkcs12", "-export", "-in", cert, "-inkey", key, "-out", path }
  for _, more in ipairs { "-passout", "pass:" .. password, ... } do
    argv[#argv + 1] = more
  end
  run(unpack(argv))
  return path
end

--- Runs a line of words; what is put in has no blanks.
local function run_line(line, ...)
  local words = {}
  for word in line:format(...):gmatch "%S+" do
    words[#words + 1] = word
  end
  run(unpack(words))
end

--- A certificate and its key in one file, signed by the folder's authority.
local function issue(folder, name, days, more)
  local path = ("%s/%s"):format(folder, name)
  local key, request, certificate = path .. "-key.pem", path .. ".csr", path .. ".pem"
  run_line(
    "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=%s "
      .. "-keyout %s -out %s",
    name,
    key,
    request
  )
  run_line(
    "openssl x509 -req -in %s -CA %s/ca.pem -CAkey %s/ca-key.pem -days %d -out %s %s",
    request,
    folder,
    folder,
    days or 1,
    certificate,
    more or ""
  )
  run("sh", "-c", ("cat '%s' >> '%s'"):format(key, certificate))
  return certificate
end

--- A client's certificate and key in one file, signed by the folder's authority.
---@param days? integer How long it is good; below 0: it has expired.
---@return string path
function certificates.client(folder, name, days) return issue(folder, name, days) end

--- Likewise a server's.
---@param names string "DNS:localhost,IP:127.0.0.1"
---@return string path
function certificates.server(folder, name, names, days)
  local extensions = ("%s/%s.ext"):format(folder, name)
  write(extensions, ("subjectAltName=%s\n"):format(names))
  return issue(folder, name, days, "-extfile " .. extensions)
end

--- A list of the folder's authority that revokes a certificate.
---@return string path
function certificates.revoke(folder, certificate)
  local path = folder .. "/crl.pem"
  local config = folder .. "/ca.cnf"
  write(
    config,
    ([[
[ca]
default_ca = own
[own]
database = %s/index.txt
crlnumber = %s/crlnumber
default_md = sha256
default_crl_days = 1
]]):format(folder, folder)
  )
  write(folder .. "/index.txt", "")
  write(folder .. "/crlnumber", "01\n")
  local ca, key = folder .. "/ca.pem", folder .. "/ca-key.pem"
  local function authority(...)
    run("openssl", "ca", "-config", config, "-cert", ca, "-keyfile", key, ...)
  end
  authority("-revoke", certificate)
  authority("-gencrl", "-out", path)
  return path
end

return certificates
