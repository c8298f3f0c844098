-- Tables, strings, closures, coroutines, and a garbage collector that has something to collect.
local size = tonumber((...) or 40000)

local seed = 42
local function random(limit)
  seed = (seed * 16807) % 2147483647
  return seed % limit
end

local words = {}
for i = 1, size do
  words[i] = string.format("%08x-%s", random(1 << 30), string.rep("x", random(40)))
end
table.sort(words)
print(words[1], words[size // 2], words[size])

local index, collisions = {}, 0
for _, word in ipairs(words) do
  local key = word:sub(1, 4)
  if index[key] then collisions = collisions + 1 end
  index[key] = (index[key] or 0) + #word
end
print("collisions", collisions)

for round = 1, 3 do
  local parts = {}
  for i = 1, size do parts[i] = words[i]:reverse():gsub("x", "y", 3) end
  print(round, #table.concat(parts))
end
collectgarbage()

local function walk(n)
  return coroutine.wrap(function()
    for i = 1, n do coroutine.yield(words[i * 13 % size + 1]) end
  end)
end
local sum = 0
for word in walk(2000) do sum = sum + tonumber(word:sub(1, 8), 16) % 1000 end
print("sum", sum, 2 ^ 0.5, math.sin(1), 7 // 2, 10 / 4)
print(pcall(error, "caught"))
