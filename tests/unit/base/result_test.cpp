#include "base/result.hpp"

#include <doctest/doctest.h>

#include <set>
#include <stdexcept>
#include <string>

namespace bridge {

TEST_CASE("result: an error reads as one line that says what was being done") {
  Error const error(boost::system::errc::make_error_code(boost::system::errc::connection_refused),
                    "dial wss://host:443");
  CHECK(error.text() == "dial wss://host:443: Connection refused");
  CHECK(Error(Errc::timed_out, "listen").text() == "listen: timed out");
  CHECK(Error(Errc::timed_out, "").text() == "timed out");
}

TEST_CASE("result: every code of ours has words of its own") {
  std::set<std::string> texts;
  for (auto value = static_cast<int>(Errc::end_of_stream);
       value <= static_cast<int>(Errc::cancelled); ++value) {
    auto const code = make_error_code(static_cast<Errc>(value));
    CHECK(code.failed());
    CHECK(std::string(code.category().name()) == "bridge");
    CHECK(code.message() != "unknown error");
    texts.insert(code.message());
  }
  CHECK(texts.size() == static_cast<std::size_t>(Errc::cancelled));
  CHECK(make_error_code(static_cast<Errc>(99)).message() == "unknown error");
}

TEST_CASE("result: a code is told apart from others with the same number") {
  Error const ours(Errc::timed_out, "");
  CHECK(ours.is(Errc::timed_out));
  CHECK_FALSE(ours.is(Errc::refused));
  Error const system(boost::system::error_code(static_cast<int>(Errc::timed_out),
                                               boost::system::system_category()),
                     "");
  CHECK_FALSE(system.is(Errc::timed_out));
  boost::system::error_code const implicit = Errc::refused;
  CHECK(implicit == make_error_code(Errc::refused));
  CHECK_FALSE(Error().code.failed());
}

TEST_CASE("result: taking the value of an error throws its text") {
  Result<int> const good = 7;
  CHECK(good.value() == 7);
  Result<int> const bad = Error(Errc::not_found, "read /x");
  CHECK(bad.has_error());
  CHECK_THROWS_WITH_AS((void)bad.value(), "read /x: not found", std::runtime_error);
  Result<> const nothing;
  CHECK(nothing.has_value());
}

TEST_CASE("result: an error that ends in its way out has nothing behind it") {
  auto const error = Error::saying(Errc::refused, "/x is open to others; chmod 600 /x");
  CHECK(error.text() == "/x is open to others; chmod 600 /x");
  CHECK(error.is(Errc::refused));
}

}  // namespace bridge
