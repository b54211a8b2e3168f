#include "net/tls.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "net/http_client.hpp"
#include "net/tasks.hpp"
#include "tests/fakes/run.hpp"

using namespace bridge;
using namespace bridge::net;

namespace {

namespace ssl = asio::ssl;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;

constexpr long kDay = 24 * 3600L;

struct CertRequest {
  std::string subject;
  std::string names;  // subjectAltName, as OpenSSL writes it: "DNS:a.example,IP:127.0.0.1"
  long from = -kDay;
  long until = kDay;
  bool ca = false;
};

struct Identity {
  Key key;
  Cert cert;
};

void add_extension(X509* cert, X509* issuer, int nid, std::string const& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  REQUIRE(extension != nullptr);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

/// A certificate signed by `issuer`, or by itself when that is null.
Identity issue(CertRequest const& request, Identity const* issuer) {
  static long serial = 1;
  Identity made{Key(EVP_EC_gen("P-256")), Cert(X509_new())};
  auto* cert = made.cert.get();
  X509_set_version(cert, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
  X509_gmtime_adj(X509_getm_notBefore(cert), request.from);
  X509_gmtime_adj(X509_getm_notAfter(cert), request.until);
  X509_set_pubkey(cert, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                             reinterpret_cast<unsigned char const*>(request.subject.c_str()), -1,
                             -1, 0);
  auto* const signer = issuer == nullptr ? cert : issuer->cert.get();
  X509_set_issuer_name(cert, X509_get_subject_name(signer));
  add_extension(cert, signer, NID_basic_constraints, request.ca ? "critical,CA:TRUE" : "CA:FALSE");
  if (!request.names.empty()) add_extension(cert, signer, NID_subject_alt_name, request.names);
  auto* const signing_key = issuer == nullptr ? made.key.get() : issuer->key.get();
  REQUIRE(X509_sign(cert, signing_key, EVP_sha256()) > 0);
  return made;
}

Identity const& test_ca() {
  static auto const ca = issue({"test CA", "", -kDay, kDay, true}, nullptr);
  return ca;
}

std::string pem(X509* cert) {
  Bio const out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), cert);
  char* text = nullptr;
  auto const size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

/// The CA's certificate in a file of its own, gone with the object.
class CaFile {
 public:
  CaFile() : path_(std::filesystem::temp_directory_path() / "bctrl-bridge-tls-XXXXXX") {
    auto name = path_.string();
    auto const fd = ::mkstemp(name.data());
    REQUIRE(fd >= 0);
    path_ = name;
    auto const text = pem(test_ca().cert.get());
    auto* const file = ::fdopen(fd, "w");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }
  ~CaFile() { std::filesystem::remove(path_); }
  CaFile(CaFile const&) = delete;
  CaFile& operator=(CaFile const&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

struct ServerOptions {
  int max_version = 0;       // 0: whatever OpenSSL has
  bool proxy_first = false;  // answers a CONNECT before TLS begins
};

/// Accepts one connection on 127.0.0.1, sends back what it receives, and remembers what it was
/// told.
class TlsEcho {
 public:
  TlsEcho(Loop& loop, Identity const& identity, ServerOptions options = {})
      : options_(options),
        context_(ssl::context::tls_server),
        acceptor_(loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        tasks_(loop.executor()) {
    auto* const native = context_.native_handle();
    SSL_CTX_use_certificate(native, identity.cert.get());
    SSL_CTX_use_PrivateKey(native, identity.key.get());
    if (options.max_version != 0) {
      SSL_CTX_set_security_level(native, 0);
      SSL_CTX_set_min_proto_version(native, TLS1_VERSION);
      SSL_CTX_set_max_proto_version(native, options.max_version);
    }
    tasks_.spawn("echo", echo());
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::string const& server_name() const { return server_name_; }
  std::string const& connect_line() const { return connect_line_; }
  int resumed() const { return resumed_; }
  void stop() { tasks_.stop(); }

 private:
  awaitable<void> echo() {
    for (bool more = true; more;) more = co_await echo_one();
  }
  awaitable<bool> echo_one() {
    auto [ec, socket] = co_await acceptor_.async_accept(no_throw);
    if (ec) co_return false;
    std::array<char, 8192> chunk{};
    if (options_.proxy_first) {
      auto const [failed, n] = co_await socket.async_read_some(asio::buffer(chunk), no_throw);
      connect_line_ = std::string(chunk.data(), n);
      std::string_view const answer = "HTTP/1.1 200 OK\r\n\r\n";
      co_await asio::async_write(socket, asio::buffer(answer), no_throw);
    }
    ssl::stream<Tcp::socket> stream(std::move(socket), context_);
    auto const [shaken] = co_await stream.async_handshake(ssl::stream_base::server, no_throw);
    if (shaken) co_return true;
    resumed_ += SSL_session_reused(stream.native_handle());
    auto const* name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
    server_name_ = name == nullptr ? "" : name;
    for (;;) {
      auto const [read, n] = co_await stream.async_read_some(asio::buffer(chunk), no_throw);
      if (read) co_return true;
      auto const [wrote, m] =
          co_await asio::async_write(stream, asio::buffer(chunk.data(), n), no_throw);
      if (wrote) co_return true;
    }
  }

  int resumed_ = 0;
  ServerOptions options_;
  ssl::context context_;
  Tcp::acceptor acceptor_;
  std::string server_name_;
  std::string connect_line_;
  Tasks tasks_;
};

struct Client {
  std::string host = "localhost";
  bool trust_ca = true;
  bool insecure = false;
};

Result<std::string> try_connect(Identity const& identity, Client const& client,
                                ServerOptions options = {}) {
  Loop loop;
  CaFile const ca;
  TlsOptions tls;
  if (client.trust_ca) tls.ca_file = ca.path();
  tls.insecure = client.insecure;
  auto const context = TlsContext::make(tls).value();
  TlsEcho server(loop, identity, options);
  Result<std::string> name = Error();
  auto body = [&]() -> awaitable<void> {
    Tcp::socket tcp(loop.io());
    Tcp::endpoint const end(asio::ip::address_v4::loopback(), server.port());
    co_await tcp.async_connect(end, asio::use_awaitable);
    auto stream = co_await context->connect(loop, std::move(tcp), client.host);
    if (stream) {
      asio::const_buffer const ping = asio::buffer("x", 1);
      (void)co_await (*stream)->send(std::span(&ping, 1));
      auto const pong = co_await (*stream)->receive();
      CHECK(pong.has_value());
      name = server.server_name();
    } else {
      name = stream.error();
    }
    server.stop();
  };
  test::run(loop, body());
  return name;
}

Identity issued(CertRequest const& request) {
  return issue(request, &test_ca());
}

}  // namespace

TEST_CASE("tls: a certificate of a trusted CA for the right name is taken, and the name is sent") {
  auto const server = issued({"x", "DNS:bridge.example,DNS:*.wild.example"});
  CHECK(try_connect(server, {"bridge.example"}).value() == "bridge.example");
  CHECK(try_connect(server, {"a.wild.example"}).value() == "a.wild.example");
}

TEST_CASE("tls: an address is matched against the certificate's addresses and never sent as name") {
  auto const server = issued({"x", "IP:127.0.0.1,IP:::1"});
  CHECK(try_connect(server, {"127.0.0.1"}).value().empty());
  CHECK(try_connect(server, {"::1"}).value().empty());
  auto const other = try_connect(server, {"127.0.0.2"});
  REQUIRE(!other);
  CHECK(other.error().text() ==
        "TLS to 127.0.0.2 (it is for another name): "
        "the server's certificate could not be verified");
}

TEST_CASE("tls: a bad certificate is refused with its cause") {
  struct Row {
    char const* name;
    Identity identity;
    bool trust_ca;
    char const* cause;
  };
  Row const rows[] = {
      {"wrong name", issued({"bridge.example", "DNS:other.example"}), true, "another name"},
      {"name only in the subject's CN beside a SAN",
       issued({"bridge.example", "DNS:other.example"}), true, "another name"},
      {"partial wildcard", issued({"x", "DNS:br*.example"}), true, "another name"},
      {"expired", issued({"x", "DNS:bridge.example", -2 * kDay, -kDay}), true, "expired"},
      {"not yet valid", issued({"x", "DNS:bridge.example", kDay, 2 * kDay}), true, "not yet valid"},
      {"self-signed", issue({"x", "DNS:bridge.example"}, nullptr), true, "self-signed"},
      {"unknown CA", issued({"x", "DNS:bridge.example"}), false, "unable to get local issuer"},
  };
  for (auto const& row : rows) {
    CAPTURE(std::string(row.name));
    auto const got = try_connect(row.identity, {"bridge.example", row.trust_ca});
    REQUIRE(!got);
    CAPTURE(got.error().text());
    CHECK(got.error().is(Errc::bad_certificate));
    CHECK(got.error().text().find(row.cause) != std::string::npos);
  }
}

TEST_CASE("tls: a server that stops at TLS 1.1 is refused, 1.2 is taken") {
  auto const server = issued({"x", "DNS:bridge.example"});
  for (int const version : {TLS1_VERSION, TLS1_1_VERSION}) {
    auto const got = try_connect(server, {"bridge.example"}, {version});
    REQUIRE(!got);
    CHECK(got.error().text().find("TLS handshake with bridge.example: ") == 0);
  }
  CHECK(try_connect(server, {"bridge.example"}, {TLS1_2_VERSION}).has_value());
}

namespace {

/// A client that trusts the test's CA.
struct Trusting {
  Loop loop;
  CaFile ca;
  std::unique_ptr<TlsContext> context = context_of(ca);

  static std::unique_ptr<TlsContext> context_of(CaFile const& file) {
    TlsOptions options;
    options.ca_file = file.path();
    return TlsContext::make(options).value();
  }
  awaitable<std::unique_ptr<SocketStream>> connect(std::uint16_t port) {
    Reach reach;
    reach.tls = context.get();
    auto url = parse_url("https://localhost:" + std::to_string(port)).value();
    auto connected = co_await connect_to(loop, std::move(url), reach);
    REQUIRE(connected.has_value());
    co_return std::move(*connected);
  }
};

}  // namespace

TEST_CASE("tls: the next connection to a host takes up the session of the last one") {
  Trusting client;
  auto& loop = client.loop;
  auto const identity = issued({"x", "DNS:bridge.example,DNS:other.example"});
  TlsEcho server(loop, identity);
  std::vector<int> resumed;
  auto body = [&]() -> awaitable<void> {
    for (std::string const host : {"bridge.example", "bridge.example", "other.example"}) {
      Tcp::socket tcp(loop.io());
      Tcp::endpoint const end(asio::ip::address_v4::loopback(), server.port());
      co_await tcp.async_connect(end, asio::use_awaitable);
      auto stream = co_await client.context->connect(loop, std::move(tcp), host);
      REQUIRE(stream.has_value());
      asio::const_buffer const ping = asio::buffer("x", 1);
      (void)co_await (*stream)->send(std::span(&ping, 1));
      auto const pong = co_await (*stream)->receive();
      CHECK(pong.has_value());
      resumed.push_back(server.resumed());
      (*stream)->close();
    }
    server.stop();
  };
  test::run(loop, body());
  CHECK(resumed == std::vector<int>{0, 1, 1});
}

TEST_CASE("tls: insecure is for loopback hosts only") {
  auto const server = issue({"x", "DNS:other.example"}, nullptr);
  CHECK(try_connect(server, {"localhost", false, true}).has_value());
  CHECK(try_connect(server, {"127.0.0.1", false, true}).has_value());
  auto const far = try_connect(server, {"bridge.example", false, true});
  REQUIRE(!far);
  CHECK(far.error().is(Errc::refused));
}

TEST_CASE("tls: a CA file that is missing is an error that names it") {
  TlsOptions options;
  options.ca_file = "/nonexistent/ca.pem";
  auto const made = TlsContext::make(options);
  REQUIRE(!made);
  CHECK(made.error().text().find("/nonexistent/ca.pem") != std::string::npos);
}

TEST_CASE("tls: megabytes pass both ways at once, and close ends a pending receive") {
  Trusting client;
  auto& loop = client.loop;
  auto const identity = issued({"x", "DNS:localhost"});
  TlsEcho server(loop, identity);
  std::string const block(100'000, 'b');
  std::vector<asio::const_buffer> const pieces(20, asio::buffer(block));
  std::size_t got = 0;
  bool ended = false;
  auto body = [&]() -> awaitable<void> {
    auto const connected = co_await client.connect(server.port());
    auto& stream = *connected;
    CHECK(stream.is_open());
    CHECK(stream.peer() == "127.0.0.1:" + std::to_string(server.port()));
    auto read = [&]() -> awaitable<void> {
      for (;;) {
        auto const chunk = co_await stream.receive();
        if (!chunk) break;
        got += chunk->size();
        if (got == pieces.size() * block.size()) stream.close();
      }
      ended = true;
    };
    auto write = [&]() -> awaitable<void> {
      auto const sent = co_await stream.send(pieces);
      CHECK(sent.has_value());
    };
    co_await (read() && write());
    CHECK(!stream.is_open());
    server.stop();
  };
  test::run(loop, body());
  CHECK(got == pieces.size() * block.size());
  CHECK(ended);
}

TEST_CASE("tls: what the socket does not take goes later, and the end of the stream behind it") {
  Trusting client;
  auto& loop = client.loop;
  auto const identity = issued({"x", "DNS:localhost"});
  TlsEcho server(loop, identity);
  std::string block(50'000, 'b');
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>('a' + i % 23);
  std::string sent;
  std::string got;
  bool ready = false;
  auto body = [&]() -> awaitable<void> {
    auto const connected = co_await client.connect(server.port());
    auto& stream = *connected;
    asio::const_buffer const piece = asio::buffer(block);
    // The server stops to read when nobody reads its answers.
    for (int refused = 0; refused < 20;) {
      auto const n = stream.try_send(std::span(&piece, 1));
      REQUIRE(n.has_value());
      sent.append(block, 0, *n);
      if (*n > 0) continue;
      ++refused;
      co_await sleep_for(5ms);
    }
    stream.when_writable([&] { ready = true; });
    stream.shutdown_send();
    CHECK_FALSE(ready);
    for (;;) {
      auto const chunk = co_await stream.receive(10'000);
      if (!chunk) {
        CHECK(chunk.error().is(Errc::end_of_stream));
        break;
      }
      CHECK(chunk->size() <= 10'000);
      got.append(chunk->data(), chunk->size());
    }
    server.stop();
  };
  test::run(loop, body());
  CHECK(ready);
  CHECK(sent.size() > 1'000'000);
  CHECK((got == sent));
}

TEST_CASE("tls: the server's name is verified behind a proxy") {
  Trusting client;
  auto& loop = client.loop;
  auto const identity = issued({"x", "DNS:far.example"});
  for (auto const* host : {"far.example", "other.example"}) {
    TlsEcho server(loop, identity, {0, true});
    Reach reach;
    reach.tls = client.context.get();
    reach.proxies =
        ProxySettings::fixed("http://127.0.0.1:" + std::to_string(server.port())).value();
    auto body = [&]() -> awaitable<void> {
      auto url = parse_url(std::string("https://") + host).value();
      auto const connected = co_await connect_to(loop, std::move(url), reach);
      bool const right = std::string_view(host) == "far.example";
      CHECK(connected.has_value() == right);
      if (!connected) CHECK(connected.error().is(Errc::bad_certificate));
      server.stop();
    };
    test::run(loop, body());
    CHECK(server.connect_line().starts_with(std::string("CONNECT ") + host + ":443 HTTP/1.1\r\n"));
  }
}

TEST_CASE("tls: a server that does not speak TLS, and one that ends the stream, are errors") {
  Loop loop;
  auto const context = TlsContext::make({}).value();
  for (std::string_view const greeting : {"HTTP/1.1 400 Bad Request\r\n\r\n", ""}) {
    Tcp::acceptor acceptor(loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    auto serve = [&]() -> awaitable<void> {
      auto socket = co_await acceptor.async_accept(asio::use_awaitable);
      std::array<char, 4096> hello{};
      co_await socket.async_read_some(asio::buffer(hello), no_throw);
      co_await asio::async_write(socket, asio::buffer(greeting), no_throw);
    };
    auto dial = [&]() -> awaitable<void> {
      Reach reach;
      reach.tls = context.get();
      auto const port = acceptor.local_endpoint().port();
      auto url = parse_url("https://localhost:" + std::to_string(port) + "/secret").value();
      auto const got = co_await connect_to(loop, std::move(url), reach);
      REQUIRE(!got);
      CHECK(got.error().text().find("TLS handshake with localhost: ") == 0);
      CHECK(got.error().text().find("secret") == std::string::npos);
    };
    auto both = [&]() -> awaitable<void> { co_await (serve() && dial()); };
    test::run(loop, both());
  }
}
