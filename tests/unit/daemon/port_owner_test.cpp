#include "daemon/port_owner.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include "net/loop.hpp"

using namespace bridge;

TEST_CASE("port_owner: the process that listens is named, on either family") {
  net::Loop loop;
  auto const us = fmt::format("unit_daemon (pid {})", ::getpid());
  Tcp::acceptor const v4(loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  CHECK(port_owner(v4.local_endpoint().port()) == us);
  error_code ec;
  Tcp::acceptor v6(loop.io());
  v6.open(Tcp::v6(), ec);
  if (!ec) v6.bind(Tcp::endpoint(asio::ip::address_v6::loopback(), 0), ec);
  if (!ec) v6.listen(1, ec);
  if (!ec) CHECK(port_owner(v6.local_endpoint().port()) == us);
}

TEST_CASE("port_owner: a port that nobody listens on has no owner") {
  net::Loop loop;
  std::uint16_t port = 0;
  {
    Tcp::acceptor const taken(loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    port = taken.local_endpoint().port();
  }
  CHECK(port_owner(port).empty());
}

TEST_CASE("port_owner: a taken port is told with its address, on either family") {
  net::Loop loop;
  Tcp::acceptor v4(loop.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  auto const port = v4.local_endpoint().port();
  CHECK(taken_address(port) == fmt::format("127.0.0.1:{}", port));
  v4.close();
  CHECK_FALSE(taken_address(port));
  CHECK_FALSE(taken_address(0));
  error_code ec;
  Tcp::acceptor v6(loop.io());
  v6.open(Tcp::v6(), ec);
  if (!ec) v6.bind(Tcp::endpoint(asio::ip::address_v6::loopback(), 0), ec);
  if (!ec) v6.listen(1, ec);
  if (ec) return;
  auto const six = v6.local_endpoint().port();
  CHECK(taken_address(six) == fmt::format("[::1]:{}", six));
}
