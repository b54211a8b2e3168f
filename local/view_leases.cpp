#include "local/view_leases.hpp"

#include "local/hash.hpp"
#include "local/token.hpp"

namespace bridge::local {
namespace {

constexpr std::size_t kTokenBytes = 32;

}  // namespace

std::optional<Secret> ViewLeases::add(ViewLease lease, Timestamp when) {
  std::erase_if(leases_, [&](auto const& one) { return one.second.expires <= when; });
  if (leases_.size() >= kMax) return std::nullopt;
  auto token = random_token(kTokenBytes);
  leases_.emplace(sha256_hex(token), std::move(lease));
  return Secret(std::move(token));
}

std::optional<ViewLease> ViewLeases::find(std::string_view token, Timestamp when) const {
  auto const found = leases_.find(sha256_hex(token));
  if (found == leases_.end() || found->second.expires <= when) return std::nullopt;
  return found->second;
}

}  // namespace bridge::local
