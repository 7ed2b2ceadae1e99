-- SHA-256 (FIPS 180-4) with LuaJIT's 32-bit operations, as hexadecimal digits.
local band, bnot, bxor, ror, rshift, tobit, tohex = bit.band, bit.bnot, bit.bxor, bit.ror, bit.rshift, bit.tobit, bit.tohex

local ROUND_CONSTANTS = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
local words = {}

local function padded(message)
  local bits = #message * 8
  local zeros = (55 - #message) % 64
  -- A header is shorter than 2^29 bytes, so the upper four bytes of the length are zero.
  return message .. "\128" .. string.rep("\0", zeros + 4)
    .. string.char(rshift(bits, 24), band(rshift(bits, 16), 255), band(rshift(bits, 8), 255), band(bits, 255))
end

local function sha256(message)
  message = padded(message)
  local h0, h1, h2, h3 = 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a
  local h4, h5, h6, h7 = 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
  for block = 1, #message, 64 do
    for i = 0, 15 do
      local first, second, third, fourth = message:byte(block + i * 4, block + i * 4 + 3)
      words[i] = tobit(first * 16777216 + second * 65536 + third * 256 + fourth)
    end
    for i = 16, 63 do
      local early, late = words[i - 15], words[i - 2]
      local sigma0 = bxor(ror(early, 7), ror(early, 18), rshift(early, 3))
      local sigma1 = bxor(ror(late, 17), ror(late, 19), rshift(late, 10))
      words[i] = tobit(words[i - 16] + sigma0 + words[i - 7] + sigma1)
    end
    local a, b, c, d, e, f, g, h = h0, h1, h2, h3, h4, h5, h6, h7
    for i = 0, 63 do
      local choice = bxor(band(e, f), band(bnot(e), g))
      local sum1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
      local first = tobit(h + sum1 + choice + ROUND_CONSTANTS[i + 1] + words[i])
      local majority = bxor(band(a, b), band(a, c), band(b, c))
      local second = tobit(bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + majority)
      h, g, f, e, d, c, b, a = g, f, e, tobit(d + first), c, b, a, tobit(first + second)
    end
    h0, h1, h2, h3 = tobit(h0 + a), tobit(h1 + b), tobit(h2 + c), tobit(h3 + d)
    h4, h5, h6, h7 = tobit(h4 + e), tobit(h5 + f), tobit(h6 + g), tobit(h7 + h)
  end
  return tohex(h0) .. tohex(h1) .. tohex(h2) .. tohex(h3) .. tohex(h4) .. tohex(h5) .. tohex(h6) .. tohex(h7)
end
