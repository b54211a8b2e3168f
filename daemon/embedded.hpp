#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "config/config.hpp"

namespace bridge {

/// The local backend, running beside the daemon on a loop and thread of its own: its disk writes
/// and its Chromium processes never hold up the data path. The daemon speaks to it as it does to
/// the cloud.
class EmbeddedBackend {
 public:
  /// Starts it and waits until it answers. `state_dir` is where it keeps its files; empty: in
  /// memory.
  [[nodiscard]] static Result<std::unique_ptr<EmbeddedBackend>> start(config::Local const& options,
                                                                      std::string state_dir);
  /// Ends every Chromium, then the thread.
  ~EmbeddedBackend();

  [[nodiscard]] std::string const& base_url() const { return base_url_; }
  [[nodiscard]] Secret const& key() const { return key_; }
  /// "156.0.8078.79"
  [[nodiscard]] std::string const& chromium_version() const { return chromium_version_; }

 private:
  struct Impl;
  explicit EmbeddedBackend(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
  std::string base_url_;
  Secret key_;
  std::string chromium_version_;
};

}  // namespace bridge
