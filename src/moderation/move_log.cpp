#include "moderation/move_log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/json_line.h"
#include "dataset/row_stream.h"
#include "moderation/json_path.h"
#include "verdicts/verdict_json.h"

namespace holisafe::moderation {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr std::string_view format = "holisafe-moves/1";
constexpr std::size_t lines_at_once = 256;

/// One record as JSON.
struct ToJson {
  OrderedJson out = OrderedJson::object();
  void operator()(const MadeFolder& record) { verdicts::add_path(out, "made", record.folder); }
  void operator()(const FolderTime& record) {
    verdicts::add_path(out, "folder", record.folder);
    out["modified"] = record.modified;
  }
  void operator()(const Move& record) {
    verdicts::add_path(out, "from", record.from);
    verdicts::add_path(out, "to", record.to);
    out["bytes"] = record.stamp.bytes;
    out["modified"] = record.stamp.modified;
  }
  void operator()(const NotDone& record) { verdicts::add_path(out, "not", record.to); }
  void operator()(const AllDone&) { out["done"] = true; }
};

OrderedJson to_json(const SortIdentity& identity) {
  OrderedJson out{{"format", format}};
  verdicts::add_path(out, "run", identity.run);
  out["by"] = identity.by;
  out["how"] = name(identity.how);
  out["flagged"] = identity.flagged_only;
  return out;
}

std::optional<Placing> placing_of(const Json& word) {
  for (const Placing how : {Placing::link, Placing::copy, Placing::move}) {
    if (word == name(how)) return how;
  }
  return std::nullopt;
}

/// A path beneath DIR: anybody may have written the file.
bool stays_beneath(const std::string& path) {
  const fs::path relative(path);
  if (relative.empty() || relative.is_absolute()) return false;
  for (const auto& part : relative) {
    if (part == ".." || part == "." || part.empty()) return false;
  }
  return true;
}

Result<std::int64_t> integer_in(const Json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || !found->is_number_integer())
    return fail(ErrorKind::wrong_type, "", "", fmt::format("expected the integer \"{}\"", key));
  return found->get<std::int64_t>();
}

Result<std::string> beneath_in(const Json& row, const char* key) {
  HOLISAFE_TRY(std::string path, path_in(row, key));
  if (stays_beneath(path)) return path;
  return fail(ErrorKind::outside_root, "", "", fmt::format("expected \"{}\" to stay in the folder", key));
}

Result<std::string> absolute_in(const Json& row, const char* key) {
  HOLISAFE_TRY(std::string path, path_in(row, key));
  if (path.starts_with('/')) return path;
  return fail(ErrorKind::malformed, "", "", fmt::format("expected an absolute path \"{}\"", key));
}

Result<MoveRecord> record_of(const Json& row) {
  if (row.contains("from")) {
    Move move;
    HOLISAFE_TRY(move.from, absolute_in(row, "from"));
    HOLISAFE_TRY(move.to, beneath_in(row, "to"));
    HOLISAFE_TRY(move.stamp.bytes, integer_in(row, "bytes"));
    HOLISAFE_TRY(move.stamp.modified, integer_in(row, "modified"));
    return MoveRecord(std::move(move));
  }
  if (row.contains("folder")) {
    FolderTime time;
    HOLISAFE_TRY(time.folder, absolute_in(row, "folder"));
    HOLISAFE_TRY(time.modified, integer_in(row, "modified"));
    return MoveRecord(std::move(time));
  }
  if (row.contains("made")) {
    HOLISAFE_TRY(std::string folder, path_in(row, "made"));
    if (folder.starts_with('/') || stays_beneath(folder)) return MoveRecord(MadeFolder{std::move(folder)});
    return fail(ErrorKind::outside_root, "", "", "expected \"made\" to stay in the folder");
  }
  if (row.contains("not")) {
    HOLISAFE_TRY(std::string to, beneath_in(row, "not"));
    return MoveRecord(NotDone{std::move(to)});
  }
  if (row.contains("done")) return MoveRecord(AllDone{});
  return fail(ErrorKind::malformed, "", "", "expected made, folder, from, not or done");
}

Error damaged(const fs::path& file, std::size_t row, std::string detail) {
  return {ErrorKind::malformed, "damaged list of moves", fmt::format("{}: row {}", file.string(), row),
          std::move(detail)};
}

/// How two sorts differ.
std::string difference(const SortIdentity& found, const SortIdentity& wanted) {
  const auto words = [](const SortIdentity& identity) {
    return fmt::format("--by {} --{}{} of {}", identity.by, name(identity.how),
                       identity.flagged_only ? " --flagged" : "", identity.run);
  };
  return fmt::format("expected a folder sorted by {}, found {}: `holisafe guard sort --undo` takes that back",
                     words(wanted), words(found));
}

}  // namespace

void MoveLog::Closer::operator()(const int* file) const {
  ::close(*file);
  delete file;
}

