-- The refresh_token grant, following rotation: a queue of live tokens that begins with the lines of REQ_FILE.
dofile(os.getenv("LUA_DIR") .. "/clock.lua")
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
for name, value in string.gmatch(os.getenv("REQ_HEADERS") or "", "([^:\n]+): ([^\n]+)") do wrk.headers[name] = value end
local queue, head, tail = {}, 1, 0
local extra = os.getenv("REQ_BODY") or ""

function init()
  for line in io.lines(os.getenv("REQ_FILE")) do
    tail = tail + 1
    queue[tail] = line
  end
end

function request()
  if began == 0 then began = now() end
  local token = queue[head]
  if token == nil then
    wrong = wrong + 1
    wrk.thread:stop()
    return wrk.format("GET", os.getenv("SPARE_PATH"), {}, "")
  end
  queue[head] = nil
  head = head + 1
  return wrk.format(nil, nil, nil, "grant_type=refresh_token&refresh_token=" .. token .. extra)
end

function response(status, headers, body)
  count()
  local token = status == 200 and string.match(body, '"refresh_token"%s*:%s*"([^"]+)"')
  if token then
    tail = tail + 1
    queue[tail] = token
  else
    wrong = wrong + 1
  end
end
