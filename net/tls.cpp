#include "net/tls.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <vector>

#include "net/url.hpp"

namespace bridge::net {
namespace {

namespace ssl = asio::ssl;

constexpr std::size_t kReadMax = 64 * 1024;
constexpr std::size_t kWriteMax = 64 * 1024;  // of plain text, in records of 16 KiB
constexpr std::size_t kKeptMax = 80 * 1024;   // of room for records, by who has none to send

bool is_ip_literal(std::string const& host) {
  error_code ec;
  (void)asio::ip::make_address(host, ec);
  return !ec;
}

std::string peer_of(Tcp::socket const& socket) {
  error_code ec;
  auto const end = socket.remote_endpoint(ec);
  return ec ? "unknown" : host_and_port(end.address().to_string(), end.port());
}

// Most servers end without close_notify; HTTP and WebSocket see by themselves whether something is
// missing.
bool is_end(error_code ec) {
  return ec == asio::error::eof;
}

struct FreeHandle {
  void operator()(SSL* handle) const { SSL_free(handle); }
};

/// OpenSSL between two buffers of ours: it reads what `received` holds, and its records pile up in
/// `to_send` until they leave in one write.
struct Records {
  std::vector<char> received = std::vector<char>(kReadMax);
  std::size_t begin = 0;  // of `received`, what OpenSSL has not read
  std::size_t end = 0;
  std::string to_send;

  static int read(BIO* bio, char* to, int most) {
    auto& self = *static_cast<Records*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    auto const n = std::min(static_cast<std::size_t>(most), self.end - self.begin);
    if (n == 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    std::memcpy(to, self.received.data() + self.begin, n);
    self.begin += n;
    return static_cast<int>(n);
  }
  static int write(BIO* bio, char const* from, int length) {
    BIO_clear_retry_flags(bio);
    static_cast<Records*>(BIO_get_data(bio))
        ->to_send.append(from, static_cast<std::size_t>(length));
    return length;
  }
  static long control(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }
  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      auto* const out = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "records");
      BIO_meth_set_read(out, read);
      BIO_meth_set_write(out, write);
      BIO_meth_set_ctrl(out, control);
      return out;
    }();
    return made;
  }
  BIO* make_bio() {
    auto* const bio = BIO_new(method());
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    return bio;
  }
};

class TlsStream final : public SocketStream {
 public:
  TlsStream(Loop& loop, Tcp::socket tcp, SSL_CTX* context)
      : loop_(loop), socket_(std::move(tcp)), peer_(peer_of(socket_)), handle_(SSL_new(context)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
    auto* const bio = records_.make_bio();
    SSL_set_bio(handle_.get(), bio, bio);
    SSL_set_connect_state(handle_.get());
  }

