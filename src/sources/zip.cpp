#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "sources/archive_list.h"

namespace holisafe::sources {
namespace {

constexpr std::uint32_t end_mark = 0x06054b50;
constexpr std::uint32_t end64_mark = 0x06064b50;
constexpr std::uint32_t locator_mark = 0x07064b50;
constexpr std::uint32_t entry_mark = 0x02014b50;
constexpr std::uint32_t local_mark = 0x04034b50;
constexpr std::size_t end_bytes = 22;
constexpr std::size_t end64_bytes = 56;
constexpr std::size_t locator_bytes = 20;
constexpr std::size_t entry_bytes = 46;
constexpr std::size_t local_bytes = 30;
constexpr std::size_t most_comment = 65'535;
constexpr std::uint64_t in_zip64 = 0xffffffff;
/// The list itself, in memory while it is read.
constexpr std::uint64_t most_list_bytes = std::uint64_t{512} << 20U;

/// Little endian, of `bytes` bytes at `at`.
std::uint64_t number_at(std::string_view text, std::size_t at, std::size_t bytes) {
  std::uint64_t out = 0;
  for (std::size_t i = bytes; i-- > 0;) out = out << 8U | static_cast<unsigned char>(text[at + i]);
  return out;
}
std::uint32_t mark_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint32_t>(number_at(text, at, 4));
}

Error fault(const InputFile& file, ErrorKind kind, std::uint64_t offset, std::string detail) {
  return {kind, "cannot read zip", fmt::format("{}: byte {}", file.path().string(), offset),
          std::move(detail)};
}

/// Where the list of members lies.
struct List {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t members = 0;
};

Result<List> list64(const InputFile& file, std::string_view tail, std::size_t end, std::uint64_t tail_at) {
  if (end < locator_bytes || mark_at(tail, end - locator_bytes) != locator_mark)
    return fail(
        fault(file, ErrorKind::malformed, tail_at + end, "expected the locator of a Zip64 end before it"));
  const std::uint64_t offset = number_at(tail, end - locator_bytes + 8, 8);
  if (offset > tail_at + end - locator_bytes || tail_at + end - locator_bytes - offset < end64_bytes)
    return fail(fault(file, ErrorKind::out_of_range, tail_at + end, "expected a Zip64 end inside the file"));
  HOLISAFE_TRY(const std::string record, read_exactly(file, offset, end64_bytes));
  if (mark_at(record, 0) != end64_mark)
    return fail(fault(file, ErrorKind::malformed, offset, "expected a Zip64 end of the list of members"));
  return List{number_at(record, 48, 8), number_at(record, 40, 8), number_at(record, 32, 8)};
}

Result<List> find_list(const InputFile& file, std::uint64_t size) {
  const std::uint64_t tail_bytes = std::min<std::uint64_t>(size, end_bytes + most_comment + locator_bytes);
  const std::uint64_t tail_at = size - tail_bytes;
  HOLISAFE_TRY(const std::string tail, read_exactly(file, tail_at, tail_bytes));
  for (std::size_t at = tail.size() < end_bytes ? 0 : tail.size() - end_bytes + 1; at-- > 0;) {
    if (mark_at(tail, at) != end_mark || number_at(tail, at + 20, 2) != tail.size() - at - end_bytes)
      continue;
    if (number_at(tail, at + 4, 2) != number_at(tail, at + 6, 2))
      return fail(
          fault(file, ErrorKind::unsupported, tail_at + at, "expected one file, found one of several parts"));
    List out{number_at(tail, at + 16, 4), number_at(tail, at + 12, 4), number_at(tail, at + 10, 2)};
    if (out.offset == in_zip64 || out.size == in_zip64 || out.members == 0xffff) {
      auto large = list64(file, tail, at, tail_at);
      if (large) {
        out = *large;
      } else if (out.offset == in_zip64 || out.size == in_zip64) {
        return large;
      }
    }
    if (out.offset > tail_at + at || out.size > tail_at + at - out.offset)
      return fail(
          fault(file, ErrorKind::out_of_range, tail_at + at, "expected the list of members before its end"));
    return out;
  }
  return fail(fault(file, ErrorKind::truncated, size,
                    "expected the list of members at the end, found none: the file is cut off"));
}

/// Takes sizes and offset from the Zip64 part of `extra` where the entry has no room for them.
bool widen(Member& member, std::string_view extra) {
  while (extra.size() >= 4) {
    const auto kind = number_at(extra, 0, 2);
    const auto length = static_cast<std::size_t>(number_at(extra, 2, 2));
    if (length > extra.size() - 4) return false;
    auto part = extra.substr(4, length);
    extra.remove_prefix(4 + length);
    if (kind != 1) continue;
    for (std::uint64_t* number : {&member.size, &member.stored, &member.offset}) {
      if (*number != in_zip64) continue;
      if (part.size() < 8) return false;
      *number = number_at(part, 0, 8);
      part.remove_prefix(8);
    }
    return true;
  }
  return true;
}

/// Of an entry whose fixed part is `entry`.
Member::Kind kind_of(std::string_view entry) {
  constexpr std::uint64_t unix_made = 3;
  constexpr std::uint64_t type_bits = 0170000;
  constexpr std::uint64_t regular = 0100000;
  constexpr std::uint64_t deflated = 8;
  const auto flags = number_at(entry, 8, 2);
  const auto method = number_at(entry, 10, 2);
  const auto type = number_at(entry, 40, 2) & type_bits;
  if (number_at(entry, 5, 1) == unix_made && type != 0 && type != regular) return Member::Kind::other;
  if ((flags & 1U) != 0) return Member::Kind::encrypted;
  return method == 0 || method == deflated ? Member::Kind::file : Member::Kind::compressed;
}

}  // namespace

