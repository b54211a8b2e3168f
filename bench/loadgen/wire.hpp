// WebSocket framing (RFC 6455) and the few JSON helpers both tools share.
//
// The tools frame by hand instead of using a library stream so that many small
// messages leave in one write and the load side stays cheaper than what it measures.
#pragma once

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace loadgen {

inline constexpr std::size_t kMaxMessage = 256u << 20;

struct ProtocolError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// ---------------------------------------------------------------- framing

enum class Op : std::uint8_t { cont = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

inline void xor_mask(char* p, std::size_t n, std::uint32_t key) {
  const std::uint64_t wide = (std::uint64_t{key} << 32) | key;
  for (; n >= 8; p += 8, n -= 8) {
    std::uint64_t v;
    std::memcpy(&v, p, 8);
    v ^= wide;
    std::memcpy(p, &v, 8);
  }
  char bytes[4];
  std::memcpy(bytes, &key, 4);
  for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<char>(p[i] ^ bytes[i & 3]);
}

// Appends a frame header (and the mask key, when masked) to `out`.
inline void append_header(std::string& out, Op op, std::size_t length,
                          std::optional<std::uint32_t> mask = std::nullopt) {
  char h[14];
  std::size_t n = 0;
  h[n++] = static_cast<char>(0x80 | static_cast<unsigned>(op));
  char const masked = mask ? static_cast<char>(0x80) : 0;
  if (length < 126) {
    h[n++] = static_cast<char>(masked | static_cast<char>(length));
  } else if (length < 65536) {
    h[n++] = static_cast<char>(masked | 126);
    for (int shift = 8; shift >= 0; shift -= 8) h[n++] = static_cast<char>(length >> shift);
  } else {
    h[n++] = static_cast<char>(masked | 127);
    for (int shift = 56; shift >= 0; shift -= 8)
      h[n++] = static_cast<char>(static_cast<std::uint64_t>(length) >> shift);
  }
  if (mask) {
    std::memcpy(h + n, &*mask, 4);
    n += 4;
  }
  out.append(h, n);
}

inline void append_masked(std::string& out, Op op, std::string_view payload, std::uint32_t key) {
  append_header(out, op, payload.size(), key);
  const std::size_t at = out.size();
  out.append(payload);
  xor_mask(out.data() + at, payload.size(), key);
}

inline void append_plain(std::string& out, Op op, std::string_view payload) {
  append_header(out, op, payload.size());
  out.append(payload);
}

// Receive buffer and message assembler for one direction of one connection.
// Insists on correct masking, zero reserved bits and minimal rules for control frames.
class Reader {
 public:
  explicit Reader(bool expect_masked) : expect_masked_(expect_masked) {}

  // Where the next read goes. Room grows to the frame being received and is then kept.
  std::pair<char*, std::size_t> prepare() {
    if (begin_ == end_) begin_ = end_ = 0;
    const std::size_t want = std::max(kStep, need_);
    if (size_ - begin_ < want) {
      auto target = size_ >= want ? nullptr : std::make_unique_for_overwrite<char[]>(want);
      char* to = target ? target.get() : buffer_.get();
      if (end_ > begin_) std::memmove(to, buffer_.get() + begin_, end_ - begin_);
      if (target) {
        buffer_ = std::move(target);
        size_ = want;
      }
      end_ -= begin_;
      begin_ = 0;
    }
    return {buffer_.get() + end_, size_ - end_};
  }
  void commit(std::size_t n) { end_ += n; }
  void feed(std::string_view bytes) {
    while (!bytes.empty()) {
      auto [p, room] = prepare();
      const std::size_t n = std::min(room, bytes.size());
      std::memcpy(p, bytes.data(), n);
      commit(n);
      bytes.remove_prefix(n);
    }
  }

  struct Message {
    Op op;
    std::string_view payload;  // valid until the next call on this Reader
  };

  // The next complete message or control frame, or nothing when more bytes are needed.
  std::optional<Message> next() {
    for (;;) {
      const std::size_t have = end_ - begin_;
      if (have < 2) return more(2);
      auto const* h = reinterpret_cast<unsigned char const*>(buffer_.get() + begin_);
      bool const fin = h[0] & 0x80;
      const Op op = static_cast<Op>(h[0] & 0x0f);
      if (h[0] & 0x70) throw ProtocolError("reserved bits set");
      bool const masked = h[1] & 0x80;
      if (masked != expect_masked_)
        throw ProtocolError(masked ? "unexpected mask" : "missing mask");
      std::uint64_t length = h[1] & 0x7f;
      std::size_t head = 2;
      if (length == 126) {
        head = 4;
        if (have < head) return more(head);
        length = (std::uint64_t{h[2]} << 8) | h[3];
      } else if (length == 127) {
        head = 10;
        if (have < head) return more(head);
        length = 0;
        for (int i = 2; i < 10; ++i) length = (length << 8) | h[i];
      }
      if (length > kMaxMessage) throw ProtocolError("frame too large");
      const std::size_t body = head + (masked ? 4 : 0);
      const std::size_t total = body + static_cast<std::size_t>(length);
      if (have < total) return more(total);

      char* payload = buffer_.get() + begin_ + body;
      if (masked) {
        std::uint32_t key;
        std::memcpy(&key, payload - 4, 4);
        xor_mask(payload, length, key);
      }
      begin_ += total;
      need_ = 0;
      const std::string_view view(payload, length);
      if (static_cast<unsigned>(op) >= 8) {
        if (!fin || length > 125) throw ProtocolError("bad control frame");
        return Message{op, view};
      }
      if ((op == Op::cont) != in_fragments_) throw ProtocolError("bad continuation");
      if (fin && !in_fragments_) return Message{op, view};
      if (!in_fragments_) {
        assembled_.clear();
        first_op_ = op;
        in_fragments_ = true;
      }
      if (assembled_.size() + view.size() > kMaxMessage) throw ProtocolError("message too large");
      assembled_.append(view);
      if (fin) {
        in_fragments_ = false;
        return Message{first_op_, assembled_};
      }
    }
  }

 private:
  static constexpr std::size_t kStep = 64 << 10;

  std::nullopt_t more(std::size_t total) {
    need_ = total;
    return std::nullopt;
  }

  bool expect_masked_;
  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0, begin_ = 0, end_ = 0, need_ = 0;
  bool in_fragments_ = false;
  Op first_op_ = Op::text;
  std::string assembled_;
};

inline std::string base64(unsigned char const* data, std::size_t n) {
  std::string out(4 * ((n + 2) / 3) + 1, '\0');
  out.resize(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), data, static_cast<int>(n)));
  return out;
}

