#include "daemon/api_form.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <iostream>
#include <iterator>

#include "base/uuid.hpp"

namespace bridge {
namespace {

constexpr std::size_t kPieceSize = 64 * 1024;
constexpr char const* kAnyType = "application/octet-stream";

// As browsers write names into a form.
std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (char const c : name) {
    if (c == '"') {
      out += "%22";
    } else if (c == '\r') {
      out += "%0D";
    } else if (c == '\n') {
      out += "%0A";
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string part_head(std::string const& boundary, std::string_view name) {
  return fmt::format("--{}\r\nContent-Disposition: form-data; name={}", boundary, quoted(name));
}

}  // namespace

void ApiBody::add_text(std::string text) {
  pieces_.push_back({std::move(text), nullptr, 0, {}});
}

Result<void> ApiBody::add_file(std::string text, std::string path) {
  std::unique_ptr<std::FILE, Closer> file(std::fopen(path.c_str(), "rbe"));
  struct stat info {};
  if (!file || ::fstat(::fileno(file.get()), &info) != 0)
    return Error({errno, boost::system::system_category()}, fmt::format("read {}", path));
  if (!S_ISREG(info.st_mode))
    return Error::saying(Errc::refused, fmt::format("{} is no file", path));
  pieces_.push_back({std::move(text), std::move(file), static_cast<std::uint64_t>(info.st_size),
                     std::move(path)});
  return {};
}

Result<std::unique_ptr<ApiBody>> ApiBody::file(std::string const& path) {
  std::unique_ptr<ApiBody> body(new ApiBody);
  body->content_type_ = "application/json";
  if (path == "-") {
    body->add_text(std::string(std::istreambuf_iterator<char>(std::cin), {}));
  } else if (auto const added = body->add_file({}, path); !added) {
    return added.error();
  }
  return body;
}

Result<void> ApiBody::add_part(std::string const& boundary, std::string const& part) {
  auto const equals = part.find('=');
  if (equals == 0 || equals == std::string::npos)
    return Error::saying(Errc::refused,
                         fmt::format("part {}: write it as name=value or name=@FILE", part));
  auto const head = part_head(boundary, std::string_view(part).substr(0, equals));
  auto value = part.substr(equals + 1);
  if (!value.starts_with('@')) {
    add_text(fmt::format("{}\r\n\r\n{}\r\n", head, value));
    return {};
  }
  constexpr std::string_view kType = ";type=";
  auto const type_at = value.rfind(kType);
  std::string type = kAnyType;
  if (type_at != std::string::npos) {
    type = value.substr(type_at + kType.size());
    value.resize(type_at);
  }
  auto path = value.substr(1);
  auto const name = path.substr(path.rfind('/') + 1);
  auto added =
      add_file(fmt::format("{}; filename={}\r\nContent-Type: {}\r\n\r\n", head, quoted(name), type),
               std::move(path));
  if (added) add_text("\r\n");
  return added;
}

Result<std::unique_ptr<ApiBody>> ApiBody::form(std::vector<std::string> const& parts) {
  std::unique_ptr<ApiBody> body(new ApiBody);
  auto const boundary = "bctrl-bridge-" + new_uuid();
  for (auto const& part : parts)
    if (auto const added = body->add_part(boundary, part); !added) return added.error();
  body->add_text(fmt::format("--{}--\r\n", boundary));
  body->content_type_ = fmt::format("multipart/form-data; boundary={}", boundary);
  return body;
}

std::uint64_t ApiBody::size() const {
  std::uint64_t size = 0;
  for (auto const& piece : pieces_) size += piece.text.size() + piece.left;
  return size;
}

Result<std::string_view> ApiBody::next() {
  for (; at_ < pieces_.size(); ++at_) {
    auto& piece = pieces_[at_];
    if (!piece.text.empty()) {
      buffer_ = std::move(piece.text);
      piece.text.clear();
      return std::string_view(buffer_);
    }
    if (piece.left == 0) continue;
    buffer_.resize(std::min<std::uint64_t>(kPieceSize, piece.left));
    buffer_.resize(std::fread(buffer_.data(), 1, buffer_.size(), piece.file.get()));
    if (buffer_.empty())
      return Error::saying(Errc::refused,
                           fmt::format("{} became shorter while it was sent", piece.path));
    piece.left -= buffer_.size();
    return std::string_view(buffer_);
  }
  return std::string_view();
}

}  // namespace bridge
