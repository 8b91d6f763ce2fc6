-- covers: internal/password_command.lua
local fixture = require "spec.support.fixture"
local password = require "perilune.password"
local process = require "spec.support.process"
local pty = require "spec.support.terminal"
local task = require "perilune.task"
local timer = require "perilune.timer"

local THIRD = "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$" -- RFC 7914 12
  .. "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"

describe("perilune.password", function()
  it("makes a hash of its own each time", function()
    local one, two = password.hash "secret", password.hash "secret"
    assert.matches("^%$scrypt%$ln=15,r=8,p=3%$[%w+/]+%$[%w+/]+$", one)
    assert.not_equal(one, two)
    assert.is_true(password.verify("secret", one))
    assert.is_true(password.verify("secret", two))
    assert.is_false(password.verify("Secret", one))
    assert.is_false(password.verify("", one))
    assert.is_true(password.verify("", password.hash ""))
    assert.is_true(password.verify("a\0b", password.hash "a\0b"))
    assert.is_false(password.verify("a", password.hash "a\0b"))
  end)

  it("checks hashes of others", function()
    assert.is_true(password.verify("pleaseletmein", THIRD))
    assert.is_false(password.verify("pleaseletmeout", THIRD))
    local expected = { nil, "the text is no hash of perilune.password", "EINVAL" }
    for _, text in ipairs { "", "secret", "$scrypt$ln=40,r=8,p=1$AAAA$AAAA", THIRD .. "x\0" } do
      assert.same(expected, { password.verify("secret", text) })
    end
  end)

  it("leaves the loop to others meanwhile", function()
    local turns, done = 0, false
    local work = task.start(function()
      password.hash "secret"
      done = true
    end)
    while not done do
      timer.sleep(0.001)
      turns = turns + 1
    end
    work:wait()
    assert.is_true(turns > 10, turns)
  end)

  it("can be cancelled", function()
    local reached
    local work = task.start(function()
      password.hash "secret"
      reached = true
    end)
    timer.sleep(0.01)
    work:cancel()
    work:wait()
    assert.is_nil(reached)
    assert.is_true(password.verify("x", password.hash "x"))
  end)

  it("throws at wrong use, and shows no password", function()
    local cases = {
      ["password.hash takes a string as password, got a nil"] = { "hash" },
      ["password.hash takes a password of at most 1024 bytes"] = { "hash", ("x"):rep(1025) },
      ["password.verify takes a string as password, got a number"] = { "verify", 17, THIRD },
      ["password.verify takes a string as hash, got a nil"] = { "verify", "x" },
    }
    for message, case in pairs(cases) do
      assert.has_error(function() password[case[1]](case[2], case[3]) end, message)
    end
  end)
end)

describe("perilune password", function()
  after_each(fixture.clean)

  local function run(input, ...)
    local made = process.perilune({ "password", ... }, { input = "pipe" })
    made:send(input)
    made:finish()
    return made:wait(), made.output, made.errors
  end

  it("hashes a line of standard input", function()
    local code, output = run("s3cret\n", "admin")
    assert.equal(0, code)
    assert.is_true(password.verify("s3cret", output:match "^admin=(%S+)\n$"))
    code, output = run "s3cret"
    assert.equal(0, code)
    assert.is_true(password.verify("s3cret", output:match "^(%S+)\n$"))
  end)

  it("asks a terminal twice, and shows nothing of it", function()
    local made = pty.start { process.PERILUNE, "password", "admin" }
    made:wait_output "Password: $"
    made:send "s3cret\n"
    made:wait_output "Again: $"
    made:send "s3cret\n"
    assert.equal(0, made:wait())
    assert.is_nil(made.output:find("s3cret", 1, true))
    assert.is_true(password.verify("s3cret", made.output:match "admin=(%S+)"))
    made = pty.start { process.PERILUNE, "password" }
    made:wait_output "Password: $"
    made:send "s3cret\n"
    made:wait_output "Again: $"
    made:send "other\n"
    assert.equal(1, made:wait())
    assert.matches("these are not the same", made.output)
  end)

  it("explains itself", function()
    for _, flag in ipairs { "--help", "-h" } do
      local code, output = run("", flag)
      assert.equal(0, code)
      assert.matches("^Usage: perilune password %[options%] %[USER%]\n", output)
    end
  end)

  it("says what is wrong", function()
    for _, case in ipairs {
      { 1, "\n", "there is none" },
      { 1, "", "there is none" },
      { 1, "a\tb\n", "at most 1024 bytes without control characters" },
      { 1, ("x"):rep(1025) .. "\n", "at most 1024 bytes" },
      { 2, "x\n", "a user has no '='", "a=b" },
      { 2, "x\n", "a user has no '='", "a:b" },
      { 2, "x\n", "unexpected argument 'b'", "a", "b" },
      { 2, "x\n", "unknown flag --hlep", "--hlep" },
    } do
      local code, output, errors = run(case[2], case[4], case[5])
      assert.same({ case[1], "" }, { code, output })
      assert.matches(case[3], errors, 1, true)
    end
  end)
end)
