#include "dataset/csv.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "dataset/byte_source.h"
#include "dataset/row_text.h"

namespace holisafe::dataset {
namespace {

constexpr bool ends_record(int c) { return c == '\n' || c == '\r' || c == ByteSource::end_of_file; }

}  // namespace

/// The file, and the record that was read last.
struct CsvReader::Source : ByteSource {
  std::string text;               ///< of all its cells
  std::vector<std::size_t> ends;  ///< of each cell in it
  std::uint64_t first_line = 1;
  bool quoted = false;  ///< whether one of its cells stood in quotes
  char separator;

  Source(InputFile input, char between) : ByteSource(std::move(input)), separator(between) {}

  Result<void> begin() {
    peek();
    if (error()) return fail(*error());
    HOLISAFE_CHECK(check_encoding(buffered(), file().path().string()));
    skip(mark_bytes(buffered()));
    return {};
  }

  [[nodiscard]] Error fault(ErrorKind kind, std::uint64_t of_line, std::string detail) const {
    if (error()) return *error();
    return {kind, "not valid CSV", fmt::format("{}: line {}", file().path().string(), of_line),
            std::move(detail)};
  }

  Result<bool> take_record() {
    text.clear();
    ends.clear();
    quoted = false;
    first_line = line();
    if (peek() == end_of_file) {
      if (error()) return fail(*error());
      return false;
    }
    while (true) {
      HOLISAFE_CHECK(peek() == '"' ? take_quoted() : take_plain());
      if (ends.size() == most_cells) {
        return fail(fault(ErrorKind::too_large, first_line,
                          fmt::format("expected at most {} cells in a record", most_cells)));
      }
      ends.push_back(text.size());
      if (peek() != separator) break;
      take();
    }
    if (take() == '\r' && peek() == '\n') take();
    if (error()) return fail(*error());
    return true;
  }

  Result<void> add(int c) {
    if (c == '\0') return fail(fault(ErrorKind::malformed, line(), "expected text, found a NUL character"));
    if (text.size() == most_record_bytes) {
      return fail(fault(ErrorKind::too_large, first_line,
                        fmt::format("expected at most {} bytes in a record", most_record_bytes)));
    }
    text += static_cast<char>(c);
    return {};
  }

  Result<void> take_plain() {
    while (peek() != separator && !ends_record(peek())) {
      if (peek() == '"') {
        return fail(fault(ErrorKind::malformed, line(),
                          "expected a cell with quotes to stand in quotes, its own doubled"));
      }
      HOLISAFE_CHECK(add(take()));
    }
    return {};
  }

  Result<void> take_quoted() {
    quoted = true;
    const std::uint64_t opened = line();
    take();
    while (true) {
      const int c = take();
      if (c == end_of_file)
        return fail(fault(ErrorKind::truncated, opened, "expected the closing quote of a cell"));
      if (c == '"') {
        if (peek() != '"') break;
        take();
      }
      HOLISAFE_CHECK(add(c));
    }
    if (peek() == separator || ends_record(peek())) return {};
    return fail(fault(ErrorKind::malformed, line(),
                      separator == '\t' ? "expected a tab or the end of the line behind a closing quote"
                                        : "expected a comma or the end of the line behind a closing quote"));
  }

  [[nodiscard]] std::string_view cell(std::size_t number) const {
    const std::size_t start = number == 0 ? 0 : ends[number - 1];
    return std::string_view(text).substr(start, ends[number] - start);
  }

  [[nodiscard]] Result<void> check_text() const {
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (!is_utf8(cell(i)))
        return fail(
            fault(ErrorKind::invalid_utf8, first_line, fmt::format("expected UTF-8 in cell {}", i + 1)));
    }
    return {};
  }
};

Result<CsvReader> CsvReader::open(InputFile file, char separator) {
  auto source = std::make_shared<Source>(std::move(file), separator);
  HOLISAFE_CHECK(source->begin());
  return CsvReader(std::move(source));
}

Result<bool> CsvReader::next() {
  while (true) {
    HOLISAFE_TRY(const bool found, source_->take_record());
    if (!found) return false;
    const bool blank = source_->ends.size() == 1 && source_->text.empty() && !source_->quoted;
    if (blank) continue;
    HOLISAFE_CHECK(source_->check_text());
    return true;
  }
}

std::size_t CsvReader::cells() const { return source_->ends.size(); }
std::string_view CsvReader::cell(std::size_t number) const { return source_->cell(number); }
std::uint64_t CsvReader::line() const { return source_->first_line; }
const InputFile& CsvReader::file() const { return source_->file(); }

void CsvReader::rewind() {
  source_->rewind();
  static_cast<void>(source_->begin());  // as it did before
}

}  // namespace holisafe::dataset
