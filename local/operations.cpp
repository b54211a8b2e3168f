#include "local/operations.hpp"

namespace bridge::local {

std::vector<Operation> all_operations() {
  std::vector<Operation> all;
  for (auto const rows :
       {account_operations(), space_operations(), runtime_operations(), run_operations()})
    all.insert(all.end(), rows.begin(), rows.end());
  return all;
}

Outcome<Space> find_space(Parts& parts, std::string const& named) {
  auto const id = named == "default" ? parts.store.default_space() : SpaceId{named};
  auto space = parts.store.space(id);
  if (!space) return Problem::not_found("space", named);
  return std::move(*space);
}

Outcome<RuntimeFilter> read_runtime_filter(Parts& parts, Query const& query) {
  RuntimeFilter filter;
  if (auto const named = query.one("spaceId")) {
    auto const space = find_space(parts, *named);
    if (!space) return space.error();
    filter.space = space->id.value;
  }
  filter.statuses = query.all("status");
  return filter;
}

Outcome<Range> read_range(Query const& query) {
  auto const page = read_page(query);
  if (!page) return page.error();
  return Range{page->limit, page->after};
}

}  // namespace bridge::local
