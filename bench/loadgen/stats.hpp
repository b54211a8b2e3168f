// Latency histogram and resource sampling of another process through /proc.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace loadgen {

// Log-linear buckets: 128 per power of two, so a reading is within 0.8 % of the truth.
class Histogram {
 public:
  void add(std::uint64_t ns) {
    ++counts_[slot(ns)];
    ++total_;
    sum_ += static_cast<double>(ns);
    if (ns > max_) max_ = ns;
  }
  double quantile_us(double q) const {
    if (total_ == 0) return 0;
    auto const wanted = static_cast<std::uint64_t>(q * static_cast<double>(total_ - 1)) + 1;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if ((seen += counts_[i]) >= wanted)
        return static_cast<double>(std::min(middle(i), max_)) / 1e3;
    return static_cast<double>(max_) / 1e3;
  }
  double mean_us() const { return total_ ? sum_ / static_cast<double>(total_) / 1e3 : 0; }
  double max_us() const { return static_cast<double>(max_) / 1e3; }

 private:
  static constexpr int kBits = 7;
  static std::size_t slot(std::uint64_t v) {
    if (v < (1u << kBits)) return v;
    int const shift = static_cast<int>(std::bit_width(v)) - kBits - 1;
    return (static_cast<std::size_t>(shift + 1) << kBits) + ((v >> shift) & ((1u << kBits) - 1));
  }
  static std::uint64_t middle(std::size_t i) {
    if (i < (1u << kBits)) return i;
    int const shift = static_cast<int>(i >> kBits) - 1;
    const std::uint64_t low = ((i & ((1u << kBits) - 1)) | (1u << kBits)) << shift;
    return low + (std::uint64_t{1} << shift) / 2;
  }

  std::array<std::uint64_t, (64 - kBits + 1) << kBits> counts_{};
  std::uint64_t total_ = 0, max_ = 0;
  double sum_ = 0;
};

struct Usage {
  std::uint64_t cpu_ns = 0;   // on-CPU time of all live threads
  std::uint64_t user_ms = 0;  // split, at clock-tick resolution
  std::uint64_t system_ms = 0;
  std::uint64_t switches = 0;  // voluntary context switches
  std::uint64_t rss_kb = 0, pss_kb = 0, peak_kb = 0;
};

// Sums over the given processes and everything they have forked that is still alive. A process that
// is gone is an error: reading it as zero would make any limit on its use look met.
inline Usage sample(std::vector<int> pids) {
  namespace fs = std::filesystem;
  Usage u;
  const std::size_t named = pids.size();
  for (std::size_t i = 0; i < pids.size(); ++i) {
    const std::string base = "/proc/" + std::to_string(pids[i]);
    std::error_code ec;
    if (i < named && !fs::exists(base + "/task", ec))
      throw std::runtime_error("process " + std::to_string(pids[i]) + " is not running");
    for (auto const& task : fs::directory_iterator(base + "/task", ec)) {
      std::ifstream children(task.path() / "children");
      for (int child = 0; children >> child;) pids.push_back(child);
    }
    for (auto const& task : fs::directory_iterator(base + "/task", ec)) {
      std::uint64_t ns = 0;
      std::ifstream(task.path() / "schedstat") >> ns;
      u.cpu_ns += ns;
      std::ifstream status(task.path() / "status");
      for (std::string key; status >> key;) {
        std::uint64_t value = 0;
        if (key == "voluntary_ctxt_switches:" && status >> value) u.switches += value;
      }
    }
    std::ifstream stat(base + "/stat");
    std::string line;
    std::getline(stat, line);
    if (auto const close = line.rfind(')'); close != std::string::npos) {
      std::istringstream rest(line.substr(close + 2));
      std::string skip;
      std::uint64_t user = 0, system = 0;
      for (int field = 0; field < 11; ++field) rest >> skip;
      rest >> user >> system;
      u.user_ms += user * 10;
      u.system_ms += system * 10;
    }
    std::ifstream status(base + "/status");
    for (std::string key; status >> key;) {
      std::uint64_t value = 0;
      if (key == "VmRSS:" && status >> value) u.rss_kb += value;
      if (key == "VmHWM:" && status >> value) u.peak_kb += value;
    }
    std::ifstream rollup(base + "/smaps_rollup");
    for (std::string key; rollup >> key;) {
      std::uint64_t value = 0;
      if (key == "Pss:" && rollup >> value) u.pss_kb += value;
    }
  }
  return u;
}

}  // namespace loadgen
