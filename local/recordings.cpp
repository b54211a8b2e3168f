#include "local/recordings.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/scope_exit.hpp"
#include "local/camera.hpp"

namespace bridge::local {
namespace {

constexpr auto kSuffix = ".frames";
// A player asks for one recording, again and again.
constexpr std::size_t kKnownMax = 8;

}  // namespace

Recordings::Recordings(net::Loop& loop, Store& store, Runtimes& runtimes,
                       std::filesystem::path directory, bool enabled)
    : loop_(loop),
      store_(store),
      runtimes_(runtimes),
      directory_(std::move(directory)),
      enabled_(enabled),
      following_(loop.executor()),
      recording_(loop.executor()) {}

std::filesystem::path Recordings::file_of(RunId const& run) const {
  return directory_ / (run.value + kSuffix);
}

void Recordings::start() {
  sweep();
  if (!enabled_) return;
  std::error_code failed;
  std::filesystem::create_directories(directory_, failed);
  if (failed) return log_.warn("nothing is recorded: make a directory: {}", failed.message());
  following_.spawn("recordings", follow());
}

awaitable<void> Recordings::stop() {
  following_.stop();
  co_await following_.join();
  for (auto* const camera : cameras_) camera->leave();
  co_await recording_.join();
}

void Recordings::sweep() {
  std::error_code failed;
  std::vector<std::filesystem::path> orphans;
  for (auto const& entry : std::filesystem::directory_iterator(directory_, failed))
    if (!store_.run(RunId{entry.path().stem().string()})) orphans.push_back(entry.path());
  for (auto const& orphan : orphans) std::filesystem::remove(orphan, failed);
}

awaitable<void> Recordings::follow() {
  for (;;) {
    auto const all = runtimes_.snapshot();
    // A camera may end before its run does, which is not to be begun again.
    std::erase_if(recorded_, [&](RunId const& run) {
      return std::none_of(all.begin(), all.end(), [&](auto const& one) { return one.run == run; });
    });
    for (auto const& active : all) {
      auto devtools = runtimes_.devtools(active.run);
      if (!devtools || !recorded_.insert(active.run).second) continue;
      recording_.spawn("recording", record(active.run, std::move(*devtools)));
    }
    co_await runtimes_.changed();
  }
}

awaitable<void> Recordings::record(RunId run, net::Url devtools) {
  auto const row = store_.run(run);
  auto file = FrameFile::create(file_of(run));
  if (!row || !file) {
    log_.warn("a run is not recorded: {}", row ? file.error().text() : "it is not in the store");
    co_return;
  }
  Camera camera(loop_, std::move(*file), row->started_at);
  auto const place = cameras_.insert(cameras_.end(), &camera);
  auto const gone = scope_exit([this, place] { cameras_.erase(place); });
  co_await camera.serve(std::move(devtools));
}

std::vector<FrameFile::Frame> const& Recordings::frames_of(RunId const& run) const {
  auto const found =
      std::find_if(known_.begin(), known_.end(), [&](auto const& one) { return one.first == run; });
  if (found == known_.end())
    known_.emplace_front(run, std::vector<FrameFile::Frame>());
  else
    known_.splice(known_.begin(), known_, found);
  if (known_.size() > kKnownMax) known_.pop_back();
  auto& frames = known_.front().second;
  FrameFile::read_on(file_of(run), frames);
  return frames;
}

Recordings::State Recordings::state(Run const& run) const {
  State state;
  auto const& frames = frames_of(run.id);
  bool const goes_on = run.status == Status::active && recorded_.contains(run.id);
  state.status = goes_on ? "preparing" : frames.empty() ? "not_available" : "ready";
  auto const end = run.finished_at.value_or(now());
  if (!frames.empty()) state.seconds = std::chrono::duration<double>(end - run.started_at).count();
  return state;
}

Json Recordings::index(RunId const& run) const {
  auto const row = store_.run(run);
  State const none{"not_available", std::nullopt};
  auto const found = row ? state(*row) : none;
  auto times = Json::array();
  if (row)
    for (auto const& frame : frames_of(run)) times.push_back(frame.at_ms / 1000.0);
  return Json{{"status", found.status},
              {"durationSeconds", found.seconds.value_or(0)},
              {"times", std::move(times)}};
}

std::optional<std::string> Recordings::picture(RunId const& run, std::size_t index) const {
  auto const& frames = frames_of(run);
  if (index >= frames.size()) return std::nullopt;
  auto read = FrameFile::read(file_of(run), frames[index]);
  if (!read) return std::nullopt;
  return std::move(*read);
}

}  // namespace bridge::local
