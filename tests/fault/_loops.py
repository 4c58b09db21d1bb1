"""Endless loops, one in each place where Lua code can hide one: name -> body of a method."""

FOREVER = "while true do end"
META = "setmetatable({}, { %s = function() while true do end end })"

LOOPS = {
    "plain": FOREVER,
    "goto": "::again:: goto again",
    "tail calls": "local function f() return f() end f()",
    "pcall": f"while true do pcall(function() {FOREVER} end) end",
    "pcall of errors": "while true do pcall(error, 'x') end",
    "xpcall": f"xpcall(function() {FOREVER} end, function(e) return e end)",
    "xpcall's handler": f"xpcall(error, function() {FOREVER} end)",
    "__index": f"local x = ({META % '__index'}).a",
    "__newindex": f"local t = {META % '__newindex'} t.a = 1",
    "__eq": "local m = { __eq = function() while true do end end } local x = setmetatable({}, m) == setmetatable({}, m)",
    "__lt": f"local x = {META % '__lt'} < 1",
    "__concat": f"local x = {META % '__concat'} .. 'x'",
    "__add": f"local x = {META % '__add'} + 1",
    "__call": f"local t = {META % '__call'} t()",
    "__len": f"local x = #{META % '__len'}",
    "__close": f"do local x <close> = {META % '__close'} end",
    "__close of what is given up": f"local x <close> = {META % '__close'} {FOREVER}",
    "__tostring": f"while true do pcall(tostring, {META % '__tostring'}) end",
    "__tostring in format": f"while true do pcall(string.format, '%s', {META % '__tostring'}) end",
    "an iterator": f"for i in function() {FOREVER} end do end",
    "__pairs": f"for i in pairs({META % '__pairs'}) do end",
    "ipairs over __index": f"for i in ipairs({META % '__index'}) do end {FOREVER}",
    "a sort comparator": f"table.sort({{ 1, 2, 3 }}, function() {FOREVER} end)",
    "sort of much": "local t = {} while true do for i = 1, 200000 do t[i] = i * 7919 % 100003 end table.sort(t) end",
    "gsub's function": f"string.gsub('abc', '.', function() {FOREVER} end)",
    "gsub's table": f"string.gsub('abc', '.', {META % '__index'}) {FOREVER}",
    "a coroutine": f"coroutine.wrap(function() {FOREVER} end)()",
    "coroutines in coroutines": f"coroutine.wrap(function() coroutine.wrap(function() {FOREVER} end)() end)()",
    "a generator": "local g = coroutine.wrap(function() while true do coroutine.yield(1) end end) while true do g() end",
    "a pattern": "while true do pcall(string.find, ('a'):rep(3000), ('a*'):rep(9) .. 'b') end",
    "a pattern of %b": "local a = ('('):rep(500000) while true do pcall(string.find, a, '%b()') end",
    "a plain find": "local a, b = ('a'):rep(500000), ('a'):rep(300000) .. 'b' while true do pcall(string.find, a, b, 1, true) end",
    "string.rep": "while true do pcall(string.rep, 'x', 1000000) end",
    "table.concat": "local t = {} for i = 1, 50000 do t[i] = 'xxxxxxxxxx' end while true do table.concat(t) end",
    "concat over __index": "while true do pcall(table.concat, setmetatable({}, { __index = function() while true do end end, "
                           "__len = function() return 40000 end })) end",
    "load": "while true do load(('x = 1 '):rep(10000)) end",
    "assignments": "while true do self.n = self.n + 1 end",
}

# More than loops: they fill what a turn may have of stack or memory, over and over, and Lua
# then works on all of it at once. Measured and shown; the bound is not promised beside them.
GREEDY = {
    "deep recursion": "local function f(n) return 1 + f(n + 1) end while true do pcall(f, 1) end",
    "all its memory": "while true do pcall(function() local t = {} for i = 1, 1e9 do t[i] = {} end end) end",
}


def lua_class():
    """Method number i is the ith of both, counted from 1; `n` is what the step has changed."""
    methods = "".join(f"function Loop:loop{number}() self.n = 99 {body} end\n"
                      for number, body in enumerate([*LOOPS.values(), *GREEDY.values()], 1))
    return f'local Loop = stage.class "loops.{{id}}"\nLoop.properties = {{ n = 0 }}\n{methods}return Loop\n'
