#pragma once

#include <string_view>

/// Takes a whole file into the program as read-only data and defines `std::string_view name()` for
/// it, in the enclosing namespace. By the assembler: a literal of such a size is beyond what
/// compilers promise to take, and what nobody asks for costs no memory. `path` is a string literal;
/// list the file in the source's OBJECT_DEPENDS.
#define BRIDGE_EMBED(name, path)                                                                \
  asm(".section .rodata\n"                                                                      \
      ".globl bridge_embed_" #name                                                              \
      "_begin\n"                                                                                \
      ".globl bridge_embed_" #name                                                              \
      "_end\n"                                                                                  \
      "bridge_embed_" #name                                                                     \
      "_begin:\n"                                                                               \
      ".incbin \"" path                                                                         \
      "\"\n"                                                                                    \
      "bridge_embed_" #name                                                                     \
      "_end:\n"                                                                                 \
      ".previous\n");                                                                           \
  extern "C" char const bridge_embed_##name##_begin[];                                          \
  extern "C" char const bridge_embed_##name##_end[];                                            \
  std::string_view name() {                                                                     \
    return {bridge_embed_##name##_begin,                                                        \
            static_cast<std::size_t>(bridge_embed_##name##_end - bridge_embed_##name##_begin)}; \
  }