Result<bool> MoveLog::lock(int flags) {
  while (true) {
    const int opened = ::open(file().c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
    if (opened < 0 && errno == ENOENT) return false;
    if (opened < 0) return fail(system_error("cannot open the list of moves", file(), errno));
    file_.reset(new int(opened));
    if (::flock(opened, LOCK_EX | LOCK_NB) != 0) {
      return fail(ErrorKind::permission, "folder in use", folder_.string(),
                  "expected to be the only one sorting, found another process at it");
    }
    struct stat status {};
    if (::fstat(opened, &status) != 0) return fail(system_error("cannot read", file(), errno));
    if (status.st_nlink > 0) return true;  // else it was taken back just now
  }
}

Result<void> MoveLog::drop_torn_line() const {
  struct stat status {};
  if (::fstat(*file_, &status) != 0) return fail(system_error("cannot read", file(), errno));
  std::int64_t end = status.st_size;
  std::array<char, 4096> buffer{};
  while (end > 0) {
    const auto size = std::min<std::int64_t>(end, static_cast<std::int64_t>(buffer.size()));
    const ssize_t got = ::pread(*file_, buffer.data(), static_cast<std::size_t>(size), end - size);
    if (got != size) return fail(system_error("cannot read", file(), errno));
    const auto line_end = std::string_view(buffer.data(), static_cast<std::size_t>(size)).rfind('\n');
    if (line_end != std::string_view::npos) {
      end = end - size + static_cast<std::int64_t>(line_end) + 1;
      break;
    }
    end -= size;
  }
  if (end < status.st_size && ::ftruncate(*file_, end) != 0)
    return fail(system_error("cannot write", file(), errno));
  return {};
}

Result<void> MoveLog::read_identity() {
  HOLISAFE_TRY(dataset::RowStream stream, dataset::RowStream::open(file()));
  HOLISAFE_TRY(const std::string text, stream.next(1));
  const Json rows = Json::parse(text, nullptr, false);
  if (rows.is_discarded() || rows.empty() || !rows[0].is_object() ||
      rows[0].value("format", Json()) != format)
    return fail(damaged(file(), 1, fmt::format("expected \"format\":\"{}\"", format)));
  const Json& row = rows[0];
  const auto run = path_in(row, "run");
  const auto how = placing_of(row.value("how", Json()));
  const Json by = row.value("by", Json());
  const Json flagged = row.value("flagged", Json());
  if (!run || !how || !by.is_string() || !flagged.is_boolean())
    return fail(damaged(file(), 1, "expected run, by, how and flagged"));
  identity_ = {*run, by.get<std::string>(), *how, flagged.get<bool>()};
  return {};
}

Result<MoveLog> MoveLog::open(const fs::path& folder) {
  MoveLog out(folder);
  HOLISAFE_TRY(const bool there, out.lock(0));
  if (!there)
    return fail(ErrorKind::not_found, "nothing was sorted there", out.file().string(),
                "there is no such file");
  HOLISAFE_CHECK(out.drop_torn_line());
  HOLISAFE_CHECK(out.read_identity());
  return out;
}

Result<MoveLog> MoveLog::open_or_make(const fs::path& folder, const SortIdentity& identity) {
  MoveLog out(folder);
  HOLISAFE_TRY(const bool there, out.lock(O_CREAT));
  static_cast<void>(there);
  HOLISAFE_CHECK(out.drop_torn_line());
  struct stat status {};
  if (::fstat(*out.file_, &status) != 0) return fail(system_error("cannot read", out.file(), errno));
  if (status.st_size == 0) {
    out.identity_ = identity;
    out.added_ = json_line(to_json(identity));
    return out;
  }
  HOLISAFE_CHECK(out.read_identity());
  if (out.identity_ == identity) return out;
  return fail(ErrorKind::mismatch, "another sort", folder.string(), difference(out.identity_, identity));
}

Result<MoveLog> MoveLog::make(const fs::path& folder, const SortIdentity& identity) {
  MoveLog out(folder);
  HOLISAFE_CHECK(out.lock(O_CREAT));
  if (::ftruncate(*out.file_, 0) != 0) return fail(system_error("cannot write", out.file(), errno));
  out.identity_ = identity;
  out.added_ = json_line(to_json(identity));
  return out;
}

Result<void> MoveLog::for_each(const std::function<Result<void>(const MoveRecord&)>& visit) const {
  struct stat status {};
  if (::fstat(*file_, &status) != 0) return fail(system_error("cannot read", file(), errno));
  if (status.st_size == 0) return {};
  HOLISAFE_TRY(dataset::RowStream stream, dataset::RowStream::open(file()));
  std::size_t number = 0;
  while (true) {
    HOLISAFE_TRY(const std::string text, stream.next(lines_at_once));
    if (text.empty()) return {};
    const Json rows = Json::parse(text, nullptr, false);
    if (rows.is_discarded())
      return fail(damaged(file(), number + 1, "expected JSON in this row or the next"));
    for (const Json& row : rows) {
      if (++number == 1) continue;
      const auto record = record_of(row);
      if (!record) return fail(damaged(file(), number, record.error().detail));
      HOLISAFE_CHECK(visit(*record));
    }
  }
}

void MoveLog::add(const MoveRecord& record) {
  ToJson json;
  std::visit(json, record);
  added_ += json_line(json.out);
}

Result<void> MoveLog::write(bool sync) {
  HOLISAFE_CHECK(write_fully(*file_, added_, file()));
  added_.clear();
  if (sync && ::fdatasync(*file_) != 0) return fail(system_error("cannot write", file(), errno));
  return {};
}

}  // namespace holisafe::moderation
