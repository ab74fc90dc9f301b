-- Whole sign-ins as a browser makes them: authorize, page, user name, page, password, back to the client with a code.
-- One known browser, many users, so that no two tries for one account are under way at a time.
-- Environment: AUTHORIZE (path and query), COOKIE, PASSWORD, USERS (user00, user01, ... so many).
dofile(os.getenv("LUA_DIR") .. "/clock.lua")
wrk.headers["Cookie"] = os.getenv("COOKIE")
local authorize, password, users = os.getenv("AUTHORIZE"), os.getenv("PASSWORD"), tonumber(os.getenv("USERS"))
local form = { ["Content-Type"] = "application/x-www-form-urlencoded", ["Cookie"] = os.getenv("COOKIE") }
local waiting, head, tail = {}, 1, 0
local name_of, user = {}, 0

local function then_send(text)
  tail = tail + 1
  waiting[tail] = text
end

local function path_of(url) return (string.gsub(url, "^https?://[^/]+", "")) end

function request()
  if began == 0 then began = now() end
  local text = waiting[head]
  if text then
    waiting[head] = nil
    head = head + 1
    return text
  end
  return wrk.format("GET", authorize)
end

function response(status, headers, body)
  local location = headers["location"] or headers["Location"]
  if (status == 302 or status == 303) and location then
    if string.find(location, "[?&]code=") then
      count()
    elseif string.find(location, "[?&]signin=") then
      then_send(wrk.format("GET", path_of(location)))
    else
      wrong = wrong + 1
    end
  elseif status == 200 then
    local action = string.match(body, 'action="([^"]*[?&;]signin=[^"]*)"')
    local csrf = string.match(body, 'name="csrf" value="([^"]+)"')
    local signin = action and string.match(action, "signin=([%w_-]+)")
    if not csrf or not signin then
      wrong = wrong + 1
      return
    end
    local text
    if name_of[signin] then
      text = "step=password&csrf=" .. csrf .. "&username=" .. name_of[signin] .. "&password=" .. password
      name_of[signin] = nil
    else
      local name = string.format("user%02d", user)
      user = (user + 1) % users
      name_of[signin] = name
      text = "step=identifier&csrf=" .. csrf .. "&username=" .. name .. "&password="
    end
    then_send(wrk.format("POST", path_of((string.gsub(action, "&amp;", "&"))), form, text))
  else
    wrong = wrong + 1
  end
end
