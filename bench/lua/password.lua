-- The one request of a sign-in that takes a hashing: user name and password, as a password manager fills them in.
-- REQ_FILE has a line for each sign-in, made ahead: the page's path, a tab, the form. Each is sent once.
dofile(os.getenv("LUA_DIR") .. "/clock.lua")
wrk.headers["Cookie"] = os.getenv("COOKIE")
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
local lines, next_line = {}, 1

function init()
  for line in io.lines(os.getenv("REQ_FILE")) do lines[#lines + 1] = line end
end

function request()
  if began == 0 then began = now() end
  local line = lines[next_line]
  if line == nil then
    wrk.thread:stop()
    return wrk.format("GET", os.getenv("SPARE_PATH"), {}, "")
  end
  next_line = next_line + 1
  local path, form = string.match(line, "^(%S+)\t(.*)$")
  return wrk.format("POST", path, nil, form)
end

function response(status, headers)
  local location = headers["location"] or headers["Location"] or ""
  count()
  if status ~= 303 or not string.find(location, "[?&]code=") then wrong = wrong + 1 end
end
