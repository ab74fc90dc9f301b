-- One form a line of REQ_FILE, each sent once (authorization codes); stops when the file is used up.
-- wrk itself goes on waiting until its time is over, so the rate is taken from the clock here.
dofile(os.getenv("LUA_DIR") .. "/clock.lua")
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
for name, value in string.gmatch(os.getenv("REQ_HEADERS") or "", "([^:\n]+): ([^\n]+)") do wrk.headers[name] = value end
local lines, next_line = {}, 1

function init()
  for line in io.lines(os.getenv("REQ_FILE")) do lines[#lines + 1] = line end
end

function request()
  if began == 0 then began = now() end
  local line = lines[next_line]
  if line == nil then
    wrk.thread:stop()
    return wrk.format("GET", os.getenv("SPARE_PATH"), {}, "")  -- something must be sent; a used code would be a replay
  end
  next_line = next_line + 1
  return wrk.format(nil, nil, nil, line)
end

function response(status)
  count()
  if status ~= 200 then wrong = wrong + 1 end
end
