#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "sources/archive_list.h"

namespace holisafe::sources {
namespace {

constexpr std::uint64_t block = 512;
/// Of a name or an extended header.
constexpr std::uint64_t most_extra_bytes = std::uint64_t{1} << 20U;

/// A header's fields by offset and length.
struct Field {
  std::size_t at;
  std::size_t length;
};
constexpr Field name_field{0, 100};
constexpr Field size_field{124, 12};
constexpr Field sum_field{148, 8};
constexpr std::size_t type_at = 156;
constexpr Field magic_field{257, 8};
constexpr Field prefix_field{345, 155};

std::string_view text_of(std::string_view header, Field field) {
  const auto text = header.substr(field.at, field.length);
  return text.substr(0, std::min(text.find('\0'), text.size()));
}

/// Octal digits with blanks around them, or, with the first bit set, a number of 95 bits.
std::optional<std::uint64_t> number_of(std::string_view header, Field field) {
  const auto bytes = header.substr(field.at, field.length);
  constexpr unsigned char binary = 0x80;
  if ((static_cast<unsigned char>(bytes[0]) & binary) != 0) {
    std::uint64_t out = static_cast<unsigned char>(bytes[0]) & 0x7fU;
    for (const char c : bytes.substr(1)) {
      if (out >> 55U != 0) return std::nullopt;
      out = out << 8U | static_cast<unsigned char>(c);
    }
    return out;
  }
  const auto text = strip(text_of(header, field));
  if (text.empty()) return 0;
  std::uint64_t out = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), out, 8);
  if (code != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return out;
}

/// Whether the checksum is that of the header; old programs took bytes as signed.
bool sum_fits(std::string_view header) {
  const auto said = number_of(header, sum_field);
  std::int64_t plain = 0;
  std::int64_t with_signs = 0;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const bool of_sum = i >= sum_field.at && i < sum_field.at + sum_field.length;
    const char c = of_sum ? ' ' : header[i];
    plain += static_cast<unsigned char>(c);
    with_signs += static_cast<signed char>(c);
  }
  return said &&
         (static_cast<std::int64_t>(*said) == plain || static_cast<std::int64_t>(*said) == with_signs);
}

std::string name_of(std::string_view header) {
  using namespace std::string_view_literals;
  std::string out(text_of(header, name_field));
  const auto prefix = text_of(header, prefix_field);
  const bool posix = header.substr(magic_field.at, 6) == "ustar\0"sv;
  return posix && !prefix.empty() ? fmt::format("{}/{}", prefix, out) : out;
}

/// What headers before a member's own say of it.
struct Extra {
  std::optional<std::string> name;
  std::optional<std::uint64_t> size;
  bool sparse = false;
};

/// Records "LENGTH KEY=VALUE\n"; false where they are not.
bool read_records(std::string_view text, Extra& extra) {
  while (!text.empty()) {
    std::size_t length = 0;
    const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), length);
    const auto digits = static_cast<std::size_t>(stop - text.data());
    if (code != std::errc() || length > text.size() || length < digits + 2 || *stop != ' ' ||
        text[length - 1] != '\n')
      return false;
    const auto record = text.substr(digits + 1, length - digits - 2);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos) return false;
    const auto key = record.substr(0, equals);
    const auto value = record.substr(equals + 1);
    if (key == "path") extra.name = value;
    if (key.starts_with("GNU.sparse.")) extra.sparse = true;
    if (key == "size") {
      std::uint64_t size = 0;
      const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), size);
      if (fault != std::errc() || end != value.data() + value.size()) return false;
      extra.size = size;
    }
    text.remove_prefix(length);
  }
  return true;
}

class TarList {
 public:
  TarList(const InputFile& file, std::uint64_t size, const OnMember& on_member)
      : file_(file), size_(size), on_member_(on_member) {}

  Result<void> run() {
    while (true) {
      if (size_ - at_ < block)
        return fail(fault(ErrorKind::truncated,
                          "expected a header or the archive's end of zeros, found the end of the file"));
      HOLISAFE_TRY(const std::string header, read_exactly(file_, at_, block));
      if (header.find_first_not_of('\0') == std::string::npos) return {};
      if (!sum_fits(header))
        return fail(
            fault(ErrorKind::malformed, "expected a member's header, found a block with another checksum"));
      HOLISAFE_CHECK(take(header));
    }
  }

 private:
  [[nodiscard]] Error fault(ErrorKind kind, std::string detail) const {
    return {kind, "cannot read tar", fmt::format("{}: byte {}", file_.path().string(), at_),
            std::move(detail)};
  }

  Result<void> take(std::string_view header) {
    const char type = header[type_at];
    auto size = number_of(header, size_field);
    const bool extends = type == 'x' || type == 'L' || type == 'K' || type == 'g';
    if (!extends && extra_.size) size = extra_.size;
    if (!size) return fail(fault(ErrorKind::malformed, "expected a member's size in octal"));
    const std::uint64_t begin = at_ + block;
    if (*size > size_ - begin) {
      return fail(
          fault(ErrorKind::truncated, fmt::format("expected {} bytes of the member {}, found {}", *size,
                                                  excerpt(one_line(name_of(header)), 100), size_ - begin)));
    }
    if (extends) {
      HOLISAFE_CHECK(extend(type, begin, *size));
    } else {
      HOLISAFE_CHECK(give(header, type, begin, *size));
      extra_ = {};
    }
    const std::uint64_t padded = (*size + block - 1) / block * block;
    at_ = std::min(begin + padded, size_);  // the last one may lack its padding
    return {};
  }

  Result<void> extend(char type, std::uint64_t begin, std::uint64_t size) {
    if (type == 'K' || type == 'g') return {};
    if (size > most_extra_bytes) {
      return fail(fault(
          ErrorKind::too_large,
          fmt::format("expected at most {} bytes of an extended header, found {}", most_extra_bytes, size)));
    }
    HOLISAFE_TRY(const std::string text, read_exactly(file_, begin, size));
    if (type == 'L') {
      extra_.name = text.c_str();  // to the first NUL
    } else if (!read_records(text, extra_)) {
      return fail(fault(ErrorKind::malformed, "expected records LENGTH KEY=VALUE in an extended header"));
    }
    return {};
  }

  Result<void> give(std::string_view header, char type, std::uint64_t begin, std::uint64_t size) {
    if (type == '5') return {};
    const bool plain = (type == '0' || type == '\0' || type == '7') && !extra_.sparse;
    Member out{.kind = plain ? Member::Kind::file : Member::Kind::other,
               .offset = begin,
               .stored = size,
               .size = size};
    return on_member_(extra_.name ? *extra_.name : name_of(header), out);
  }

  const InputFile& file_;
  std::uint64_t size_;
  const OnMember& on_member_;
  std::uint64_t at_ = 0;
  Extra extra_;
};

}  // namespace

Result<void> list_tar(const InputFile& file, std::uint64_t size, const OnMember& on_member) {
  return TarList(file, size, on_member).run();
}

}  // namespace holisafe::sources
