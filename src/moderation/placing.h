// Files put under names that nothing has yet.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "verdicts/guard_store.h"

namespace holisafe::moderation {

enum class Placing : std::uint8_t { link, copy, move };
/// "link", "copy" or "move".
std::string_view name(Placing how);

/// All three: true where `to` is in its place now; false where something has that name, which stays as it is.
/// Killed at any moment they leave `to` whole or absent, and nothing else. Errors: not_found, not_a_file,
/// permission, io, out_of_space.

/// A symbolic link to `from`.
Result<bool> link_to(const std::filesystem::path& from, const std::filesystem::path& to);

/// A copy on disk with mode, times, extended attributes and, where the system lets us, owner. Links are
/// followed. Further error: mismatch (`from` changed meanwhile).
Result<bool> copy_to(const std::filesystem::path& from, const std::filesystem::path& to);

/// A rename; onto another file system a copy that is on disk before `from` is removed (killed between, both
/// are there: is_copy_of()). Errors: also those of copy_to().
Result<bool> move_to(const std::filesystem::path& from, const std::filesystem::path& to);

/// The end of a move onto another file system, where both are there. What cannot be removed stays, and its
/// copy goes.
Result<bool> remove_original(const std::filesystem::path& from, const std::filesystem::path& copy);

/// Size and time of a regular file, links followed; nothing where there is none.
Result<verdicts::FileStamp> stamp_of(const std::filesystem::path& path);

/// Whether `path` is a regular file, no link, of that size and time (to two seconds, which is what some file
/// systems keep).
bool has_stamp(const std::filesystem::path& path, const verdicts::FileStamp& stamp);

/// Takes away what a kill in the middle of copy_to() left, where the system has no files without names.
void remove_remains(const std::filesystem::path& to);

/// Whether both are regular files, no links, not one file under two names, of the same size, bytes and time
/// (to two seconds).
Result<bool> is_copy_of(const std::filesystem::path& copy, const std::filesystem::path& original);

}  // namespace holisafe::moderation
