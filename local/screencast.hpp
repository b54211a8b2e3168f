#pragma once

#include <cstdint>
#include <string>

#include "local/cdp_connection.hpp"

namespace bridge::local {

/// The pictures of one page, as Chromium paints it. Chromium throws away what it paints while
/// three pictures wait to be acknowledged, and a page that has come to rest is not painted again:
/// its last state would never be seen. So when all are acknowledged and the last of them may have
/// had a successor, the pictures are asked for anew, which brings the one of now.
class Screencast {
 public:
  struct Wish {
    int quality = 0;   ///< of the JPEG, 1 to 100
    int side_max = 0;  ///< pixels
  };

  /// Of the page that `session` of `cdp` is attached to. Starts at once.
  Screencast(CdpConnection& cdp, std::string session, Wish wish);

  /// Takes note of a Page.screencastFrame of the session.
  void came(Json const& params);
  /// One picture more may come.
  void acknowledge();
  /// Pictures that have come and are not acknowledged.
  [[nodiscard]] int waiting() const { return waiting_; }

 private:
  void start();

  CdpConnection& cdp_;
  std::string session_;
  Wish wish_;
  std::int64_t number_ = 0;  // which start of the pictures it is, as Chromium counts them
  int waiting_ = 0;
  bool missed_ = false;  // maybe
};

}  // namespace bridge::local
