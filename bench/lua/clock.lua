-- What scripts that count by themselves share: a clock, and one line at the end that load.py reads.
-- Variables of the thread's own state are global, because done() reads them by name from another one.
local ffi = require("ffi")
ffi.cdef[[
typedef struct { long seconds; long nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *time);
]]
local time = ffi.new("bench_time")

function now()
  ffi.C.clock_gettime(1, time)  -- CLOCK_MONOTONIC
  return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

began, ended, counted, wrong = 0, 0, 0, 0

function count()
  counted = counted + 1
  ended = now()
end

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

function done()
  for _, thread in ipairs(threads) do
    print(string.format("Counted: %d in %.6f s, %d wrong",
      thread:get("counted"), thread:get("ended") - thread:get("began"), thread:get("wrong")))
  end
end
