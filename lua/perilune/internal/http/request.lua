--- A request from its options to its answer: each step to one place, sent as often as it takes.
local authorization = require "perilune.internal.http.authorization"
local cookies = require "perilune.internal.http.cookies"
local hidden = require "perilune.internal.hidden"
local journal = require "perilune.internal.http.journal"
local proxy = require "perilune.internal.proxy"
local redact = require "perilune.internal.http.redact"
local redirect = require "perilune.internal.http.redirect"
local responses = require "perilune.internal.http.response"
local retry = require "perilune.internal.http.retry"
local all_settings = require "perilune.internal.http.settings"
local task = require "perilune.task"
local timer = require "perilune.timer"
local tls_client = require "perilune.internal.tls_client"

local requests = {}

-- What is spent on a body that nobody wants, so that its connection can be used again.
local DISCARD_BYTES = 65536
local DISCARD_SECONDS = 1

local MAX_FIELDS = 100 -- of a request
local STALE = 16 -- connections in a row that may turn out to be closed

---@class perilune.internal.http.Run What one request of the script comes to.
---@field session { pool: userdata, handlers?: table }
---@field settings table
---@field deadline? number
---@field jar? perilune.internal.http.Jar
---@field call? userdata The call that is open.
---@field entry? table What the log knows of the last answer.
---@field body? string Of the answer.
---@field token? string The value of Authorization.
---@field urls string[] What was asked before.

local function time_left(run) return run.deadline and run.deadline - timer.now() end

local function timed_out() return nil, "timed out: timeout.total is over", "ETIMEDOUT" end

-- What is sent to a place.

local function tls_of(run, step)
  if not step.place.secure then return nil end
  local tls = run.settings.tls
  if not step.home then tls = all_settings.anonymous_tls(tls) end
  local context, message, code = tls_client.context(tls, { "http/1.1" })
  if not context then return nil, message, code end
  return { context = context, server_name = tls.host_name }
end

local function proxy_of(run, place)
  local chosen = run.settings.proxy
  if chosen == "environment" then
    local message, code
    chosen, message, code = proxy.from_environment(place.scheme, place.host, place.port)
    if chosen == nil then return nil, message, code end
  end
  if not (chosen and chosen.tls) then return chosen end
  local context, message, code = tls_client.context(chosen.tls)
  if not context then return nil, message, code end
  return {
    kind = chosen.kind,
    host = chosen.host,
    port = chosen.port,
    user = chosen.user,
    password = chosen.password,
    tls = context,
  }
end

--- Basic of the URL's own user and password, or what the option says. Waits when it asks.
local function credentials(run, step)
  if not step.home then return nil end
  if run.token then return run.token end
  local value, message, code
  if run.settings.authentication then
    value, message, code = authorization.value(run.settings.authentication)
  elseif step.place.user then
    value, message = authorization.basic(step.place.user, step.place.password or "")
    code = "EINVAL"
    message = message and "the URL's user name " .. message
  else
    return nil
  end
  if not value then return nil, message, code end
  run.token = value
  return value
end

