#pragma once

#include <string>
#include <string_view>

namespace bridge {

/// Who created a runtime, as it stands in the runtime's metadata. Empty for a runtime of somebody
/// else. It can be set when a runtime is created, and never after.
struct OwnerTag {
  std::string owner;   ///< CrashRecord::owner() of the daemon
  std::string bridge;  ///< the name of the bridge that needed it
};

/// A JSON object for the metadata of a runtime that is being created.
[[nodiscard]] std::string to_metadata(OwnerTag const& tag);
/// Of what a runtime's metadata says; never fails.
[[nodiscard]] OwnerTag owner_tag_of(std::string_view metadata_json);

}  // namespace bridge
