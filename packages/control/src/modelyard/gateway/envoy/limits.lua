-- Refuses what is over a quota that is used up, and puts limits into the header fields that callers read.
-- `TABLE` stands before this: lines of a scope, its key, a subscription, and when the quota begins anew.
local LIMITED = "modelyard-limited"
local UNLIMITED = "4294967295"
local exhausted = {}

for line in TABLE:gmatch("[^\n]+") do
  local scope, key, subscription, until_time = line:match("^(%S+) (%S+) (%S+) (%S+)$")
  exhausted[scope .. " " .. key .. " " .. subscription] = tonumber(until_time)
end
TABLE = nil

local function seconds_until_anew(handle)
  local found = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
  local caller = found and found.caller or {}
  local subscription, now, last = caller.subscription or "-", os.time(), nil
  for scope, key in pairs(caller) do
    local ends = exhausted[scope .. " " .. key .. " " .. subscription]
    if ends and ends > now and (not last or ends > last) then last = ends end
  end
  return last and last - now
end

function envoy_on_request(handle)
  if next(exhausted) == nil then return end
  local is_decided, seconds = pcall(seconds_until_anew, handle)
  if not is_decided then
    handle:logErr("quotas could not be looked at: " .. tostring(seconds))
    refuse(handle, { [":status"] = "500" }, "limits_undecided", "the gateway could not decide on limits")
  elseif seconds then
    refuse(handle, { [":status"] = "429", ["grpc-status"] = "8", ["retry-after"] = tostring(seconds) },
      "quota_exceeded", "the quota is used up")
  end
end

-- Envoy names the fields `x-ratelimit-…`; these are the names of draft-ietf-httpapi-ratelimit-headers-03 to -07.
local function rename(headers, from, to)
  local value = headers:get(from)
  if value then
    headers:remove(from)
    headers:replace(to, (value:gsub(",.*", "")))
  end
  return value
end

local function show_limits(handle)
  local headers = handle:headers()
  if headers:get("x-ratelimit-limit") == UNLIMITED then
    for _, each in ipairs({ "limit", "remaining", "reset" }) do headers:remove("x-ratelimit-" .. each) end
    return
  end
  rename(headers, "x-ratelimit-limit", "ratelimit-limit")
  rename(headers, "x-ratelimit-remaining", "ratelimit-remaining")
  local reset = rename(headers, "x-ratelimit-reset", "ratelimit-reset")
  if headers:get(LIMITED) then
    headers:remove(LIMITED)
    headers:replace("retry-after", reset or "1")
  end
end

function envoy_on_response(handle)
  local is_done, problem = pcall(show_limits, handle)
  if not is_done then handle:logErr("limits could not be shown: " .. tostring(problem)) end
end