  // OpenSSL takes a session for spoilt whose connection was not ended by close_notify, which we do
  // not send: see shutdown_send().
  ~TlsStream() override {
    SSL_set_shutdown(handle_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  TlsStream(TlsStream const&) = delete;
  TlsStream& operator=(TlsStream const&) = delete;

  SSL* handle() { return handle_.get(); }

  awaitable<error_code> handshake() {
    for (;;) {
      ERR_clear_error();
      auto const done = SSL_do_handshake(handle_.get());
      auto const failed = done == 1 ? error_code() : failure(done);
      // Also an alert that says why we refuse.
      while (!records_.to_send.empty()) {
        if (auto const pushed = push(); !pushed) co_return failed ? failed : pushed.error().code;
        if (records_.to_send.empty()) break;
        if (auto const [waited] = co_await socket_.async_wait(socket_.wait_write, no_throw); waited)
          co_return waited;
      }
      if (done == 1 || failed) co_return failed;
      if (auto const [waited] = co_await socket_.async_wait(socket_.wait_read, no_throw); waited)
        co_return waited;
      if (auto const ec = pull(); ec) co_return ec;
    }
  }

  // Decrypted into the Loop's scratch just before it returns.
  awaitable<Result<std::span<char>>> receive(std::size_t at_most) override {
    auto const room = loop_.scratch().first(std::min(at_most, loop_.scratch().size()));
    for (;;) {
      // A peer that sends faster than we read must not keep the writers from what it caused.
      if (std::exchange(more_, false)) co_await asio::post(socket_.get_executor(), no_throw);
      auto const n = read_failed_ ? 0 : decrypt(room);
      after_reading();
      more_ = n == room.size();
      if (n > 0) co_return room.first(n);
      if (!read_failed_) {
        if (auto const [waited] = co_await socket_.async_wait(socket_.wait_read, no_throw); waited)
          co_return Error(waited, "read");
        read_failed_ = pull();
      }
      if (is_end(read_failed_)) co_return Error(Errc::end_of_stream, "read");
      if (read_failed_) co_return Error(read_failed_, "read");
    }
  }

  Result<std::size_t> try_send(std::span<asio::const_buffer const> pieces) override {
    if (pushing_) return std::size_t{0};
    std::size_t taken = 0;
    for (auto const& piece : pieces) {
      auto const size = std::min(piece.size(), kWriteMax - taken);
      std::size_t n = 0;
      ERR_clear_error();
      if (size == 0) continue;
      if (auto const done = SSL_write_ex(handle_.get(), piece.data(), size, &n); done != 1) {
        if (auto const ec = failure(done); ec) return Error(ec, "write");
        awaits_read_ = true;  // a message of the handshake is half read: its rest comes first
        break;
      }
      taken += n;
    }
    if (auto const pushed = push(); !pushed) return pushed.error();
    return taken;
  }

  void when_writable(std::function<void()> ready) override {
    if (pushing_ || awaits_read_) {
      ready_ = std::move(ready);
    } else {
      wait_to_push(std::move(ready));
    }
  }

  // A FIN without close_notify: the alert would need a write of its own, and who closes politely
  // has said so one layer up (a WebSocket close frame, an HTTP length).
  void shutdown_send() noexcept override {
    if (pushing_) {
      fin_ = true;
      return;
    }
    error_code ignored;
    socket_.shutdown(Tcp::socket::shutdown_send, ignored);
  }
  void close() noexcept override {
    error_code ignored;
    socket_.close(ignored);
  }
  bool is_open() const noexcept override { return socket_.is_open(); }
  std::string peer() const override { return peer_; }

 private:
  /// What OpenSSL's last call has failed of; none when it only wants more from the peer.
  error_code failure(int returned) const {
    switch (SSL_get_error(handle_.get(), returned)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {};
      case SSL_ERROR_ZERO_RETURN:
        return asio::error::eof;
      default:
        break;
    }
    auto const code = ERR_get_error();
    if (code == 0) return asio::error::eof;
    return {static_cast<int>(code), asio::error::get_ssl_category()};
  }

  /// Reads into the empty `received`.
  error_code pull() {
    error_code ec;
    auto const n =
        socket_.read_some(asio::buffer(records_.received.data(), records_.received.size()), ec);
    if (ec == asio::error::would_block || ec == asio::error::try_again) return {};
    records_.begin = 0;
    records_.end = n;
    return ec;
  }

  /// Until `to` is full, or there is no more, or it has failed.
  std::size_t decrypt(std::span<char> to) {
    std::size_t total = 0;
    while (total < to.size()) {
      std::size_t n = 0;
      ERR_clear_error();
      auto const done = SSL_read_ex(handle_.get(), to.data() + total, to.size() - total, &n);
      if (done != 1) {
        read_failed_ = failure(done);
        break;
      }
      total += n;
    }
    return total;
  }

  void after_reading() {
    // What OpenSSL answers by itself, to a change of keys for instance. The next write hears of a
    // failure.
    if (!records_.to_send.empty() && !pushing_) (void)push();
    if (std::exchange(awaits_read_, false) && !pushing_)
      if (auto const ready = std::exchange(ready_, nullptr)) ready();
  }

  /// Writes of the records what the socket takes; waits for the rest to go.
  Result<void> push() {
    auto& out = records_.to_send;
    error_code ec;
    auto const n = socket_.write_some(asio::buffer(out), ec);
    if (ec && ec != asio::error::would_block && ec != asio::error::try_again)
      return Error(ec, "write");
    out.erase(0, n);
    if (out.empty() && out.capacity() > kKeptMax) std::string().swap(out);
    if (!out.empty() && !pushing_) {
      pushing_ = true;
      wait_to_push([this] { push_on(); });
    }
    return {};
  }
  void push_on() {
    pushing_ = false;
    auto const pushed = push();
    if (pushing_) return;
    if (fin_ && pushed) shutdown_send();
    if (auto const ready = std::exchange(ready_, nullptr)) ready();
  }
  void wait_to_push(std::function<void()> next) {
    if (!alive_) alive_ = std::make_shared<bool>(true);
    auto call = [alive = std::weak_ptr(alive_), next = std::move(next)](error_code) {
      if (alive.lock()) next();
    };
    socket_.async_wait(Tcp::socket::wait_write, std::move(call));
  }
  awaitable<Result<void>> writable() override {
    while (pushing_) {
      auto const [waited] = co_await socket_.async_wait(Tcp::socket::wait_write, no_throw);
      if (waited) co_return Error(waited, "write");
      // Those who wait are called in no order: let the records go first.
      co_await asio::post(socket_.get_executor(), no_throw);
    }
    while (awaits_read_) {
      auto const [waited] = co_await socket_.async_wait(Tcp::socket::wait_read, no_throw);
      if (waited) co_return Error(waited, "write");
      if (auto const ec = pull(); ec) co_return Error(ec, "write");
      char first = 0;
      std::size_t n = 0;
      ERR_clear_error();
      (void)SSL_peek_ex(handle_.get(), &first, 1, &n);  // takes in the handshake, leaves the rest
      after_reading();
    }
    co_return Result<void>{};
  }

  Loop& loop_;
  Tcp::socket socket_;
  std::string peer_;
  Records records_;
  std::unique_ptr<SSL, FreeHandle> handle_;
  bool more_ = false;       // the last read filled the buffer: there may be more already
  error_code read_failed_;  // behind what has been received
  bool awaits_read_ = false;
  bool pushing_ = false;  // records wait for the socket; nothing else may go
  bool fin_ = false;      // and the end of the stream behind them
  std::function<void()> ready_;
  std::shared_ptr<bool> alive_;  // for who waits for the socket
};

// The verified name is set on OpenSSL itself and not as Asio's host_name_verification callback,
// whose refusal comes without a cause.
bool expect_name(SSL* handle, std::string const& host) {
  auto* wanted = SSL_get0_param(handle);
  if (is_ip_literal(host)) return X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) == 1 &&
         SSL_set_tlsext_host_name(handle, host.c_str()) == 1;
}

// Some front ends answer HTTP/2 to a client that does not say what it speaks.
bool offer_http1(SSL* handle) {
  constexpr std::array<unsigned char, 9> kHttp1{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  return SSL_set_alpn_protos(handle, kHttp1.data(), kHttp1.size()) == 0;
}

Error handshake_error(SSL* handle, error_code ec, std::string const& host) {
  auto const verdict = SSL_get_verify_result(handle);
  if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
    return {Errc::bad_certificate, fmt::format("TLS to {} (it is for another name)", host)};
  if (verdict != X509_V_OK)
    return {Errc::bad_certificate,
            fmt::format("TLS to {} ({})", host, X509_verify_cert_error_string(verdict))};
  if (is_end(ec)) return {Errc::end_of_stream, fmt::format("TLS handshake with {}", host)};
  return {ec, fmt::format("TLS handshake with {}", host)};
}

}  // namespace

// Made when it is needed, as most daemons never do: OpenSSL and the system's certificates are a
// third of the time and the memory that a start takes.
struct TlsContext::Impl {
  struct FreeSession {
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  };
  using Slot = std::unique_ptr<SSL_SESSION, FreeSession>;
  TlsOptions options;
  std::optional<ssl::context> context;
  std::map<std::string, Slot> sessions;  // by host; the context outlives its streams

