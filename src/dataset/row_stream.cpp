#include "dataset/row_stream.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "dataset/byte_source.h"
#include "dataset/json_fault.h"
#include "dataset/row_text.h"

namespace holisafe::dataset {
namespace {

constexpr std::size_t longest_value = std::size_t{64} << 20U;

constexpr bool blank(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Where a value stands.
struct Start {
  std::size_t in_piece = 0;
  std::uint64_t offset = 0;  ///< in the file
  std::uint64_t line = 0;    ///< from 1
};

}  // namespace

/// The file and where in it we are.
struct RowStream::Source : ByteSource {
  enum class Place { before, first, between, after };

  Place place = Place::before;
  bool lines = false;
  std::vector<Start> starts;  ///< of the values of the last piece

  explicit Source(InputFile input) : ByteSource(std::move(input)) {}

  int peek_past_blanks() {
    while (blank(peek())) take();
    return peek();
  }

  /// Goes behind the byte order mark and sees whether the values stand in lines.
  Result<void> begin() {
    peek();
    if (error()) return fail(*error());
    HOLISAFE_CHECK(check_encoding(buffered(), file().path().string()));
    skip(mark_bytes(buffered()));
    lines = peek_past_blanks() == '{';
    return {};
  }

  [[nodiscard]] std::string where(std::uint64_t of_line, std::uint64_t byte) const {
    return lines ? fmt::format("{}: line {}", file().path().string(), of_line)
                 : fmt::format("{}: byte {}", file().path().string(), byte);
  }

  [[nodiscard]] Error fault(std::string_view expected, std::uint64_t of_line) {
    const bool ended = peek() == end_of_file;
    if (error()) return *error();
    return {ended ? ErrorKind::truncated : ErrorKind::malformed, "not valid JSON", where(of_line, offset()),
            fmt::format("expected {}", expected)};
  }
  [[nodiscard]] Error fault(std::string_view expected) { return fault(expected, line()); }

  /// Appends the value that comes next.
  Result<void> take_value(std::string& out) {
    const std::size_t start = out.size();
    const std::uint64_t first_line = line();
    starts.push_back({start, offset(), first_line});
    std::size_t depth = 0;
    bool text = false;
    do {
      const int c = take();
      if (c == end_of_file) return fail(fault("the end of a value", first_line));
      out += static_cast<char>(c);
      if (out.size() - start > longest_value) {
        return fail(ErrorKind::too_large, "value too large", where(first_line, offset()),
                    fmt::format("expected at most {} bytes", longest_value));
      }
      if (text) {
        if (c == '\n' && lines) return fail(fault("the end of a text", first_line));
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
    if (peek() == end_of_file && !error()) return false;
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
      if (c == end_of_file && !error())
        return fail(ErrorKind::missing, "empty file", file().path().string(),
                    "expected a JSON array, found nothing");
      if (c != '[') return fail(fault("an array, or objects in lines"));
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
      if (c != end_of_file || error()) return fail(fault("the end of the file"));
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

Result<RowStream> RowStream::open(const std::filesystem::path& path) {
  HOLISAFE_TRY(InputFile file, InputFile::open(path));
  return open(std::move(file));
}

Result<RowStream> RowStream::open(InputFile file) {
  auto source = std::make_shared<Source>(std::move(file));
  HOLISAFE_CHECK(source->begin());
  return RowStream(std::move(source));
}

void RowStream::rewind() {
  source_->rewind();
  source_->place = Source::Place::before;
  static_cast<void>(source_->begin());  // as it did before
}

bool RowStream::in_lines() const { return source_->lines; }
const InputFile& RowStream::file() const { return source_->file(); }
std::uint64_t RowStream::line(std::size_t value) const { return source_->starts[value].line; }

Result<std::string> RowStream::next(std::size_t most) {
  std::string out;
  source_->starts.clear();
  for (std::size_t count = 0; count < most; ++count) {
    HOLISAFE_TRY(const bool more, source_->to_next());
    if (!more) break;
    out += count == 0 ? '[' : ',';
    HOLISAFE_CHECK(source_->take_value(out));
  }
  if (!out.empty()) out += ']';
  return out;
}

Result<std::optional<RowFile>> RowStream::next_rows(std::size_t most) {
  HOLISAFE_TRY(std::string text, next(most));
  if (text.empty()) return std::optional<RowFile>();
  auto rows = RowFile::parse(text, source_->file().path().string());
  if (rows) return std::optional(*std::move(rows));
  const auto& starts = source_->starts;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t end = i + 1 < starts.size() ? starts[i + 1].in_piece - 1 : text.size() - 1;
    const auto value = std::string_view(text).substr(starts[i].in_piece, end - starts[i].in_piece);
    auto fault = find_json_fault(value);
    if (!fault) continue;
    std::string where = source_->where(starts[i].line, starts[i].offset + fault->offset);
    if (source_->lines) where += fmt::format(": byte {}", fault->offset);
    return fail(fault->kind, "not valid JSON", std::move(where), std::move(fault->detail));
  }
  return fail(rows.error());
}

}  // namespace holisafe::dataset
