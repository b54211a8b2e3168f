#pragma once

#include <string>
#include <string_view>

namespace bridge::local {

/// A host name as Chromium writes it into addresses: in lower case, labels of other scripts as
/// "xn--...". Wildcards may be in it; a label with one and with other letters stays as it is.
[[nodiscard]] std::string canonical_host(std::string_view host);

}  // namespace bridge::local