  // OpenSSL carries a pointer of ours from a handle to its session.
  static int place() {
    static int const index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
  }
  static int keep(SSL* handle, SSL_SESSION* session) {
    auto* const slot = static_cast<Slot*>(SSL_get_ex_data(handle, place()));
    if (slot == nullptr) return 0;
    slot->reset(session);
    return 1;
  }
  /// A redial takes up the session of the last connection to that host: one round trip and the
  /// certificate's verification less.
  void resume(SSL* handle, std::string const& host) {
    auto& slot = sessions[host];
    if (slot) SSL_set_session(handle, slot.get());
    SSL_set_ex_data(handle, place(), &slot);
  }

  Result<void> open() {
    if (context) return {};
    ssl::context made(ssl::context::tls_client);
    error_code ec;
    if (SSL_CTX_set_min_proto_version(made.native_handle(), TLS1_2_VERSION) != 1)
      return Error(Errc::refused, "TLS: this OpenSSL has no TLS 1.2");
    made.set_verify_mode(options.insecure ? ssl::verify_none : ssl::verify_peer, ec);
    if (!ec) made.set_default_verify_paths(ec);
    if (ec) return Error(ec, "TLS: the system's certificates");
    if (!options.ca_file.empty()) made.load_verify_file(options.ca_file, ec);
    if (ec) return Error(ec, fmt::format("TLS: certificates in {}", options.ca_file));
    SSL_CTX_set_options(made.native_handle(), SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(made.native_handle(), SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(made.native_handle(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(made.native_handle(), keep);
    context.emplace(std::move(made));
    return {};
  }
};

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

Result<std::unique_ptr<TlsContext>> TlsContext::make(TlsOptions const& options) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  // What the user has named is looked at now.
  if (!options.ca_file.empty())
    if (auto const opened = impl->open(); !opened) return opened.error();
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

awaitable<Result<std::unique_ptr<SocketStream>>> TlsContext::connect(Loop& loop, Tcp::socket tcp,
                                                                     std::string host) {
  if (impl_->options.insecure && !is_loopback_host(host))
    co_return Error(Errc::refused, fmt::format("TLS to {} without verification", host));
  if (auto const opened = impl_->open(); !opened) co_return opened.error();
  auto bytes = std::make_unique<TlsStream>(loop, std::move(tcp), impl_->context->native_handle());
  auto* const handle = bytes->handle();
  if (!expect_name(handle, host) || !offer_http1(handle))
    co_return Error(Errc::bad_url, fmt::format("TLS to {}: not a name TLS can carry", host));
  impl_->resume(handle, host);
  auto const ec = co_await bytes->handshake();
  if (ec) co_return handshake_error(handle, ec, host);
  co_return std::unique_ptr<SocketStream>(std::move(bytes));
}

}  // namespace bridge::net
