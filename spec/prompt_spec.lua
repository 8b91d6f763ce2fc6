local fixture = require "spec.support.fixture"
local process = require "spec.support.process"
local prompt = require "perilune.prompt"
local pty = require "spec.support.terminal"

after_each(fixture.clean)

local TALK = [[
  local prompt = require("perilune.prompt").new { text = "> " }
  local task, timer = require "perilune.task", require "perilune.timer"
  for line in prompt:lines() do
    prompt:print("said", line)
    if line == "later" then
      task.start(function()
        timer.sleep(0.05)
        prompt:print "news"
      end)
    elseif line == "other" then
      prompt.text = "$ "
    end
  end
  prompt:close()
  print "over"
]]

describe("perilune.prompt", function()
  it("reads lines of a pipe without showing anything", function()
    local run = process.perilune({ (fixture.script(TALK)) }, { input = "pipe" })
    run:send "a\nb\n"
    run:finish()
    assert.equal(0, run:wait())
    assert.equal("said\ta\nsaid\tb\nover\n", run.output)
  end)

  it("is edited in a terminal, below what is printed", function()
    local run = pty.start { process.PERILUNE, (fixture.script(TALK)) }
    run:wait_output "> $"
    assert.equal("signals", pty.mode(run))
    run:send "hellx\127o\r"
    run:wait_output "said\thello\r\n\r\27%[K> $"
    run:send "later\rab"
    run:wait_output "\r\27%[Knews\r\n\r\27%[K> ab$"
    run:send "\27[D\27[DX\r"
    run:wait_output "said\tXab\r\n"
    run:send "\27[A\27[A\r" -- the line before the last
    run:wait_output "said\tlater\r\n.*said\tlater\r\n"
    run:wait_output "news.*news"
    run:send "other\r"
    run:wait_output "%$ $"
    run:send "\4"
    run:wait_output "over\r\n"
    assert.equal(0, run:wait())
  end)

  it("leaves the terminal as it was, also after Ctrl-C", function()
    local run = pty.start { process.PERILUNE, (fixture.script(TALK)) }
    run:wait_output "> $"
    run:send "abc\3"
    assert.equal(0, run:wait())
  end)

  it("gives up after a time, and keeps what was typed", function()
    local run = pty.start {
      process.PERILUNE,
      (fixture.script [[
        local prompt = require("perilune.prompt").new()
        print(prompt:read(0.3))
        print(prompt:read())
      ]]),
    }
    run:wait_output "> $"
    run:send "half"
    run:wait_output "ETIMEDOUT\r\n"
    run:send " whole\r"
    run:wait_output "half whole"
    assert.equal(0, run:wait())
  end)

  it("refuses what it does not know", function()
    assert.has_error(
      function() prompt.new { txt = "" } end,
      "unknown option 'txt' of prompt.new: did you mean 'text'?"
    )
    local made = prompt.new()
    assert.has_error(function() made.text = 7 end)
    assert.has_error(function() made.other = 7 end)
    assert.has_error(function() made.read() end)
    assert.equal("> ", made.text)
  end)
end)
