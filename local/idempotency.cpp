#include "local/idempotency.hpp"

#include "base/scope_exit.hpp"
#include "local/hash.hpp"

namespace bridge::local {

awaitable<Outcome<net::HttpReply>> Idempotency::once(std::string key, std::string request,
                                                     awaitable<Outcome<net::HttpReply>> work) {
  if (key.empty() || key.size() > kKeyMax)
    co_return Problem::invalid("Idempotency-Key", "Idempotency-Key must have 1 to 200 characters.");
  // Its body may hold secrets, which are not to lie on a disk.
  auto const digest = sha256_hex(request);
  while (working_.contains(key)) co_await settled_.wait();
  if (auto const kept = store_.kept_answer(key, now())) {
    if (kept->request != digest)
      co_return Problem(409, "idempotency.mismatch",
                        "This Idempotency-Key was used for another request.",
                        "Use a new key for every new intention.");
    net::HttpReply reply;
    reply.status = kept->status;
    reply.headers.emplace_back("Content-Type", "application/json");
    reply.headers.emplace_back("Idempotency-Replayed", "true");
    reply.body = kept->body;
    co_return reply;
  }
  working_.insert(key);
  auto const settled = scope_exit([&] {
    working_.erase(key);
    settled_.notify_all();
  });
  auto reply = co_await std::move(work);
  if (!reply) co_return reply;
  KeptAnswer answer;
  answer.request = digest;
  answer.status = reply->status;
  answer.body = reply->body;
  store_.keep_answer(key, answer, now());
  co_return reply;
}

}  // namespace bridge::local
