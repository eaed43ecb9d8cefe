#include "sources/archive.h"

#include <array>
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <zlib.h>

#include "base/lfs_pointer.h"
#include "sources/archive_list.h"

namespace holisafe::sources {
namespace {

/// Whether a member of this name could be asked for; takes "./" off its beginning.
bool is_plain_name(std::string& name) {
  while (name.starts_with("./")) name.erase(0, 2);
  if (name.empty() || name.front() == '/' || name.find('\0') != std::string::npos) return false;
  for (const auto& part : std::filesystem::path(name)) {
    if (part == "..") return false;
  }
  return true;
}

/// Of the file, found by reading at its end: what InputFile holds need not have a size that the system tells.
Result<std::uint64_t> size_of(const InputFile& file) {
  std::error_code code;
  const auto size = std::filesystem::file_size(file.open_path(), code);
  if (code) return fail(ErrorKind::io, "cannot read archive", file.path().string(), code.message());
  return size;
}

/// `size` bytes and no more of what is deflated in `bytes`; nothing where they are others.
std::optional<std::string> inflated(std::string_view bytes, std::size_t size) {
  z_stream stream{};
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) return std::nullopt;
  std::string out(size + 1, '\0');  // room to see one that is longer
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // NOLINT: zlib reads it alone
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int end = ::inflate(&stream, Z_FINISH);
  const bool whole = end == Z_STREAM_END && stream.total_out == size;
  ::inflateEnd(&stream);
  if (!whole) return std::nullopt;
  out.resize(size);
  return out;
}

}  // namespace

Result<std::string> read_exactly(const InputFile& file, std::uint64_t offset, std::size_t size) {
  std::string out(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    HOLISAFE_TRY(const std::size_t got, file.read(out.data() + done, size - done, offset + done));
    if (got == 0)
      return fail(ErrorKind::truncated, "file too short",
                  fmt::format("{}: byte {}", file.path().string(), offset + done),
                  fmt::format("expected {} bytes more, found none", size - done));
    done += got;
  }
  return out;
}

Result<Archive> Archive::open(InputFile file) {
  using namespace std::string_view_literals;
  constexpr std::size_t magic_at = 257;
  std::array<char, 512> buffer{};
  HOLISAFE_TRY(const std::size_t got, file.read(buffer.data(), buffer.size(), 0));
  const std::string_view start(buffer.data(), got);
  const std::string name = file.path().string();
  if (is_lfs_pointer(start))
    return fail(ErrorKind::malformed, "cannot read archive", name, lfs_pointer_words);
  if (start.starts_with("\x1f\x8b"sv))
    return fail(ErrorKind::unsupported, "cannot read archive", name,
                "expected a tar or zip file, found gzip");
  const bool zip = start.starts_with("PK\3\4"sv) || start.starts_with("PK\5\6"sv);
  const bool tar = start.size() > magic_at && start.substr(magic_at).starts_with("ustar");
  if (!zip && !tar && got == buffer.size())
    return fail(ErrorKind::malformed, "cannot read archive", name,
                "expected a tar or zip file, found other bytes");
  if (!zip && !tar)
    return fail(ErrorKind::truncated, "cannot read archive", name,
                fmt::format("expected a tar or zip file, found {} bytes", got));
  HOLISAFE_TRY(const std::uint64_t size, size_of(file));
  Archive out(std::move(file), zip);
  const OnMember keep = [&](std::string member_name, const Member& member) -> Result<void> {
    if (!is_plain_name(member_name)) return {};
    if (out.members_.size() == most_members) {
      return fail(ErrorKind::too_large, "archive too large", name,
                  fmt::format("expected at most {} members", most_members));
    }
    const auto [place, added] = out.members_.try_emplace(std::move(member_name), member);
    if (!added) place->second.kind = Member::Kind::duplicate;
    return {};
  };
  HOLISAFE_CHECK(zip ? list_zip(out.file_, size, keep) : list_tar(out.file_, size, keep));
  return out;
}

std::string Archive::where(std::string_view name) const {
  return fmt::format("{}: {}", file_.path().string(), name);
}

Result<const Member*> Archive::find(std::string_view name) const {
  const auto refuse = [&](ErrorKind kind, std::string detail) {
    return fail(kind, "cannot read member", where(name), std::move(detail));
  };
  const auto place = members_.find(std::string(name));
  if (place == members_.end())
    return refuse(ErrorKind::not_found,
                  fmt::format("expected it among {} members, found none of this name", members_.size()));
  const Member& member = place->second;
  switch (member.kind) {
    case Member::Kind::file:
      break;
    case Member::Kind::other:
      return refuse(ErrorKind::unexpected, "expected a file, found a link or another kind of member");
    case Member::Kind::duplicate:
      return refuse(ErrorKind::duplicate, "expected one member of this name, found two");
    case Member::Kind::encrypted:
      return refuse(ErrorKind::unsupported, "expected a plain member, found an encrypted one");
    case Member::Kind::compressed:
      return refuse(ErrorKind::unsupported,
                    "expected a stored or deflated member, found another compression");
  }
  if (member.size <= most_bytes && member.stored <= most_bytes) return &member;
  return refuse(ErrorKind::too_large, fmt::format("expected at most {} bytes, found {}", most_bytes,
                                                  std::max(member.size, member.stored)));
}

void Archive::for_each(const std::function<void(std::string_view, const Member&)>& visit) const {
  for (const auto& [name, member] : members_) visit(name, member);
}

Result<void> Archive::check(std::string_view name) const {
  HOLISAFE_CHECK(find(name));
  return {};
}

Result<std::string> Archive::read(std::string_view name) const {
  HOLISAFE_TRY(const Member* member, find(name));
  std::uint64_t begin = member->offset;
  if (zip_) {
    HOLISAFE_TRY(const std::uint64_t size, size_of(file_));
    HOLISAFE_TRY(begin, zip_bytes(file_, size, *member));
  }
  HOLISAFE_TRY(std::string bytes, read_exactly(file_, begin, static_cast<std::size_t>(member->stored)));
  if (!zip_) return bytes;
  if (member->deflated) {
    auto plain = inflated(bytes, static_cast<std::size_t>(member->size));
    if (!plain)
      return fail(ErrorKind::malformed, "cannot read member", where(name),
                  fmt::format("expected {} deflated bytes, found other data", member->size));
    bytes = *std::move(plain);
  }
  const auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
  if (sum == member->crc && bytes.size() == member->size) return bytes;
  return fail(
      ErrorKind::mismatch, "cannot read member", where(name),
      fmt::format("expected the checksum {:08x}, found {:08x}: the archive is damaged", member->crc, sum));
}

}  // namespace holisafe::sources
