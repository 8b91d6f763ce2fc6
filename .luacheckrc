std = "luajit"
max_line_length = 100
max_string_line_length = false -- a message stays in one piece, so that it can be searched for
unused_args = false -- a handler names what it is given
exclude_files = { "**/node_modules" }
files["spec/**/*_spec.lua"].std = "+busted"
files["spec/package/package.lua"].std = "+busted"
files["lua/perilune/_meta"].ignore = { "" }
