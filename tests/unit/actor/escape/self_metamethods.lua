-- Every operator on a handle is the host's or an error; none can be put there.
-- outcome: "held"
local C = stage.class "things.{id}"
C.properties = { n = 1 }
function C:run()
  local operators = {
    function() return self + 1 end, function() return 1 - self end, function() return self * self end,
    function() return self / 1 end, function() return self % 1 end, function() return self // 1 end,
    function() return -self end, function() return ~self end, function() return self & 1 end,
    function() return self | 1 end, function() return self ~ 1 end, function() return self << 1 end,
    function() return self >> 1 end, function() return self .. "" end, function() return #self end,
    function() return self < self end, function() return self <= 1 end, function() return self() end,
    function() for _ in self do end end, function() for _ in pairs(self) do end end,
    function() for _ in ipairs(self) do end end, function() local a <close> = self end,
    function() self[self] = 1 end, function() self[1] = 1 end, function() self.run = 1 end,
    function() self.address = "others.1" end, function() self.params = {} end, function() self.__index = 1 end,
    function() return self.__index end, function() return self.__gc end, function() return self[{}] end,
    function() return self[0 / 0] end, function() return table.unpack(self) end, function() return table.concat(self) end,
    function() return table.sort(self) end, function() return table.insert(self, 1) end, function() return table.move(self, 1, 2, 1) end,
    function() return rawlen(self) end, function() return rawset(self, "n", 3) end, function() return load(self) end,
    function() return string.rep(self, 2) end, function() return utf8.char(self) end, function() return math.floor(self) end,
    function() return require(self) end, function() return coroutine.resume(self) end, function() return stage.tell(self, "m") end,
    function() return select(self, 1) end, function() return tonumber(self, 10) end, function() self.n = self end,
    function() return stage.array(self) end, function() return stage.error("x", self) end,
  }
  for i, f in ipairs(operators) do assert(not pcall(f), i) end
  assert(rawequal(self, self) and not rawequal(self, stage.null) and self.n == 1)
  -- Tables of the user's do not lend it theirs.
  local lender = setmetatable({}, { __index = self, __newindex = self })
  assert(lender.n == 1)
  lender.n = 2
  assert(self.n == 2 and not pcall(function() lender.run = 1 end))
  return "held"
end
return C
