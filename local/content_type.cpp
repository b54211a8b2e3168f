#include "local/content_type.hpp"

#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <utility>

namespace bridge::local {
namespace {

// What pages offer for download, and what scripts hand to pages.
constexpr std::array<std::pair<std::string_view, std::string_view>, 31> kTypes{{
    {".avif", "image/avif"},
    {".bmp", "image/bmp"},
    {".css", "text/css"},
    {".csv", "text/csv"},
    {".doc", "application/msword"},
    {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {".gif", "image/gif"},
    {".gz", "application/gzip"},
    {".har", "application/json"},
    {".htm", "text/html"},
    {".html", "text/html"},
    {".ics", "text/calendar"},
    {".jpeg", "image/jpeg"},
    {".jpg", "image/jpeg"},
    {".js", "text/javascript"},
    {".json", "application/json"},
    {".md", "text/markdown"},
    {".mp3", "audio/mpeg"},
    {".mp4", "video/mp4"},
    {".pdf", "application/pdf"},
    {".png", "image/png"},
    {".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {".svg", "image/svg+xml"},
    {".tar", "application/x-tar"},
    {".txt", "text/plain"},
    {".wav", "audio/wav"},
    {".webm", "video/webm"},
    {".webp", "image/webp"},
    {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {".xml", "application/xml"},
    {".zip", "application/zip"},
}};

}  // namespace

std::string_view content_type_of(std::string_view name) {
  for (auto const& [ending, type] : kTypes)
    if (boost::algorithm::iends_with(name, ending)) return type;
  return "application/octet-stream";
}

}  // namespace bridge::local
