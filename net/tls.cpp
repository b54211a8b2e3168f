#include "net/tls.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <optional>

#include "net/url.hpp"

namespace bridge::net {
namespace {

namespace ssl = asio::ssl;
using SslStream = ssl::stream<Tcp::socket>;

// One TLS record: OpenSSL never hands out more at a time.
constexpr std::size_t kRecordMax = 16 * 1024;

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
  return ec == asio::error::eof || ec == ssl::error::stream_truncated;
}

class TlsStream final : public ByteStream {
 public:
  TlsStream(Tcp::socket tcp, ssl::context& context)
      : peer_(peer_of(tcp)), stream_(std::move(tcp), context) {}

  // OpenSSL takes a session for spoilt whose connection was not ended by close_notify, which we do
  // not send: see shutdown_send().
  ~TlsStream() override {
    SSL_set_shutdown(stream_.native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  TlsStream(TlsStream const&) = delete;
  TlsStream& operator=(TlsStream const&) = delete;

  SslStream& stream() { return stream_; }

  // Unlike a plain socket's, these bytes cannot land in the Loop's scratch: Asio's TLS read may
  // decrypt into the buffer some time before it resumes us.
  awaitable<Result<std::span<char>>> receive() override {
    auto const [ec, n] = co_await stream_.async_read_some(asio::buffer(received_), no_throw);
    if (is_end(ec)) co_return Error(Errc::end_of_stream, "read");
    if (ec) co_return Error(ec, "read");
    co_return std::span(received_).first(n);
  }

  awaitable<Result<void>> send(std::span<asio::const_buffer const> pieces) override {
    auto const [ec, n] = co_await asio::async_write(stream_, pieces, no_throw);
    if (ec) co_return Error(ec, "write");
    co_return Result<void>{};
  }

  // A FIN without close_notify: the alert would need a write of its own, and who closes politely
  // has said so one layer up (a WebSocket close frame, an HTTP length).
  void shutdown_send() noexcept override {
    error_code ignored;
    stream_.lowest_layer().shutdown(Tcp::socket::shutdown_send, ignored);
  }
  void close() noexcept override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }
  bool is_open() const noexcept override { return stream_.lowest_layer().is_open(); }
  std::string peer() const override { return peer_; }

 private:
  std::string peer_;
  SslStream stream_;
  std::array<char, kRecordMax> received_{};
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

awaitable<Result<std::unique_ptr<ByteStream>>> TlsContext::connect(Tcp::socket tcp,
                                                                   std::string host) {
  if (impl_->options.insecure && !is_loopback_host(host))
    co_return Error(Errc::refused, fmt::format("TLS to {} without verification", host));
  if (auto const opened = impl_->open(); !opened) co_return opened.error();
  auto bytes = std::make_unique<TlsStream>(std::move(tcp), *impl_->context);
  auto* const handle = bytes->stream().native_handle();
  if (!expect_name(handle, host) || !offer_http1(handle))
    co_return Error(Errc::bad_url, fmt::format("TLS to {}: not a name TLS can carry", host));
  impl_->resume(handle, host);
  auto const [ec] = co_await bytes->stream().async_handshake(SslStream::client, no_throw);
  if (ec) co_return handshake_error(handle, ec, host);
  co_return std::unique_ptr<ByteStream>(std::move(bytes));
}

}  // namespace bridge::net
