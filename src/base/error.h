// The closed list of errors and the one type that carries them.
//
// Every function that reads something from outside returns a Result<T> (base/result.h) whose error is an
// Error. The program prints it as one line: `holisafe: error: <what>: <where>: <detail>`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holisafe {

/// Why something failed. Closed: a switch over it needs no default. Its snake_case name is the `kind` in JSON
/// output.
enum class ErrorKind {
  // Files and the system
  not_found,     ///< no such file or directory
  not_a_file,    ///< a directory, device or socket where a regular file is needed
  permission,    ///< the system refused access
  io,            ///< a read or write failed
  out_of_space,  ///< the device is full
  outside_root,  ///< a path leads out of the folder it must stay in
  too_large,     ///< over a limit on bytes, width, height, pixels, depth or count
  interrupted,   ///< stopped by a signal
  busy,          ///< no room now; later there may be
  cancelled,     ///< whoever asked for it wants it no longer
  // Content
  malformed,     ///< does not follow its format's grammar
  truncated,     ///< ends too early
  invalid_utf8,  ///< text that is not UTF-8
  duplicate,     ///< the same key, id or name twice
  missing,       ///< something required is absent
  unexpected,    ///< something is there that must not be
  wrong_type,    ///< another JSON kind, dtype or shape than needed
  out_of_range,  ///< a number, index or offset outside its bounds
  overflow,      ///< sizes whose product does not fit
  overlap,       ///< byte ranges that share bytes
  hole,          ///< bytes no range covers
  mismatch,      ///< two things that must agree do not
  unsupported,   ///< valid, but not something this program handles
  // The network
  network,       ///< no connection, reset, or malformed answer
  timeout,       ///< no answer in time
  unauthorized,  ///< the endpoint refused the key
  refused,       ///< the endpoint refused the request
  // The rest
  usage,          ///< a command line that cannot be run
  out_of_memory,  ///< an allocation failed
  not_finite,     ///< NaN or infinity in a computation that must not have it
  internal,       ///< an exception of a library or a broken invariant
};

/// Snake_case name of a kind, as it stands in JSON (`{"error":{"kind":…}}`).
std::string_view name(ErrorKind kind);

/// What went wrong, where, and what was expected and found.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string what;    ///< the operation or object, for instance "cannot read image"
  std::string where;   ///< file, field, row or byte offset
  std::string detail;  ///< "expected X, found Y", or the system's words; may be empty

  /// `<what>: <where>: <detail>` on one line: empty parts are left out, control characters are escaped.
  [[nodiscard]] std::string message() const;
};

/// Escapes control characters so that `text` stays on one line and moves no terminal cursor. UTF-8 passes
/// through.
std::string one_line(std::string_view text);

/// `text` on one line, cut between characters after at most so many bytes, with "…" where it was.
std::string excerpt(std::string_view text, std::size_t most);

}  // namespace holisafe