Result<void> list_zip(const InputFile& file, std::uint64_t size, const OnMember& on_member) {
  HOLISAFE_TRY(const List list, find_list(file, size));
  if (list.size > most_list_bytes) {
    return fail(
        fault(file, ErrorKind::too_large, list.offset,
              fmt::format("expected a list of at most {} bytes, found {}", most_list_bytes, list.size)));
  }
  HOLISAFE_TRY(const std::string text, read_exactly(file, list.offset, list.size));
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < list.members; ++i) {
    const auto here = [&](ErrorKind kind, std::string detail) {
      return fault(file, kind, list.offset + at, std::move(detail));
    };
    if (text.size() - at < entry_bytes || mark_at(text, at) != entry_mark) {
      return fail(here(ErrorKind::malformed,
                       fmt::format("expected entry {} of {} in the list of members", i + 1, list.members)));
    }
    const auto entry = std::string_view(text).substr(at, entry_bytes);
    const auto name_bytes = static_cast<std::size_t>(number_at(entry, 28, 2));
    const auto extra_bytes = static_cast<std::size_t>(number_at(entry, 30, 2));
    const auto all =
        entry_bytes + name_bytes + extra_bytes + static_cast<std::size_t>(number_at(entry, 32, 2));
    if (all > text.size() - at)
      return fail(here(ErrorKind::truncated, "expected a whole entry in the list of members"));
    std::string name = text.substr(at + entry_bytes, name_bytes);
    Member member{.kind = kind_of(entry),
                  .offset = number_at(entry, 42, 4),
                  .stored = number_at(entry, 20, 4),
                  .size = number_at(entry, 24, 4),
                  .crc = mark_at(entry, 16),
                  .deflated = number_at(entry, 10, 2) != 0};
    if (!widen(member, std::string_view(text).substr(at + entry_bytes + name_bytes, extra_bytes)))
      return fail(here(ErrorKind::malformed, "expected the sizes of a large member in its entry"));
    if (member.offset >= list.offset || member.stored > list.offset - member.offset) {
      return fail(here(
          ErrorKind::out_of_range,
          fmt::format("expected the member {} before the list of members", excerpt(one_line(name), 100))));
    }
    at += all;
    if (!name.ends_with('/')) HOLISAFE_CHECK(on_member(std::move(name), member));
  }
  return {};
}

Result<std::uint64_t> zip_bytes(const InputFile& file, std::uint64_t size, const Member& member) {
  if (size - member.offset < local_bytes)
    return fail(fault(file, ErrorKind::truncated, member.offset, "expected a member's header"));
  HOLISAFE_TRY(const std::string header, read_exactly(file, member.offset, local_bytes));
  if (mark_at(header, 0) != local_mark)
    return fail(
        fault(file, ErrorKind::malformed, member.offset, "expected a member's header, found other bytes"));
  const std::uint64_t begin =
      member.offset + local_bytes + number_at(header, 26, 2) + number_at(header, 28, 2);
  if (begin > size || member.stored > size - begin)
    return fail(fault(file, ErrorKind::truncated, member.offset,
                      "expected the whole member, found the end of the file"));
  return begin;
}

}  // namespace holisafe::sources
