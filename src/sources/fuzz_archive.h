// What both fuzz targets of archives do with their input.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/input_folder.h"
#include "sources/archive.h"

namespace holisafe::sources {

/// Opens it and reads what it lists: a member is as large as the list says, and what can be read passes the
/// check.
inline int fuzz_archive(const InputFolder& folder, const char* file, std::string_view bytes) {
  const auto archive = Archive::open(*InputFile::open(folder.write(file, bytes)));
  if (!archive) return 0;
  std::uint64_t read = 0;
  archive->for_each([&](std::string_view name, const Member& member) {
    constexpr std::uint64_t most_read = std::uint64_t{16} << 20U;
    const bool checked = archive->check(name).has_value();
    if (checked != (member.kind == Member::Kind::file && member.size <= Archive::most_bytes &&
                    member.stored <= Archive::most_bytes))
      std::abort();
    if (!checked || read > most_read) return;
    const auto data = archive->read(name);
    if (data && data->size() != member.size) std::abort();
    read += member.size;
  });
  return 0;
}

}  // namespace holisafe::sources
