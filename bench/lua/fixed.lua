-- One request, again and again. Environment: REQ_METHOD, REQ_HEADERS ("Name: value" lines), REQ_BODY.
wrk.method = os.getenv("REQ_METHOD") or "GET"
local body = os.getenv("REQ_BODY")
if body then
  wrk.body = body
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
end
for name, value in string.gmatch(os.getenv("REQ_HEADERS") or "", "([^:\n]+): ([^\n]+)") do wrk.headers[name] = value end
