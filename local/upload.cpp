#include "local/upload.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "local/multipart.hpp"
#include "net/url.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kFieldsMax = 1024 * 1024;  // all of them together
constexpr std::size_t kTypeMax = 255;
constexpr std::size_t kHeldMax = 1024 * 1024;  // of a file, before it is written

// "text/html; charset=utf-8" and the like: it is shown again and must not break a header.
bool is_content_type(std::string_view text) {
  bool const plain = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  auto const slash = text.find('/');
  return plain && text.size() <= kTypeMax && slash != 0 && slash != std::string_view::npos &&
         slash + 1 < text.size();
}

/// Sorts a form's parts: the file to the disk, by write() from time to time, the rest into memory.
class Receiver final : public PartReceiver {
 public:
  explicit Receiver(Files& files) : files_(files) {}

  Result<void> begin_part(PartHead head) override {
    in_file_ = head.name == "file";
    if (!in_file_) {
      into_ = &fields_[head.name];
      into_->clear();
      return {};
    }
    if (bytes_) return refuse(Problem::invalid("file", "There must be one file only."));
    auto writer = files_.blobs().begin();
    if (!writer) return refuse(files_.unavailable(writer.error()));
    bytes_.emplace(std::move(*writer));
    filename_ = head.filename.value_or("");
    content_type_ = is_content_type(head.content_type) ? head.content_type : "";
    return {};
  }
  Result<void> take(std::string_view bytes) override {
    if (in_file_) {
      held_ += bytes;
      return {};
    }
    kept_ += bytes.size();
    if (kept_ > kFieldsMax) return Error(Errc::too_large, "the fields");
    into_->append(bytes);
    return {};
  }
  Result<void> end_part() override {
    if (in_file_ || net::is_utf8(*into_)) return {};
    return refuse(Problem(400, "request.invalid", "A field of the form is not UTF-8."));
  }

  /// Whether enough is held that it should be written.
  [[nodiscard]] bool is_full() const { return held_.size() >= kHeldMax; }
  /// To the disk with what is held of the file.
  awaitable<Outcome<void>> write() {
    if (held_.empty()) co_return Outcome<void>();
    auto work = [this] { return bytes_->write(held_); };
    auto const wrote = co_await files_.disk().run(work);
    if (!wrote) co_return files_.unavailable(wrote.error());
    held_.clear();
    co_return Outcome<void>();
  }
  /// When all is written.
  [[nodiscard]] Outcome<Upload> done() {
    if (!bytes_) return Problem::invalid("file", "file is missing.");
    Upload upload{std::move(*bytes_), std::move(filename_), std::move(content_type_),
                  std::move(fields_)};
    return upload;
  }
  /// Why a part was not taken.
  [[nodiscard]] std::optional<Problem> const& problem() const { return problem_; }

 private:
  Error refuse(Problem problem) {
    problem_ = std::move(problem);
    return Error(Errc::refused, "take a part of a form");
  }

  Files& files_;
  std::optional<BlobWriter> bytes_;
  std::string held_;  // of the file, not written yet
  std::string filename_;
  std::string content_type_;
  std::map<std::string, std::string> fields_;
  std::string* into_ = nullptr;
  bool in_file_ = false;
  std::size_t kept_ = 0;
  std::optional<Problem> problem_;
};

Problem problem_of(Receiver const& receiver, Error const& error) {
  if (receiver.problem()) return *receiver.problem();
  if (error.is(Errc::too_large))
    return Problem(413, "request.too_large", "The form has too much beside its file.");
  return Problem(400, "request.invalid",
                 "The body is not multipart/form-data: " + error.doing + ".");
}

Problem broken_off(net::HttpExchange const& exchange, Error const& error) {
  if (error.is(Errc::timed_out))
    return Problem(408, "request.timed_out", "The rest of the body did not come.");
  auto const status = error.is(Errc::bad_message) ? exchange.refusal().status : 400;
  return Problem(status, status == 413 ? "request.too_large" : "request.invalid",
                 status == 413 ? "The body is too large." : "The body is cut short or broken.");
}

}  // namespace

std::optional<std::string> Upload::field(std::string const& name) const {
  auto const found = fields.find(name);
  if (found == fields.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

awaitable<Outcome<Upload>> read_upload(Files& files, Call const& call) {
  auto const boundary = multipart_boundary(call.request.header("content-type"));
  if (!boundary)
    co_return Problem(415, "request.unsupported_type",
                      "The body must be multipart/form-data with a boundary.");
  Receiver receiver(files);
  Multipart form(*boundary, receiver, Multipart::Limits());
  for (;;) {
    auto const piece = co_await call.exchange.read_piece();
    if (!piece) co_return broken_off(call.exchange, piece.error());
    auto const read = *piece ? form.feed(**piece) : form.finish();
    if (!read) co_return problem_of(receiver, read.error());
    bool const last = !piece->has_value();
    if (last || receiver.is_full()) {
      auto const wrote = co_await receiver.write();
      if (!wrote) co_return wrote.error();
    }
    if (last) co_return receiver.done();
  }
}

Outcome<std::optional<std::string>> read_metadata(Upload const& upload) {
  using Metadata = std::optional<std::string>;
  auto const text = upload.field("metadata");
  if (!text) return Metadata();
  auto const object = parse_object(*text);
  if (!object) return Problem::invalid("metadata", "metadata must be the JSON text of an object.");
  return Metadata(to_text(*object));
}

}  // namespace bridge::local
