// SHA-256 (FIPS 180-4) of what is in memory, for the seal of a model.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace sha256 {

constexpr uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

inline uint32_t turned(uint32_t word, int bits) { return word >> bits | word << (32 - bits); }

// 64 hexadecimal digits.
inline std::string digits(std::string data) {
  const uint64_t bits = 8 * static_cast<uint64_t>(data.size());
  data += '\x80';
  data.append((120 - data.size() % 64) % 64, '\0');
  for (int shift = 56; shift >= 0; shift -= 8) data += static_cast<char>(bits >> shift);
  uint32_t hash[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (size_t block = 0; block < data.size(); block += 64) {
    uint32_t words[64] = {};
    for (size_t k = 0; k < 64; ++k) {
      words[k / 4] = words[k / 4] << 8 | static_cast<unsigned char>(data[block + k]);
    }
    for (int k = 16; k < 64; ++k) {
      const uint32_t a = words[k - 15], b = words[k - 2];
      words[k] = words[k - 16] + (turned(a, 7) ^ turned(a, 18) ^ a >> 3) + words[k - 7] +
                 (turned(b, 17) ^ turned(b, 19) ^ b >> 10);
    }
    auto [a, b, c, d, e, f, g, h] = hash;
    for (int k = 0; k < 64; ++k) {
      const uint32_t first = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) +
                             ((e & f) ^ (~e & g)) + kRounds[k] + words[k];
      const uint32_t second =
          (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
    }
    const uint32_t added[8] = {a, b, c, d, e, f, g, h};
    for (int k = 0; k < 8; ++k) hash[k] += added[k];
  }
  char text[65];
  for (int k = 0; k < 8; ++k) std::snprintf(text + 8 * k, 9, "%08x", hash[k]);
  return text;
}

}  // namespace sha256
