#include "local/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace bridge::local {
namespace {

constexpr std::array<std::string_view, 6> kNotInherited{
    "BCTRL_", "NOTIFY_SOCKET=", "LISTEN_", "WATCHDOG_", "CREDENTIALS_DIRECTORY=", "INVOCATION_ID="};

Error failed(std::string doing) {
  return Error{boost::system::error_code(errno, boost::system::generic_category()),
               std::move(doing)};
}

/// A file descriptor until somebody else takes it over.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failed("make a pipe");
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// What execve() takes, made before fork(): behind it memory must not be asked for.
class Words {
 public:
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {
    for (auto& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
  }
  [[nodiscard]] char* const* data() const { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

std::vector<std::string> clean_environment(std::vector<std::string> const& ours) {
  auto kept = ours;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view const text(*entry);
    auto const name = text.substr(0, text.find('=') + 1);
    bool const replaced = std::any_of(ours.begin(), ours.end(), [name](std::string_view variable) {
      return variable.starts_with(name);
    });
    bool const drop =
        std::any_of(kNotInherited.begin(), kNotInherited.end(),
                    [text](std::string_view start) { return text.starts_with(start); });
    if (!replaced && !drop) kept.emplace_back(text);
  }
  return kept;
}

// glibc 2.36 declares pidfd_open() without C linkage.
int open_pidfd(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

void reset_signals() {
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  for (int const number : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGCHLD, SIGUSR1, SIGUSR2})
    sigaction(number, &usual, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// The child, from fork() to execve(): async-signal-safe calls only.
[[noreturn]] void become(char const* program, Words const& arguments, Words const& environment,
                         int input, int output, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have ended before prctl() could watch it.
  if (getppid() != parent) _exit(127);
  reset_signals();
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  execve(program, arguments.data(), environment.data());
  constexpr std::string_view kFailed = "the program cannot be executed\n";
  [[maybe_unused]] auto const written = ::write(STDERR_FILENO, kFailed.data(), kFailed.size());
  _exit(127);
}

// The watchdog: a fork of us that never executes anything, so async-signal-safe calls only.
[[noreturn]] void guard(pid_t group, int lifeline) {
  // Outside the group kill(0) would hit our own process group.
  if (setpgid(0, group) != 0 || getpgrp() != group) _exit(1);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  prctl(PR_SET_NAME, "bctrl-watchdog");
  dup2(lifeline, STDIN_FILENO);
  close_range(STDIN_FILENO + 1, ~0U, 0);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) continue;
  ::kill(0, SIGKILL);
  _exit(0);
}

std::string describe(siginfo_t const& info) {
  if (info.si_code == CLD_EXITED) return fmt::format("exited with status {}", info.si_status);
  return fmt::format("was killed by signal {} ({})", info.si_status, strsignal(info.si_status));
}

}  // namespace

Result<std::unique_ptr<Process>> Process::spawn(net::Loop& loop, std::string const& program,
                                                std::vector<std::string> const& arguments,
                                                std::vector<std::string> const& variables) {
  auto output = make_pipe();
  if (!output) return output.error();
  auto lifeline = make_pipe();
  if (!lifeline) return lifeline.error();
  Descriptor const input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (input.get() < 0) return failed("open /dev/null");

  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  Words const argument_words(std::move(words));
  Words const environment_words(clean_environment(variables));

  pid_t const self = getpid();
  pid_t const pid = fork();
  if (pid < 0) return failed("start " + program);
  if (pid == 0)
    become(program.c_str(), argument_words, environment_words, input.get(), output->write.get(),
           self);
  // Both sides set it: whichever comes first, the group exists before anybody relies on it.
  setpgid(pid, pid);

  pid_t const watchdog = fork();
  if (watchdog == 0) guard(pid, lifeline->read.get());
  Descriptor pidfd(watchdog < 0 ? -1 : open_pidfd(pid));
  if (pidfd.get() < 0) {
    auto error = failed("watch " + program);
    ::kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    if (watchdog > 0) waitpid(watchdog, nullptr, 0);
    return error;
  }
  setpgid(watchdog, pid);
  return std::unique_ptr<Process>(new Process(loop, pid, watchdog, pidfd.release(),
                                              output->read.release(), lifeline->write.release()));
}

Process::Process(net::Loop& loop, pid_t pid, pid_t watchdog, int pidfd, int output, int lifeline)
    : pid_(pid),
      watchdog_(watchdog),
      pidfd_(loop.io(), pidfd),
      output_(loop.io(), output),
      lifeline_(loop.io(), lifeline) {}

Process::~Process() {
  if (ended_) return;
  kill();
  reap();
}

awaitable<Result<std::string>> Process::read_output() {
  std::string bytes(4096, '\0');
  auto const room = asio::buffer(bytes);
  auto const [ec, got] = co_await output_.async_read_some(room, no_throw);
  if (ec == asio::error::eof) co_return Error{Errc::end_of_stream, "read the program's output"};
  if (ec) co_return Error{ec, "read the program's output"};
  bytes.resize(got);
  co_return bytes;
}

awaitable<Result<void>> Process::exited() {
  if (!ended_) {
    auto const [ec] =
        co_await pidfd_.async_wait(asio::posix::stream_descriptor::wait_read, no_throw);
    if (ec) co_return Error{ec, "wait for the program's end"};
    if (!ended_) reap();
  }
  co_return Result<void>{};
}

void Process::interrupt() {
  if (!ended_) ::kill(pid_, SIGINT);
}

void Process::kill() {
  if (!ended_) ::kill(-pid_, SIGKILL);
}

void Process::reap() {
  // The group first: until its leader is waited for, nobody else can get this number.
  ::kill(-pid_, SIGKILL);
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) continue;
  while (waitpid(watchdog_, nullptr, 0) < 0 && errno == EINTR) continue;
  ended_ = true;
  ending_ = describe(info);
}

}  // namespace bridge::local
