--- Where an answer sends its client, and what is sent there (RFC 9110 15.4).
local fields = require "perilune.internal.http.fields"
local places = require "perilune.internal.http.place"
local url = require "perilune.core.url"

local redirect = {}

local FOLLOWED = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

-- What speaks of a body that is sent no more (15.4), by lower-case names.
local OF_BODY = {
  ["content-encoding"] = true,
  ["content-language"] = true,
  ["content-location"] = true,
  ["content-type"] = true,
  ["content-length"] = true,
  ["content-range"] = true,
  ["digest"] = true,
  ["content-digest"] = true,
  ["repr-digest"] = true,
  ["last-modified"] = true,
  ["transfer-encoding"] = true,
}

-- What was meant for the one that it was given to.
redirect.CREDENTIALS = {
  ["authorization"] = true,
  ["cookie"] = true,
  ["proxy-authorization"] = true,
  ["host"] = true,
}

--- 303 asks for a look elsewhere. With 301 and 302 a POST becomes a GET, as in browsers.
local function method_after(status, method)
  if status == 303 then return method == "HEAD" and "HEAD" or "GET" end
  return (status == 301 or status == 302) and method == "POST" and "GET" or method
end

--- Whether an answer is one that is followed.
---@param status integer
---@param location string? The value of Location.
---@return boolean
function redirect.is(status, location) return FOLLOWED[status] == true and location ~= nil end

--- A reference without a fragment takes over that of the URL (RFC 9110 10.2.2).
local function target_of(from, location)
  local found, message = url.resolve_url(from.url, location)
  if not found then return nil, message end
  local place
  place, message = places.of(found)
  if place and not place.fragment and from.fragment then
    place = places.of(found .. "#" .. from.fragment)
  end
  return place, message
end

---@class perilune.internal.http.Step What is asked of one place.
---@field method string
---@field place perilune.internal.http.URL
---@field fields string[][] { name, value }, without what the framing needs.
---@field body? perilune.internal.http.Body
---@field home boolean Whether it is the origin for which the options were meant.

--- What is asked next.
---@param step perilune.internal.http.Step
---@param status integer
---@param location string
---@param allow_downgrade boolean
---@return perilune.internal.http.Step? following
---@return string? message
---@return string? code "EPROTO": Location is no URL of HTTP; "EACCES": from https to http;
--- "ENOTSUP": the body cannot be sent again.
function redirect.follow(step, status, location, allow_downgrade)
  local place, message = target_of(step.place, location)
  if not place then return nil, "redirected to what is no URL of HTTP: " .. message, "EPROTO" end
  if place.user then
    return nil, "redirected to a URL with a user name in it", "EPROTO"
  elseif step.place.secure and not place.secure and not allow_downgrade then
    return nil, ("redirected from https to http (%s)"):format(place.origin), "EACCES"
  end
  local following = {
    method = method_after(status, step.method),
    place = place,
    fields = step.fields,
    body = step.body,
    home = step.home,
  }
  if following.method ~= step.method then
    following.body = nil
    following.fields = fields.without_names(following.fields, OF_BODY)
  end
  if following.body and not following.body.repeatable then
    return nil, ("redirected with %d, but the body cannot be sent again"):format(status), "ENOTSUP"
  end
  if place.origin ~= step.place.origin then
    following.home = false
    following.fields = fields.without_names(following.fields, redirect.CREDENTIALS)
  end
  return following
end

return redirect
