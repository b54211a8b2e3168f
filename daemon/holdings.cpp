#include "daemon/holdings.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace bridge {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Happening::Kind;

constexpr std::array<std::pair<Kind, char const*>, 11> kNames{{
    {Kind::address, "address"},
    {Kind::creating, "creating"},
    {Kind::created, "created"},
    {Kind::starting, "starting"},
    {Kind::started, "started"},
    {Kind::ended, "ended"},
    {Kind::context, "context"},
    {Kind::context_gone, "context_gone"},
    {Kind::released, "released"},
    {Kind::taken_back, "taken_back"},
    {Kind::dropped, "dropped"},
}};

char const* name_of(Kind kind) {
  auto const at = std::find_if(kNames.begin(), kNames.end(),
                               [kind](auto const& row) { return row.first == kind; });
  return at->second;
}

std::string text_of(Json const& object, char const* key) {
  auto const at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::optional<Happening> read(std::string_view record) {
  auto const object = Json::parse(record, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  auto const kind = text_of(object, "kind");
  auto const at = std::find_if(kNames.begin(), kNames.end(),
                               [&kind](auto const& row) { return row.second == kind; });
  if (at == kNames.end()) return std::nullopt;
  Happening what;
  what.kind = at->first;
  what.bridge = text_of(object, "bridge");
  what.runtime.value = text_of(object, "runtime");
  what.run.value = text_of(object, "run");
  what.text = text_of(object, "text");
  auto const ours = object.find("ours");
  what.ours = ours != object.end() && *ours == true;
  auto const port = object.find("port");
  if (port != object.end() && port->is_number_unsigned() && *port <= 65535)
    what.port = port->get<std::uint16_t>();
  return what;
}

}  // namespace

std::string to_record(Happening const& what) {
  Json object{{"kind", name_of(what.kind)}, {"bridge", what.bridge}};
  if (!what.runtime.empty()) object["runtime"] = what.runtime.value;
  if (!what.run.empty()) object["run"] = what.run.value;
  if (what.ours) object["ours"] = true;
  if (!what.text.empty()) object["text"] = what.text;
  if (what.port != 0) object["port"] = what.port;
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void Holdings::apply(Happening const& what) {
  auto& holding = all_[what.bridge];
  switch (what.kind) {
    case Kind::address:
      holding.port = what.port;
      holding.path = what.text;
      break;
    case Kind::creating:
      holding.creating = what.text;
      break;
    case Kind::created:
      holding.creating.clear();
      holding.runtime = what.runtime;
      break;
    case Kind::starting:
      holding.runtime = what.runtime;
      holding.starting = what.text;
      break;
    case Kind::started:
      if (holding.run != what.run) holding.contexts.clear();  // they went with their run
      holding.starting.clear();
      holding.runtime = what.runtime;
      holding.run = what.run;
      holding.ours = what.ours;
      break;
    case Kind::ended:
      holding.starting.clear();
      holding.run = {};
      holding.ours = false;
      holding.contexts.clear();
      break;
    case Kind::context:
      holding.contexts.insert(what.text);
      break;
    case Kind::context_gone:
      holding.contexts.erase(what.text);
      break;
    case Kind::released:
      holding.released = what.text;
      break;
    case Kind::taken_back:
      holding.released.clear();
      break;
    case Kind::dropped:
      holding = {};
      break;
  }
  if (holding == Holding()) all_.erase(what.bridge);
}

bool Holdings::apply(std::string_view record) {
  auto const what = read(record);
  if (what) apply(*what);
  return what.has_value();
}

Holding const& Holdings::of(std::string const& bridge) const {
  static Holding const nothing;
  auto const at = all_.find(bridge);
  return at == all_.end() ? nothing : at->second;
}

std::vector<std::string> Holdings::records() const {
  std::vector<std::string> out;
  for (auto const& [bridge, holding] : all_) {
    auto const put = [&out, &name = bridge](Kind kind, auto fill) {
      Happening what;
      what.kind = kind;
      what.bridge = name;
      fill(what);
      out.push_back(to_record(what));
    };
    auto const& it = holding;
    if (it.port != 0 || !it.path.empty())
      put(Kind::address, [&it](Happening& what) {
        what.port = it.port;
        what.text = it.path;
      });
    if (!it.runtime.empty())
      put(Kind::created, [&it](Happening& what) { what.runtime = it.runtime; });
    if (!it.creating.empty())
      put(Kind::creating, [&it](Happening& what) { what.text = it.creating; });
    if (!it.run.empty())
      put(Kind::started, [&it](Happening& what) {
        what.runtime = it.runtime;
        what.run = it.run;
        what.ours = it.ours;
      });
    if (!it.starting.empty())
      put(Kind::starting, [&it](Happening& what) {
        what.runtime = it.runtime;
        what.text = it.starting;
      });
    if (!it.released.empty())
      put(Kind::released, [&it](Happening& what) { what.text = it.released; });
    for (auto const& context : it.contexts)
      put(Kind::context, [&context](Happening& what) { what.text = context; });
  }
  return out;
}

}  // namespace bridge
