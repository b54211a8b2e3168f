#include "net/base64.hpp"

#include <openssl/evp.h>

namespace bridge::net {

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1,
                   '\0');  // it ends with a zero, which is cut off
  auto const size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                      reinterpret_cast<unsigned char const*>(bytes.data()),
                                      static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace bridge::net
