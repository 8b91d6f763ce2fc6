--- MQTT from the terminal: publishes and subscribes. README.md says how.
local flags = require("flags").parse()
local session = require "session"
local settings = require "settings"

local sources = (#flags.message > 0 and 1 or 0)
  + (flags.file and 1 or 0)
  + (flags.whole and 1 or 0)
  + (flags.empty and 1 or 0)
if not flags.publish and (sources > 0 or #flags.property > 0) then
  settings.refuse "what is published needs --publish TOPIC"
elseif sources > 1 then
  settings.refuse "--message, --file, --whole and --empty exclude each other"
elseif not flags.publish and #flags.subscribe == 0 and #flags.unsubscribe == 0 then
  settings.refuse "say what to do: --publish TOPIC, or --subscribe FILTER"
end

os.exit(session.new(flags, session.client(flags)):run())
