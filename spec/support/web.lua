--- A server of routes, for specs of clients of HTTP.
local fixture = require "spec.support.fixture"

local web = {}

---@class spec.web.Site
---@field url string "http://127.0.0.1:1234"
---@field asked { method: string, path: string, query: string, headers: table, port: integer }[]
---@field server perilune.Server

--- Starts a server whose documents are answered by functions (request, response, conn), or are
--- texts.
---@param routes table<string, string|fun(request: table, response: table, conn: table)>
---@param options? table Of the server.
---@return spec.web.Site
function web.site(routes, options)
  local site = { asked = {} }
  local function handle(conn, request, response)
    local headers = request.headers
    site.asked[#site.asked + 1] = {
      method = request.command,
      path = request.document,
      query = request.query,
      headers = headers,
      port = conn.port,
    }
    local route = routes[request.document]
    if type(route) == "string" then
      response.content_text = route
    elseif route then
      route(request, response, conn)
    else
      response.response_no = 404
      response.content_text = "no " .. request.document
    end
  end
  site.server = fixture.server(options, { OnCommandGet = handle, OnCommandOther = handle })
  local scheme = options and options.tls and "https" or "http"
  site.url = ("%s://127.0.0.1:%d"):format(scheme, site.server.port)
  return site
end

--- The last request.
function web.last(site) return site.asked[#site.asked] end

return web
