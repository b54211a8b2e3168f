#include "local/file_store.hpp"

namespace bridge::local {
namespace {

StoredFile read_file(Statement const& row) {
  StoredFile file;
  file.position = row.number(0);
  file.id = row.text(1);
  file.space = SpaceId{row.text(2)};
  file.name = row.text(3);
  file.path = row.text(4);
  file.content_type = row.text(5);
  file.size = row.number(6);
  file.hash = row.text(7);
  file.source = row.text(8);
  file.type = row.maybe_text(9);
  file.run = row.maybe_text(10);
  file.runtime = row.maybe_text(11);
  file.metadata = row.maybe_text(12);
  file.created_at = moment(row.number(13));
  return file;
}

StoredFolder read_folder(Statement const& row) {
  StoredFolder folder;
  folder.name = row.text(0);
  folder.files = row.number(1);
  folder.bytes = row.number(2);
  folder.last_created_at = moment(row.number(3));
  return folder;
}

// Parameters 1 to 10, in the order of bind_filter().
#define FILE_CONDITIONS                                                               \
  "(?1 IS NULL OR space_id = ?1) "                                                    \
  "AND (?2 IS NULL OR space_id IN (SELECT id FROM spaces WHERE subaccount_id = ?2)) " \
  "AND (?3 IS NULL OR source = ?3) AND (?4 IS NULL OR path = ?4) "                    \
  "AND (?5 IS NULL OR substr(path, 1, length(?5)) = ?5) "                             \
  "AND (?6 IS NULL OR instr(lower(name), lower(?6)) > 0 OR "                          \
  "instr(lower(path), lower(?6)) > 0) "                                               \
  "AND (?7 IS NULL OR run_id = ?7) AND (?8 IS NULL OR runtime_id = ?8) "              \
  "AND (?9 IS NULL OR type IN (SELECT value FROM json_each(?9))) "                    \
  "AND (?10 IS NULL OR created_at > ?10) "

#define FILE_COLUMNS                                                                     \
  "position, id, space_id, name, path, content_type, size, hash, source, type, run_id, " \
  "runtime_id, metadata, created_at "

#define BEHIND_PREFIX "substr(path, length(ifnull(?5, '')) + 1)"

void bind_filter(Statement& statement, FileFilter const& filter) {
  statement.bind(filter.space).bind(filter.subaccount).bind(filter.source).bind(filter.path);
  statement.bind(filter.prefix).bind(filter.text).bind(filter.run).bind(filter.runtime);
  statement.bind(set_text(filter.types)).bind(millis(filter.created_after));
}

}  // namespace

bool FileStore::add(StoredFile& file) {
  auto const added =
      database_
          .statement(
              "INSERT INTO files (id, space_id, name, path, content_type, size, hash, source, "
              "type, run_id, runtime_id, metadata, created_at) "
              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (space_id, path) "
              "DO NOTHING")
          .bind(file.id)
          .bind(file.space.value)
          .bind(file.name)
          .bind(file.path)
          .bind(file.content_type)
          .bind(file.size)
          .bind(file.hash)
          .bind(file.source)
          .bind(file.type)
          .bind(file.run)
          .bind(file.runtime)
          .bind(file.metadata)
          .bind(millis(file.created_at))
          .run();
  if (added == 0) return false;
  file.position = database_.last_position();
  return true;
}

void FileStore::update(StoredFile const& file) {
  database_.statement("UPDATE files SET name = ?, metadata = ? WHERE id = ?")
      .bind(file.name)
      .bind(file.metadata)
      .bind(file.id)
      .run();
}

void FileStore::remove(std::string_view id) {
  database_.statement("DELETE FROM files WHERE id = ?").bind(id).run();
}

std::optional<StoredFile> FileStore::find(std::string_view id) {
  auto statement = database_.statement("SELECT " FILE_COLUMNS "FROM files WHERE id = ?");
  statement.bind(id);
  return read_one(statement, read_file);
}

bool FileStore::has_path(SpaceId const& space, std::string_view path) {
  auto statement = database_.statement("SELECT 1 FROM files WHERE space_id = ? AND path = ?");
  statement.bind(space.value).bind(path);
  return statement.next();
}

Slice<StoredFile> FileStore::list(FileFilter const& filter, Range range) {
  auto statement = database_.statement("SELECT " FILE_COLUMNS "FROM files WHERE " FILE_CONDITIONS
                                       "AND position < ifnull(?11, 9223372036854775807) "
                                       "AND (?12 = 0 OR instr(" BEHIND_PREFIX
                                       ", '/') = 0) ORDER BY position DESC LIMIT ?13");
  bind_filter(statement, filter);
  statement.bind(range.after).bind(std::int64_t{filter.direct ? 1 : 0}).bind(range.limit + 1);
  return read_slice(statement, range.limit, read_file);
}

std::vector<StoredFolder> FileStore::folders(FileFilter const& filter) {
  auto statement = database_.statement(
      "SELECT substr(rest, 1, instr(rest, '/') - 1) AS folder, count(*), sum(size), "
      "max(created_at) FROM (SELECT " BEHIND_PREFIX
      " AS rest, size, created_at FROM files WHERE " FILE_CONDITIONS
      ") WHERE instr(rest, '/') > 0 GROUP BY folder ORDER BY folder");
  bind_filter(statement, filter);
  std::vector<StoredFolder> folders;
  while (statement.next()) folders.push_back(read_folder(statement));
  return folders;
}

FileStore::Totals FileStore::totals(FileFilter const& filter) {
  auto statement =
      database_.statement("SELECT count(*), total(size) FROM files WHERE " FILE_CONDITIONS);
  bind_filter(statement, filter);
  Totals totals;
  if (statement.next()) totals = {statement.number(0), statement.number(1)};
  return totals;
}

bool FileStore::uses(std::string_view hash) {
  auto statement = database_.statement("SELECT 1 FROM files WHERE hash = ? LIMIT 1");
  statement.bind(hash);
  return statement.next();
}

std::set<std::string> FileStore::hashes(std::optional<std::string> const& space) {
  auto statement =
      database_.statement("SELECT DISTINCT hash FROM files WHERE ?1 IS NULL OR space_id = ?1");
  statement.bind(space);
  std::set<std::string> all;
  while (statement.next()) all.insert(statement.text(0));
  return all;
}

}  // namespace bridge::local
