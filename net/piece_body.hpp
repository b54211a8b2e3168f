#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/optional.hpp>
#include <cstdint>
#include <string>

#include "net/asio.hpp"

namespace bridge::net {

/// What Beast's parsers take for a body that is taken out as it arrives. Its own string_body
/// reserves what a Content-Length declares, whoever declares it.
struct PieceBody {
  using value_type = std::string;
  class reader {
   public:
    template <class Header>
    reader(Header&, value_type& body) : body_(body) {}
    void init(boost::optional<std::uint64_t> const&, error_code& ec) { ec = {}; }
    template <class Buffers>
    std::size_t put(Buffers const& buffers, error_code& ec) {
      ec = {};
      auto const before = body_.size();
      auto const end = asio::buffer_sequence_end(buffers);
      for (auto at = asio::buffer_sequence_begin(buffers); at != end; ++at) {
        asio::const_buffer const piece(*at);
        body_.append(static_cast<char const*>(piece.data()), piece.size());
      }
      return body_.size() - before;
    }
    void finish(error_code& ec) { ec = {}; }

   private:
    value_type& body_;
  };
};

}  // namespace bridge::net
