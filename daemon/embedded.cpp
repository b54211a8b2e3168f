#include "daemon/embedded.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>

#include "local/backend.hpp"
#include "net/loop.hpp"

namespace bridge {

struct EmbeddedBackend::Impl {
  net::Loop loop;
  std::unique_ptr<local::Backend> backend;
  std::thread thread;

  // Chromium gets a death signal when the thread that made it ends, so this one lives as long as
  // the backend.
  void run() {
    auto const work = asio::make_work_guard(loop.io());
    loop.run();
  }

  // Runs `body` on the backend's loop and waits for it.
  template <class T>
  T wait_for(awaitable<T> body) {
    return asio::co_spawn(loop.io(), std::move(body), asio::use_future).get();
  }
};

EmbeddedBackend::EmbeddedBackend(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)),
      base_url_(impl_->backend->base_url()),
      key_(impl_->backend->key()),
      chromium_version_(impl_->backend->chromium_version()) {}

Result<std::unique_ptr<EmbeddedBackend>> EmbeddedBackend::start(config::Local const& options,
                                                                std::string state_dir) {
  local::BackendOptions wanted;
  wanted.port = options.port;
  wanted.chromium = options.chromium;
  wanted.chromium_flags = options.chromium_flags;
  wanted.concurrent = options.concurrent;
  wanted.recording = options.recording;
  wanted.proxy_test_target = options.proxy_test_url;
  if (!state_dir.empty()) wanted.state = state_dir;

  auto impl = std::make_unique<Impl>();
  auto opened = local::Backend::open(impl->loop, std::move(wanted));
  if (!opened) return opened.error();
  impl->backend = std::move(*opened);
  impl->thread = std::thread([&all = *impl] { all.run(); });
  auto const started = impl->wait_for(impl->backend->start());
  auto out = std::unique_ptr<EmbeddedBackend>(new EmbeddedBackend(std::move(impl)));
  if (!started) return started.error();
  return out;
}

EmbeddedBackend::~EmbeddedBackend() {
  impl_->wait_for(impl_->backend->stop());
  impl_->loop.io().stop();
  impl_->thread.join();
}

}  // namespace bridge
