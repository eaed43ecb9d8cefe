#include "construction/tar_writer.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

namespace holisafe::construction {
namespace {

constexpr std::size_t tar_block = 512;
constexpr std::size_t name_bytes = 100;
constexpr std::size_t prefix_bytes = 155;
constexpr std::uint64_t most_member_bytes = (std::uint64_t{1} << 33U) - 1;  // eleven octal digits

struct SplitName {
  std::string_view prefix, name;
};

/// The name as ustar has room for it: whole, or cut at a slash.
std::optional<SplitName> fit_name(std::string_view name) {
  if (name.size() <= name_bytes) return SplitName{{}, name};
  for (std::size_t at = name.find('/'); at != std::string_view::npos && at <= prefix_bytes;
       at = name.find('/', at + 1)) {
    const std::string_view rest = name.substr(at + 1);
    if (at > 0 && !rest.empty() && rest.size() <= name_bytes) return SplitName{name.substr(0, at), rest};
  }
  return std::nullopt;
}

class TarHeader {
 public:
  TarHeader(SplitName name, char type, std::uint64_t size) {
    put(0, name.name);
    put(100, "0000644");
    put(108, "0000000");  // owner
    put(116, "0000000");  // group
    put(124, fmt::format("{:011o}", size));
    put(136, "00000000000");  // date
    put(156, std::string_view(&type, 1));
    put(257, std::string_view("ustar\0"
                              "00",
                              8));
    put(345, name.prefix);
    put(sum_at, "        ");
    unsigned sum = 0;
    for (const char c : bytes_) sum += static_cast<unsigned char>(c);
    put(sum_at, fmt::format("{:06o}", sum));
    bytes_[sum_at + 6] = '\0';
  }
  [[nodiscard]] std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }

 private:
  static constexpr std::size_t sum_at = 148;
  void put(std::size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  std::array<char, tar_block> bytes_{};
};

/// "LENGTH path=NAME\n", whose length counts itself.
std::string path_record(std::string_view name) {
  const std::size_t rest = std::string_view(" path=\n").size() + name.size();
  std::size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) length = std::to_string(length).size() + rest;
  return fmt::format("{} path={}\n", length, name);
}

bool is_sound_name(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\0') != std::string_view::npos) return false;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace

Result<void> TarWriter::put(std::string_view bytes) {
  size_ += bytes.size();
  return write_(bytes);
}

Result<void> TarWriter::put_member(std::string_view header, std::string_view bytes) {
  static constexpr std::array<char, tar_block> zeros{};
  HOLISAFE_CHECK(put(header));
  HOLISAFE_CHECK(put(bytes));
  const std::size_t over = bytes.size() % tar_block;
  return over == 0 ? Result<void>() : put({zeros.data(), tar_block - over});
}

Result<void> TarWriter::add(std::string_view name, std::string_view bytes) {
  if (!is_sound_name(name))
    return fail(ErrorKind::malformed, "cannot write tar", one_line(std::string(name)),
                "expected a path beneath a folder");
  if (bytes.size() > most_member_bytes) {
    return fail(ErrorKind::too_large, "cannot write tar", std::string(name),
                fmt::format("expected at most {} bytes, found {}", most_member_bytes, bytes.size()));
  }
  auto fitting = fit_name(name);
  if (!fitting) {
    const std::string record = path_record(name);
    HOLISAFE_CHECK(put_member(TarHeader({{}, "long"}, 'x', record.size()).bytes(), record));
    fitting = SplitName{{}, name.substr(0, name_bytes)};  // for readers that know no pax
  }
  return put_member(TarHeader(*fitting, '0', bytes.size()).bytes(), bytes);
}

Result<void> TarWriter::finish() {
  static constexpr std::array<char, 2 * tar_block> zeros{};
  return write_({zeros.data(), zeros.size()});
}

}  // namespace holisafe::construction
