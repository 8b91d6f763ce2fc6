--- Files from forms, kept beside this script.
--- Send one with: curl -F file=@moon.jpg http://127.0.0.1:8080/
local server = require("perilune.server").new {
  port = 8080,
  http_upload_files = { stream_type = "file" },
}

function server.OnHTTPUploadBeforeSaveFile(name) return os.date "%Y-%m-%d " .. name end

function server.OnCommandGet(_, request, response)
  local lines = {}
  for _, file in ipairs(request.files) do
    lines[#lines + 1] = ("%s: %d bytes"):format(file.filename, file.size)
  end
  response.content_type, response.content_text = "text/plain", table.concat(lines, "\n")
end

assert(server:start())
