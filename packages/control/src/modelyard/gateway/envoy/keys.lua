-- Who sends a request, by a key or by a token that jwt_authn verified, and whether they may send it to this route.
-- `TABLE` stands before this: lines of words, written by `key_filter`.
local IDENTITY = "modelyard-subscription"
local DEFAULT_HEADER, DEFAULT_QUERY = "ocp-apim-subscription-key", "subscription-key"
local LONGEST_KEY = 256

local scopes_of, subscriptions, by_digest, by_client, issuers, is_open = {}, {}, {}, {}, {}, {}

local function unquoted(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local readers = {
  o = function(word) is_open[word()] = true end,
  g = function(word)
    local scopes = {}
    for scope in word do scopes[scope] = true end
    scopes_of[#scopes_of + 1] = scopes
  end,
  s = function(word)
    local id, expires, scopes, product = word(), word(), word(), word()
    subscriptions[#subscriptions + 1] = {
      id = id, expires = tonumber(expires), scopes = scopes_of[tonumber(scopes)], product = product,
    }
  end,
  k = function(word)
    local digest, subscription = word(), word()
    by_digest[digest] = subscriptions[tonumber(subscription)]
  end,
  i = function(word)
    local issuer = { name = word(), tenant = word(), claim = unquoted(word()), required = {} }
    for each in word do
      local claim, value = each:match("([^=]*)=(.*)")
      issuer.required[unquoted(claim)] = unquoted(value)
    end
    issuers[#issuers + 1] = issuer
  end,
  c = function(word)
    local issuer, client, subscription = word(), unquoted(word()), word()
    by_client[issuer .. " " .. client] = subscriptions[tonumber(subscription)]
  end,
}
for line in TABLE:gmatch("[^\n]+") do
  readers[line:sub(1, 1)](line:sub(3):gmatch("%S+"))
end
TABLE = nil

local function decoded(text)
  if not text:find("[%%+]") then return text end
  return unquoted((text:gsub("%+", " ")))
end

-- Values of one parameter, and the path without it. Everything else stays as it came, in its order.
local function take_query(path, name)
  local mark = path:find("?", 1, true)
  if not mark then return {}, path end
  local values, others = {}, {}
  for pair in (path:sub(mark + 1) .. "&"):gmatch("([^&]*)&") do
    local equals = pair:find("=", 1, true)
    if decoded(equals and pair:sub(1, equals - 1) or pair) == name then
      values[#values + 1] = equals and decoded(pair:sub(equals + 1)) or ""
    else
      others[#others + 1] = pair
    end
  end
  if #values == 0 then return values, path end
  local query = table.concat(others, "&")
  return values, path:sub(1, mark - 1) .. (query == "" and "" or "?" .. query)
end

-- The key, or nothing, or what is wrong with how it was given. The header counts before the query. Both are removed.
local function take_key(headers, header_name, query_name)
  local in_header, key = headers:getNumValues(header_name), headers:get(header_name)
  if in_header > 0 then headers:remove(header_name) end
  local path = headers:get(":path")
  local in_query, rest = take_query(path, query_name)
  if rest ~= path then headers:replace(":path", rest) end
  if in_header > 1 or (in_header == 0 and #in_query > 1) then return nil, true end
  if in_header == 0 then key = in_query[1] end
  if key == "" then key = nil end
  return key, false
end

local function subscription_of(key)
  return #key <= LONGEST_KEY and by_digest[sha256(key)] or nil
end

-- A key of ours under the names that an API has replaced by others opens nothing, and is removed all the same. What
-- is no key of ours may be meant for the server.
local function remove_misplaced(headers, header_name, query_name)
  if header_name ~= DEFAULT_HEADER then
    for index = 0, headers:getNumValues(DEFAULT_HEADER) - 1 do
      if subscription_of(headers:getAtIndex(DEFAULT_HEADER, index)) then
        headers:remove(DEFAULT_HEADER)
        break
      end
    end
  end
  if query_name ~= DEFAULT_QUERY then
    local in_query, rest = take_query(headers:get(":path"), DEFAULT_QUERY)
    for _, value in ipairs(in_query) do
      if subscription_of(value) then return headers:replace(":path", rest) end
    end
  end
end

local function contains(value, wanted)
  if type(value) == "table" then
    for _, each in pairs(value) do
      if each == wanted then return true end
    end
    return false
  end
  if type(value) ~= "string" then return tostring(value) == wanted end
  return value == wanted or (" " .. value .. " "):find(" " .. wanted .. " ", 1, true) ~= nil
end

-- What jwt_authn verified, by issuer. Such a token is removed, also where a key counts: what opens the gateway is no
-- business of the server behind it.
local function take_token(handle)
  local verified = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.jwt_authn")
  for _, issuer in ipairs(verified and issuers or {}) do
    if verified[issuer.name] then
      handle:headers():remove("authorization")
      return verified
    end
  end
  return {}
end

-- The subscription of a token that was verified for an issuer of this tenant, and whether there is such a token.
local function by_token(verified, tenant)
  local is_verified = false
  for _, issuer in ipairs(issuers) do
    local claims = issuer.tenant == tenant and verified[issuer.name]
    if claims then
      is_verified = true
      local client, holds = claims[issuer.claim], true
      for claim, value in pairs(issuer.required) do holds = holds and contains(claims[claim], value) end
      if holds and type(client) == "string" then
        local found = by_client[issuer.name .. " " .. client]
        if found then return found, true end
      end
    end
  end
  return nil, is_verified
end

local function challenge(header_name, query_name)
  return string.format('ApiKey realm="modelyard", header="%s", query="%s"', header_name, query_name)
    .. (#issuers > 0 and ', Bearer realm="modelyard"' or "")
end

-- The subscription, or nothing and why not.
local function identify(handle, route)
  local headers = handle:headers()
  local header_name, query_name, tenant = route:get("key_header"), route:get("key_query"), route:get("tenant")
  local verified = take_token(handle)
  local key, is_repeated = take_key(headers, header_name, query_name)
  remove_misplaced(headers, header_name, query_name)
  if is_repeated then return nil, "key_given_twice", "the subscription key was given more than once" end
  local found
  if key then
    found = subscription_of(key)
    if not found then return nil, "key_invalid", "the subscription key is not valid" end
  else
    local is_verified
    found, is_verified = by_token(verified, tenant)
    if not found and (is_verified or (#issuers > 0 and headers:get("authorization"))) then
      return nil, "token_invalid", "the token is not valid, or belongs to no subscription"
    end
    if not found then
      return nil, "key_missing", string.format(
        "a subscription key is missing: expected it in the header '%s' or the query parameter '%s'", header_name, query_name)
    end
  end
  if found.expires and os.time() >= found.expires then
    return nil, "subscription_expired", "the subscription has expired"
  end
  return found
end

local function decide(handle)
  local route = handle:metadata()
  local scope, tenant = route:get("scope"), route:get("tenant")
  if not tenant then error("the route has no access rule") end
  local headers = handle:headers()
  headers:remove(IDENTITY)
  local found, code, message = identify(handle, route)
  local is_in_scope = found and (found.scopes[scope] or found.scopes[tenant .. "/*"])
  local said = handle:streamInfo():dynamicMetadata()
  local caller = { api = scope }
  if is_in_scope then
    headers:replace(IDENTITY, found.id)
    caller.subscription, caller.product = found.id, found.product
    if route:get("is_sticky_by_client") then handle:clearRouteCache() end
  elseif route:get("needs_subscription") ~= false and not is_open[scope] then
    if found then return "403", "subscription_out_of_scope", "the subscription does not cover this API" end
    return "401", code, message, challenge(route:get("key_header"), route:get("key_query"))
  end
  said:set(NAMESPACE, "caller", caller)
  said:set(NAMESPACE, "is_admitted", true)
end

function envoy_on_request(handle)
  -- Envoy goes on with a request when a script raises; this must not.
  local is_decided, status, code, message, challenged = pcall(decide, handle)
  if not is_decided then
    handle:logErr("a request was refused: " .. tostring(status))
    refuse(handle, { [":status"] = "500" }, "access_undecided", "the gateway could not decide on access")
  elseif status then
    refuse(handle, { [":status"] = status, ["www-authenticate"] = challenged }, code, message)
  end
end
