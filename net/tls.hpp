#pragma once

#include <memory>
#include <string>

#include "net/byte_stream.hpp"
#include "net/loop.hpp"

namespace bridge::net {

struct TlsOptions {
  std::string ca_file;    ///< trusted besides the system's certificates; empty: none
  bool insecure = false;  ///< no verification; refused for hosts other than loopback
};

/// Client side of TLS: system CAs, TLS 1.2 up, SNI, verification of chain and name (DNS or IP).
/// Outlives its streams.
class TlsContext {
 public:
  static Result<std::unique_ptr<TlsContext>> make(TlsOptions const& options);
  ~TlsContext();

  /// Handshakes over `tcp`, which is connected. A failed verification is Errc::bad_certificate and
  /// `doing` says why.
  awaitable<Result<std::unique_ptr<SocketStream>>> connect(Loop& loop, Tcp::socket tcp,
                                                           std::string host);

 private:
  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bridge::net