--- The fields of a step as they go on the wire.
local function fields_of(run, step)
  local list, named = {}, {}
  for i, field in ipairs(step.fields) do
    list[i] = field
    named[field[1]:lower()] = true
  end
  local left_out = run.settings.headers.left_out
  if not (named.authorization or left_out.authorization) then
    local value, message, code = credentials(run, step)
    if message then return nil, message, code end
    list[#list + 1] = value and { "Authorization", value } or nil
  end
  local jar = run.jar
  local may = jar and not (named.cookie or left_out.cookie)
  local kept = may and cookies.header(jar, step.place)
  if kept then list[#list + 1] = { "Cookie", kept } end
  step.cookie = kept or nil
  if #list > MAX_FIELDS then
    return nil, ("the request has more than %d header fields"):format(MAX_FIELDS), "ELIMIT"
  end
  return list
end

--- What the pool is asked for.
local function order_of(run, step)
  local settings = run.settings
  local tls, message, code = tls_of(run, step)
  if message then return nil, message, code end
  local chosen
  chosen, message, code = proxy_of(run, step.place)
  if message then return nil, message, code end
  local fields
  fields, message, code = fields_of(run, step)
  if not fields then return nil, message, code end
  local times = settings.timeout
  local left = time_left(run)
  if left and left <= 0 then return timed_out() end
  return {
    method = step.method,
    scheme = step.place.scheme,
    host = step.place.host,
    port = step.place.port,
    target = step.place.target,
    fields = fields,
    body = step.body ~= nil,
    length = step.body and step.body.length,
    tls = tls and tls.context,
    server_name = tls and tls.server_name,
    proxy = chosen or nil,
    guard = settings.guard,
    decode = settings.decode,
    timeouts = {
      resolve = times.resolve or nil,
      connect = times.connect or nil,
      first_byte = times.first_byte or nil,
      idle = times.idle or nil,
      total = left or nil,
    },
    limits = settings.limits,
  }
end

-- Sending it once.

-- What the function of a body with a length may do wrong.
local OF_LENGTH = {
  ESTATE = "the function 'body' gave fewer bytes than 'length'",
  ETOOBIG = "the function 'body' gave more bytes than 'length'",
}

local function written_wrong(message, code)
  if OF_LENGTH[code] then return nil, OF_LENGTH[code], "EINVAL" end
  return nil, message, code
end

--- Writes what the body gives. Whether the server has answered already does not matter here.
local function write_all(call, read)
  while true do
    local piece, message, code = read()
    if piece == nil then
      if message then return nil, message, code or "ECANCELED" end
      local finished
      finished, message, code = call:finish()
      if not finished then return written_wrong(message, code) end
      return true
    elseif type(piece) ~= "string" then
      error(("the function 'body' gave a %s, not a string"):format(type(piece)), 0)
    end
    local written
    written, message, code = true, nil, nil
    if piece ~= "" then
      written, message, code = call:write(piece)
    end
    if not written then return written_wrong(message, code) end
  end
end

local function send_body(call, body)
  local read, close = body.open()
  local ok, sent, message, code = pcall(write_all, call, read)
  if close then close() end
  if not ok then error(sent, 0) end
  if not sent and code ~= "EANSWERED" then return nil, message, code end
  return true
end

--- One request over one connection: the call and its head.
---@return userdata? call
---@return table|string head Or a message.
---@return string? code
---@return boolean? stale Whether only the kept connection was at fault.
local function attempt(run, order, body)
  local call, message, code = run.session.pool:open(order)
  if not call then return nil, message, code end
  run.call = call
  local sent, head = true, nil
  if body then
    sent, message, code = send_body(call, body)
  end
  if sent then
    head, message, code = call:head()
  end
  if head then return call, head end
  local stale = call.reused and (code == "ECONNRESET" or code == "EPIPE" or code == "ECLOSED")
  call:close()
  run.call = nil
  return nil, message, code, stale
end

local function is_repeatable(step) return not step.body or step.body.repeatable end

--- Again, while connections that were kept turn out to be closed (RFC 9112 9.3.1).
local function attempt_fresh(run, step, order)
  local call, head, code, stale
  for _ = 1, STALE do
    call, head, code, stale = attempt(run, order, step.body)
    local again = stale and retry.IDEMPOTENT[step.method] and is_repeatable(step)
    if not again then break end
  end
  return call, head, code
end

local function read_away(call)
  local left = DISCARD_BYTES
  while left > 0 do
    local piece = call:read()
    if not piece then return end
    left = left - #piece
  end
end

--- Reads a short body away, so that the connection can serve again; ends a long or slow one.
local function discard(run)
  local call = run.call
  task.start(read_away, call):wait(DISCARD_SECONDS)
  call:close()
  run.call = nil -- not before: who is cancelled meanwhile closes it
end

--- The value of a field, and whether there is another one.
local function first_value(head, name)
  local value
  for _, field in ipairs(head.fields) do
    if field[1]:lower() == name then
      if value and value ~= field[2] then return value, true end
      value = field[2]
    end
  end
  return value, false
end

local function take_cookies(run, step, head)
  local jar = run.jar
  if not jar then return end
  for _, field in ipairs(head.fields) do
    if field[1]:lower() == "set-cookie" then cookies.take(jar, step.place, field[2]) end
  end
end

--- Once, with what is told about it.
local function attempt_told(run, step)
  local order, message, code = order_of(run, step)
  if not order then return nil, message, code end
  local entry = journal.begin(
    run.session.handlers,
    run.settings.log_file,
    step.method,
    step.place.url,
    order.fields
  )
  local call, head
  call, head, code = attempt_fresh(run, step, order)
  if call then
    take_cookies(run, step, head)
    journal.finish(entry, head)
    run.entry = entry
  else
    journal.finish(entry, { message = head, code = code })
  end
  return call, head, code
end

--- Seconds until it is sent again; nil when the outcome stands.
local function pause_before(run, step, count, call, head, code)
  if not is_repeatable(step) then return nil end
  local outcome = { code = code }
  if call then
    local retry_after = first_value(head, "retry-after")
    outcome = { status = head.status, retry_after = retry_after }
  end
  local delay = retry.delay(run.settings.retries, count, step.method, outcome, os.time())
  local left = time_left(run)
  return not (delay and left and delay >= left) and delay or nil
end

local function is_followed(run, head)
  return run.settings.redirects and redirect.is(head.status, (first_value(head, "location")))
end

--- All of the body, unless it is read later, or of no interest.
local function take_body(run, head)
  if run.settings.stream or is_followed(run, head) then return true end
  local message, code
  run.body, message, code = responses.collect(run.call, run.settings.limits.body)
  if run.body then return true end
  run.call:close()
  run.call = nil
  journal.finish(run.entry, { message = message, code = code })
  return nil, message, code
end

--- As often as the option `retries` has it.
local function attempt_all(run, step)
  local count = 0
  while true do
    count = count + 1
    local call, head, code = attempt_told(run, step)
    local delay = pause_before(run, step, count, call, head, code)
    if call and not delay then
      local taken, message
      taken, message, code = take_body(run, head)
      if not taken then
        call, head = nil, message
        delay = pause_before(run, step, count, call, head, code)
      end
    end
    if not delay then return call, head, code end
    if call then discard(run) end
    timer.sleep(delay)
  end
end

-- From place to place.

local function question(step, cookie)
  return ("%s %s %s"):format(step.method, step.place.url, cookie or "")
end

--- The same question twice has the same answer. Who sets a cookie asks another one.
local function is_circle(run, step, following)
  run.seen = run.seen or {}
  run.seen[question(step, step.cookie)] = true
  local cookie = run.jar and cookies.header(run.jar, following.place)
  return run.seen[question(following, cookie)] == true
end

--- Whether all lines of this name say the same. Which of two is meant, nobody knows.
local function is_single(head, name)
  local value = first_value(head, name)
  for _, field in ipairs(head.fields) do
    if field[1]:lower() == name and field[2] ~= value then return false end
  end
  return true
end

--- The step behind a redirect; nil when the answer stands, or with a message.
local function next_step(run, step, head)
  if not is_followed(run, head) then return nil end
  local allowed = run.settings.redirects
  local location, another = first_value(head, "location")
  if another then return nil, "redirected to several places at once", "EPROTO" end
  if not is_single(head, "location") then
    return nil, "the answer names several locations", "EPROTO"
  end
  if #run.urls >= allowed.max then
    return nil, ("more than %d redirects"):format(allowed.max), "ELIMIT"
  end
  local following, message, code =
    redirect.follow(step, head.status, location, allowed.allow_downgrade)
  if not following then return nil, message, code end
  if is_circle(run, step, following) then
    return nil, "redirected in a circle to " .. redact.url(following.place.url), "ELOOP"
  end
  run.urls[#run.urls + 1] = step.place.url
  return following
end

local function make_response(run, step, head)
  return responses.make {
    body = run.body,
    call = run.call,
    fields = head.fields,
    headers = head.headers,
    limit = run.settings.limits.body,
    reason = head.reason,
    redirects = run.urls,
    status = head.status,
    url = step.place.url,
    version = head.version,
  }
end

local function follow(run, step)
  while true do
    local call, head, code = attempt_all(run, step)
    if not call then return nil, head, code end
    local following, message
    following, message, code = next_step(run, step, head)
    if message then
      call:close()
      return nil, message, code
    elseif not following then
      return make_response(run, step, head)
    end
    discard(run)
    step = following
  end
end

local function finish(run, ok, ...)
  if ok then return ... end
  if run.call then run.call:close() end
  error((...), 0)
end

--- Asks, and waits for the answer.
---@param session { pool: userdata, handlers?: table }
---@param settings table From settings.lua.
---@param step perilune.internal.http.Step
---@return perilune.http.Response? response
---@return string? message
---@return string? code
function requests.run(session, settings, step)
  local total = settings.timeout.total
  local run = {
    session = session,
    settings = settings,
    deadline = total and timer.now() + total,
    jar = settings.cookies and cookies.state(settings.cookies),
    urls = {},
  }
  return finish(run, pcall(hidden.call, follow, run, step))
end

return requests
