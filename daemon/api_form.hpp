#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "net/http_transfer.hpp"

namespace bridge {

/// A request's body made of texts and files, which are read while it is sent.
class ApiBody final : public net::BodySource {
 public:
  /// `path`, or what is piped in for "-": that is read at once, because its length is said first.
  [[nodiscard]] static Result<std::unique_ptr<ApiBody>> file(std::string const& path);
  /// A multipart form (RFC 7578). Each part is "name=value", "name=@FILE" or
  /// "name=@FILE;type=image/png"; errors name the part.
  [[nodiscard]] static Result<std::unique_ptr<ApiBody>> form(std::vector<std::string> const& parts);

  [[nodiscard]] std::string const& content_type() const { return content_type_; }
  [[nodiscard]] std::uint64_t size() const override;
  /// An error when a file has become shorter since it was opened.
  Result<std::string_view> next() override;

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  /// Some text, and behind it the file if there is one.
  struct Piece {
    std::string text;
    std::unique_ptr<std::FILE, Closer> file;
    std::uint64_t left = 0;  ///< of the file
    std::string path;
  };

  ApiBody() = default;
  void add_text(std::string text);
  Result<void> add_file(std::string text, std::string path);
  Result<void> add_part(std::string const& boundary, std::string const& part);

  std::string content_type_;
  std::vector<Piece> pieces_;
  std::size_t at_ = 0;
  std::string buffer_;
};

}  // namespace bridge
