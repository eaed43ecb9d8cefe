// The lists of members of both kinds of archives, for Archive::open(); no user elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/input_file.h"
#include "base/result.h"
#include "sources/archive.h"

namespace holisafe::sources {

/// Called with each member. Errors stop the list.
using OnMember = std::function<Result<void>(std::string name, const Member& member)>;

Result<void> list_tar(const InputFile& file, std::uint64_t size, const OnMember& on_member);
Result<void> list_zip(const InputFile& file, std::uint64_t size, const OnMember& on_member);

/// Where the bytes of a zip's member begin, by its local header.
Result<std::uint64_t> zip_bytes(const InputFile& file, std::uint64_t size, const Member& member);

/// So many bytes from `offset`. Errors: io; truncated.
Result<std::string> read_exactly(const InputFile& file, std::uint64_t offset, std::size_t size);

}  // namespace holisafe::sources
