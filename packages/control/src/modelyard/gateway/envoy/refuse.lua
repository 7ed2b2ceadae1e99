-- Refuses a request: the sentence is the answer's, and the code is found by the listener, which gives errors their form.
local NAMESPACE = "modelyard"

local function refuse(handle, headers, code, message)
  handle:streamInfo():dynamicMetadata():set(NAMESPACE, "refusal", code)
  handle:respond(headers, message)
end