// The Sec-WebSocket-Accept value for a handshake key.
inline std::string accept_for(std::string key) {
  key += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<unsigned char const*>(key.data()), key.size(), digest);
  return base64(digest, sizeof digest);
}

inline std::mt19937& rng() {
  static std::mt19937 engine{std::random_device{}()};
  return engine;
}

// ---------------------------------------------------------------- JSON

// Walks one JSON object's own members, or one array's own elements, without building a tree.
// Values come back as raw text.
class Members {
 public:
  explicit Members(std::string_view text) : text_(text) {
    space();
    if (peek() != '{' && peek() != '[') throw ProtocolError("not an object or array");
    ++at_;
  }

  bool next(std::string_view& key, std::string_view& value) {
    if (!more()) return false;
    key = string();
    space();
    if (peek() != ':') throw ProtocolError("missing colon");
    ++at_;
    return element(value);
  }
  bool next(std::string_view& value) { return more() && element(value); }

 private:
  bool more() {
    space();
    if (peek() == ',') {
      ++at_;
      space();
    }
    return peek() != '}' && peek() != ']';
  }
  bool element(std::string_view& value) {
    space();
    const std::size_t from = at_;
    skip();
    value = text_.substr(from, at_ - from);
    return true;
  }
  char peek() const {
    if (at_ >= text_.size()) throw ProtocolError("truncated JSON");
    return text_[at_];
  }
  void space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  std::string_view string() {
    if (peek() != '"') throw ProtocolError("expected a string");
    const std::size_t from = ++at_;
    for (;;) {
      void const* quote = std::memchr(text_.data() + at_, '"', text_.size() - at_);
      if (!quote) throw ProtocolError("truncated string");
      const std::size_t q = static_cast<char const*>(quote) - text_.data();
      std::size_t slashes = 0;
      while (q - slashes > from && text_[q - slashes - 1] == '\\') ++slashes;
      at_ = q + 1;
      if (slashes % 2 == 0) return text_.substr(from, q - from);
    }
  }
  void skip() {
    int depth = 0;
    do {
      char const c = peek();
      if (c == '"') {
        string();
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == '}' || c == ']') {
        --depth;
        ++at_;
      } else if (depth > 0) {
        ++at_;
      } else {
        at_ = text_.find_first_of(",}] \n\t\r", at_);
        if (at_ == std::string_view::npos) throw ProtocolError("truncated JSON");
      }
    } while (depth > 0);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

inline std::string_view unquote(std::string_view v) {
  return v.size() >= 2 && v.front() == '"' ? v.substr(1, v.size() - 2) : std::string_view{};
}

inline std::optional<std::int64_t> integer(std::string_view v) {
  std::int64_t n = 0;
  auto const r = std::from_chars(v.data(), v.data() + v.size(), n);
  if (r.ec != std::errc{} || r.ptr != v.data() + v.size()) return std::nullopt;
  return n;
}

inline void append_number(std::string& out, std::int64_t n) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, n).ptr);
}

// ---------------------------------------------------------------- payloads

// Both ends know what a payload of a given size and kind must be, so every byte can be checked.
//   plain  - like a base64 body: 8-character blocks, each one spelling its own index
//   tricky - escapes, quotes, braces and look-alike envelope fields inside the string
inline std::string_view payload(std::size_t size, bool tricky) {
  static std::string plain, odd;
  if (size > kMaxMessage) throw ProtocolError("payload too large");
  if (!tricky) {
    static constexpr char kAlphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    while (plain.size() < size) {
      if (plain.capacity() < size) plain.reserve(size + 8);
      std::uint64_t index = plain.size() / 8;
      char block[8];
      for (char& c : block) {
        c = kAlphabet[index & 63];
        index >>= 6;
      }
      plain.append(block, 8);
    }
    return std::string_view(plain).substr(0, size);
  }
  static constexpr std::string_view kUnit =
      R"(\",\"id\":1,\"sessionId\":\"00\"}]{[\\\\\\\" \u0022id\u0022: é漢😀 )";
  if (odd.size() != size) {
    odd.clear();
    while (odd.size() + kUnit.size() <= size) odd.append(kUnit);
    odd.append(size - odd.size(), '.');
  }
  return odd;
}

}  // namespace loadgen
