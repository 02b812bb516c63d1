// splitmix64: random numbers that are the same on every machine, for plans that a seed makes.
#pragma once

#include <cstdint>

namespace sluice::inline v0 {

// The next number of the sequence that `state` stands for; a seed is a state.
inline std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

}  // namespace sluice::inline v0
