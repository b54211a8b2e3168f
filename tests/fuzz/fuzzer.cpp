#include <cstddef>
#include <cstdint>

#include "tests/fuzz/checks.hpp"

// libFuzzer's door to one of the checks; what a check throws ends the process, which is a finding.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  bridge::fuzz::FUZZ_CHECK({reinterpret_cast<char const*>(data), size});
  return 0;
}
