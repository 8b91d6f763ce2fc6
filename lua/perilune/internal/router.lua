--- Events of connections, sorted by subprotocol: a protocol that is attached to a server or a
--- client gets those of its own connections, the component's handlers all others.
local router = {}

--- Whose messages they are not they never see; of connections both are told.
local ROUTED = { OnConnect = "both", OnDisconnect = "both", OnMessage = "one", OnBinary = "one" }

-- By component; each is held by the dispatchers, which the component holds.
local states = setmetatable({}, { __mode = "kv" })

--- One event on its way: to the protocol, to the component's own handler, or to both.
local function dispatcher(state, event)
  local both = ROUTED[event] == "both"
  return function(conn, ...)
    local protocol = state.protocols[conn.protocol]
    local handler = state.handlers[event]
    if not protocol then return handler and handler(conn, ...) end
    local own = protocol[event]
    if own then own(conn, ...) end
    if both and handler and not protocol.alone then return handler(conn, ...) end
  end
end

--- Gives the connections of a subprotocol to a table of handlers: OnConnect, OnDisconnect,
--- OnMessage, OnBinary. With `alone` the component is not told of these connections at all.
---@param component userdata A server or a client.
---@param core table What gets and sets its handlers.
---@param name string The subprotocol.
---@param handlers table<string, function|boolean>
---@return boolean attached False: the protocol has somebody already.
function router.attach(component, core, name, handlers)
  local state = states[component]
  if not state then
    state = { handlers = {}, protocols = {} }
    for event in pairs(ROUTED) do
      state.handlers[event] = core.get_handler(component, event)
      core.set_handler(component, event, dispatcher(state, event))
    end
    states[component] = state
  end
  if state.protocols[name] then return false end
  state.protocols[name] = handlers
  return true
end

--- Assigns a handler, behind what is attached.
function router.set(component, core, event, handler)
  local state = ROUTED[event] and states[component]
  if state then
    state.handlers[event] = handler
  else
    core.set_handler(component, event, handler)
  end
end

--- The handler that was assigned.
function router.get(component, core, event)
  local state = ROUTED[event] and states[component]
  if state then return state.handlers[event] end
  return core.get_handler(component, event)
end

return router
