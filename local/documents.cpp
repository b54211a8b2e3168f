#include "local/documents.hpp"

#include <nlohmann/json.hpp>

#include "local/json.hpp"

namespace bridge::local {
namespace {

Document read_document(Statement const& row) {
  Document document;
  document.position = row.number(0);
  document.id = row.text(1);
  document.scope = row.text(2);
  document.name = row.maybe_text(3);
  document.body = row.text(4);
  document.created_at = moment(row.number(5));
  document.updated_at = moment(row.number(6));
  return document;
}

// [["$.type", ["open", ...]], ...] for the statement to walk through.
std::optional<std::string> members_text(std::vector<DocumentFilter::Member> const& members) {
  auto conditions = Json::array();
  for (auto const& [path, values] : members)
    if (!values.empty()) conditions.push_back(Json::array({"$." + path, values}));
  if (conditions.empty()) return std::nullopt;
  return to_text(conditions);
}

}  // namespace

bool Documents::add(Document& document) {
  auto const added =
      database_
          .statement(
              "INSERT INTO documents (kind, id, scope, name, body, created_at, updated_at) "
              "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
          .bind(kind_)
          .bind(document.id)
          .bind(document.scope)
          .bind(document.name)
          .bind(document.body)
          .bind(millis(document.created_at))
          .bind(millis(document.updated_at))
          .run();
  if (added == 0) return false;
  document.position = database_.last_position();
  return true;
}

bool Documents::update(Document const& document) {
  return database_
             .statement(
                 "UPDATE OR IGNORE documents SET name = ?, body = ?, updated_at = ? "
                 "WHERE kind = ? AND id = ?")
             .bind(document.name)
             .bind(document.body)
             .bind(millis(document.updated_at))
             .bind(kind_)
             .bind(document.id)
             .run() > 0;
}

bool Documents::remove(std::string_view id) {
  return database_.statement("DELETE FROM documents WHERE kind = ? AND id = ?")
             .bind(kind_)
             .bind(id)
             .run() > 0;
}

std::optional<Document> Documents::find(std::string_view id) {
  auto statement = database_.statement(
      "SELECT position, id, scope, name, body, created_at, updated_at FROM documents "
      "WHERE kind = ? AND id = ?");
  statement.bind(kind_).bind(id);
  return read_one(statement, read_document);
}

std::optional<Document> Documents::named(std::string_view scope, std::string_view name) {
  auto statement = database_.statement(
      "SELECT position, id, scope, name, body, created_at, updated_at FROM documents "
      "WHERE kind = ? AND scope = ? AND name = ?");
  statement.bind(kind_).bind(scope).bind(name);
  return read_one(statement, read_document);
}

Slice<Document> Documents::list(DocumentFilter const& filter, Range range) {
  auto statement = database_.statement(
      "SELECT position, id, scope, name, body, created_at, updated_at FROM documents "
      "WHERE kind = ?1 AND position < ifnull(?2, 9223372036854775807) "
      "AND (?3 IS NULL OR scope = ?3) "
      "AND (?4 IS NULL OR instr(lower(ifnull(name, '') || char(10) || "
      "ifnull(json_extract(body, '$.name'), '')), lower(?4)) > 0) "
      "AND (?5 IS NULL OR NOT EXISTS (SELECT 1 FROM json_each(?5) AS wanted WHERE "
      "ifnull(CASE json_type(body, json_extract(wanted.value, '$[0]')) WHEN 'true' THEN 'true' "
      "WHEN 'false' THEN 'false' "
      "ELSE CAST(json_extract(body, json_extract(wanted.value, '$[0]')) AS TEXT) END, '') NOT IN "
      "(SELECT value FROM json_each(wanted.value, '$[1]')))) "
      "ORDER BY position DESC LIMIT ?6");
  statement.bind(kind_).bind(range.after).bind(filter.scope).bind(filter.text);
  statement.bind(members_text(filter.members)).bind(range.limit + 1);
  return read_slice(statement, range.limit, read_document);
}

std::vector<Document> Documents::all(DocumentFilter const& filter) {
  std::vector<Document> found;
  Range range;
  for (;;) {
    auto slice = list(filter, range);
    range.after = slice.next();
    for (auto& document : slice.rows) found.push_back(std::move(document));
    if (!range.after) return found;
  }
}

}  // namespace bridge::local
