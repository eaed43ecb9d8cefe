#include "dataset/row_stream.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

namespace holisafe::dataset {
namespace {

constexpr std::size_t longest_value = std::size_t{64} << 20U;

constexpr bool blank(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

/// The file and where in the array we are.
struct RowStream::Source {
  static constexpr int end_of_file = -1;
  enum class Place { before, first, between, after };

  std::filesystem::path path;
  int file = -1;
  std::array<char, std::size_t{64} << 10U> buffer{};
  std::size_t size = 0;
  std::size_t at = 0;
  std::uint64_t offset = 0;  ///< of buffer[0] in the file
  int error = 0;             ///< errno of a failed read
  Place place = Place::before;
  RowLayout layout;
  bool lines = false;

  Source(std::filesystem::path file_path, RowLayout row_layout)
      : path(std::move(file_path)), layout(row_layout) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() {
    if (file >= 0) ::close(file);
  }

  int peek() {
    if (at < size) return static_cast<unsigned char>(buffer[at]);
    ssize_t got = 0;
    do {
      got = ::read(file, buffer.data(), buffer.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) error = errno;
    if (got <= 0) return end_of_file;
    offset += size;
    size = static_cast<std::size_t>(got);
    at = 0;
    return static_cast<unsigned char>(buffer[0]);
  }
  int take() {
    const int c = peek();
    if (c != end_of_file) ++at;
    return c;
  }
  int peek_past_blanks() {
    while (blank(peek())) ++at;
    return peek();
  }

  [[nodiscard]] Error fault(const char* expected) {
    if (error != 0) return system_error("cannot read", path, error);
    const bool ended = peek() == end_of_file;
    return {ended ? ErrorKind::truncated : ErrorKind::malformed, "not valid JSON",
            fmt::format("{}: byte {}", path.string(), offset + at), fmt::format("expected {}", expected)};
  }

  /// Appends the value that comes next.
  Result<void> take_value(std::string& out) {
    const std::size_t start = out.size();
    std::size_t depth = 0;
    bool text = false;
    do {
      const int c = take();
      if (c == end_of_file) return fail(fault("the end of a value"));
      out += static_cast<char>(c);
      if (out.size() - start > longest_value) {
        return fail(ErrorKind::too_large, "value too large",
                    fmt::format("{}: byte {}", path.string(), offset + at),
                    fmt::format("expected at most {} bytes", longest_value));
      }
      if (text) {
        if (c == '\\' && peek() != end_of_file) out += static_cast<char>(take());
        if (c == '"') text = false;
      } else if (c == '"') {
        text = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (depth > 0 && (c == '}' || c == ']')) {
        --depth;
        if (depth == 0) return {};
      }
    } while (depth > 0 || text || !ends_value(peek()));
    return {};
  }
  static bool ends_value(int c) { return c == end_of_file || c == ',' || c == ']' || c == '}' || blank(c); }

  /// The same where values stand in lines.
  Result<bool> to_next_line() {
    bool line_end = place == Place::before;
    while (blank(peek())) line_end = take() == '\n' || line_end;
    if (peek() == end_of_file && error == 0) return false;
    if (!line_end) return fail(fault("the end of the line"));
    if (peek() != '{') return fail(fault("an object"));
    place = Place::between;
    return true;
  }

  /// Moves to the next value; false after the last.
  Result<bool> to_next() {
    if (lines) return to_next_line();
    int c = peek_past_blanks();
    if (place == Place::before) {
      if (layout == RowLayout::array_or_lines && c == '{') {
        lines = true;
        return to_next_line();
      }
      if (c != '[') return fail(fault("an array"));
      take();
      place = Place::first;
      c = peek_past_blanks();
    }
    if (place != Place::after && c == ']') {
      take();
      place = Place::after;
      c = peek_past_blanks();
    }
    if (place == Place::after) {
      if (c != end_of_file || error != 0) return fail(fault("the end of the file"));
      return false;
    }
    if (place == Place::between) {
      if (c != ',') return fail(fault("a comma or the end of the array"));
      take();
      c = peek_past_blanks();
    }
    if (c == end_of_file || c == ',' || c == ']' || c == '}' || c == ':') return fail(fault("a value"));
    place = Place::between;
    return true;
  }
};

Result<RowStream> RowStream::open(const std::filesystem::path& path, RowLayout layout) {
  auto source = std::make_shared<Source>(path, layout);
  source->file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (source->file < 0) return fail(system_error("cannot read", path, errno));
  struct stat status {};
  if (::fstat(source->file, &status) != 0) return fail(system_error("cannot read", path, errno));
  if (!S_ISREG(status.st_mode))
    return fail(ErrorKind::not_a_file, "cannot read", path.string(), "expected a regular file");
  return RowStream(std::move(source));
}

bool RowStream::in_lines() const { return source_->lines; }

Result<std::string> RowStream::next(std::size_t most) {
  std::string out;
  for (std::size_t count = 0; count < most; ++count) {
    HOLISAFE_TRY(const bool more, source_->to_next());
    if (!more) break;
    out += count == 0 ? '[' : ',';
    HOLISAFE_CHECK(source_->take_value(out));
  }
  if (!out.empty()) out += ']';
  return out;
}

}  // namespace holisafe::dataset
