#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local/rows.hpp"
#include "base/sqlite.hpp"
#include "local/timestamp.hpp"

namespace bridge::local {

/// One thing of a group that is only kept and shown: a tool, a proxy, an API key.
struct Document {
  std::int64_t position = 0;  ///< its place in lists; set when added
  std::string id;
  std::string scope;                ///< whose it is; a name is unique in there
  std::optional<std::string> name;  ///< none: need not be unique
  std::string body;                 ///< JSON object
  Timestamp created_at{};
  Timestamp updated_at{};
};

/// What a list is narrowed to.
struct DocumentFilter {
  std::optional<std::string> scope;
  /// A member of the body, "proxy.type", and the JSON values of which it must have one.
  struct Member {
    std::string path;
    std::vector<std::string> values;  ///< as text: "open", "true", "7"
  };
  std::vector<Member> members;
  std::optional<std::string> text;  ///< part of name, or of the body's, in any case
};

/// The documents of one kind, in the store's database. Calls throw StoreFailure when the disk
/// fails.
class Documents {
 public:
  /// `kind` is a literal.
  Documents(Database& database, std::string_view kind) : database_(database), kind_(kind) {}

  /// False when the name is taken; then nothing has changed. Sets position.
  [[nodiscard]] bool add(Document& document);
  /// Name, body and updated_at. False when the name is taken, or it is gone.
  [[nodiscard]] bool update(Document const& document);
  /// False when there was none.
  bool remove(std::string_view id);

  [[nodiscard]] std::optional<Document> find(std::string_view id);
  [[nodiscard]] std::optional<Document> named(std::string_view scope, std::string_view name);
  [[nodiscard]] Slice<Document> list(DocumentFilter const& filter, Range range);  // newest first
  /// The same of those only that `wanted` accepts: for what SQL cannot tell.
  template <class Wanted>
  [[nodiscard]] Slice<Document> list_if(DocumentFilter const& filter, Range range, Wanted wanted) {
    Slice<Document> kept;
    Range part;
    part.after = range.after;
    for (;;) {
      auto slice = list(filter, part);
      part.after = slice.next();
      for (auto& document : slice.rows) {
        if (!wanted(document)) continue;
        kept.more = std::ssize(kept.rows) == range.limit;
        if (kept.more) return kept;
        kept.rows.push_back(std::move(document));
      }
      if (!part.after) return kept;
    }
  }
  /// All of them, for what has to look at each.
  [[nodiscard]] std::vector<Document> all(DocumentFilter const& filter = {});

 private:
  Database& database_;
  std::string_view kind_;
};

}  // namespace bridge::local
