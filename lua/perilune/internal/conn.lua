--- Gives connections their metatable.
local component = require "perilune.internal.component"
local core = require "perilune.core.conn"

core.set_metatable(component.build {
  name = "conn",
  methods = core.methods,
  getters = core.getters,
  setters = { data = core.set_data },
})
