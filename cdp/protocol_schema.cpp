#include "cdp/protocol_schema.hpp"

// Taken in by the assembler: a literal of this size is beyond what compilers promise to take, and
// as read-only data it costs no memory until somebody asks.
asm(".section .rodata\n"
    ".globl bridge_protocol_begin\n"
    ".globl bridge_protocol_end\n"
    "bridge_protocol_begin:\n"
    ".incbin \"" BRIDGE_PROTOCOL_JSON
    "\"\n"
    "bridge_protocol_end:\n"
    ".previous\n");

extern "C" {
extern char const bridge_protocol_begin[];
extern char const bridge_protocol_end[];
}

namespace bridge::cdp {

std::string_view pinned_protocol() {
  return {bridge_protocol_begin,
          static_cast<std::size_t>(bridge_protocol_end - bridge_protocol_begin)};
}

}  // namespace bridge::cdp
