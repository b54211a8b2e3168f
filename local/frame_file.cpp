#include "local/frame_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>

namespace bridge::local {
namespace {

constexpr std::size_t kHeadBytes = 8;

void put(std::string& into, std::uint32_t number) {
  for (unsigned shift = 0; shift < 32; shift += 8)
    into += static_cast<char>((number >> shift) & 0xFFU);
}

std::uint32_t get(std::string_view from) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i)
    number |= static_cast<std::uint32_t>(static_cast<unsigned char>(from[i])) << (8 * i);
  return number;
}

Descriptor open_to_read(std::filesystem::path const& path) {
  return Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

Result<FrameFile> FrameFile::create(std::filesystem::path const& path) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) return system_error("make the recording's file");
  return FrameFile(std::move(file));
}

std::vector<FrameFile::Frame> FrameFile::frames(std::filesystem::path const& path) {
  std::vector<Frame> found;
  read_on(path, found);
  return found;
}

void FrameFile::read_on(std::filesystem::path const& path, std::vector<Frame>& known) {
  auto const file = open_to_read(path);
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) return known.clear();
  auto const end = static_cast<std::uint64_t>(status.st_size);
  std::uint64_t offset = known.empty() ? 0 : known.back().offset + known.back().size;
  while (offset + kHeadBytes <= end) {
    auto const head = read_at(file.get(), offset, kHeadBytes);
    if (!head || head->size() < kHeadBytes) break;
    Frame frame{get(*head), get(std::string_view(*head).substr(4)), offset + kHeadBytes};
    if (frame.offset + frame.size > end) break;
    known.push_back(frame);
    offset = frame.offset + frame.size;
  }
}

Result<std::string> FrameFile::read(std::filesystem::path const& path, Frame const& frame) {
  auto const file = open_to_read(path);
  if (!file.is_open()) return system_error("read the recording");
  return read_at(file.get(), frame.offset, frame.size);
}

Result<void> FrameFile::add(std::uint32_t at_ms, std::string_view picture) {
  std::string whole;
  whole.reserve(kHeadBytes + picture.size());
  put(whole, at_ms);
  put(whole, static_cast<std::uint32_t>(picture.size()));
  whole += picture;
  auto const written = write_all(file_.get(), whole);
  if (written) bytes_ += whole.size();
  return written;
}

}  // namespace bridge::local
