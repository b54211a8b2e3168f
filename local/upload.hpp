#pragma once

#include <map>
#include <optional>
#include <string>

#include "local/files.hpp"
#include "local/operations.hpp"

namespace bridge::local {

/// A form with one file, as three operations take it.
struct Upload {
  BlobWriter bytes;          ///< of the part called "file"
  std::string filename;      ///< as the sender called it; may be empty
  std::string content_type;  ///< as the sender said, when it is one
  std::map<std::string, std::string> fields;

  /// The text of a field; none when absent or empty.
  [[nodiscard]] std::optional<std::string> field(std::string const& name) const;
};

/// Reads the form of a call, its file straight to the disk. 400 for what is no such form, 413 for
/// fields past their limit, 503 when the disk fails.
awaitable<Outcome<Upload>> read_upload(Files& files, Call const& call);

/// The metadata field: JSON text of an object.
[[nodiscard]] Outcome<std::optional<std::string>> read_metadata(Upload const& upload);

}  // namespace bridge::local
