#include "base/hash.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/file.h"

namespace holisafe {
namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The two digits of each 12 bits.
constexpr std::array<std::array<char, 2>, 4096> digit_pairs = [] {
  std::array<std::array<char, 2>, 4096> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = {digits[i / 64], digits[i % 64]};
  return out;
}();

/// Beyond the 24 bits of four digits.
constexpr std::uint32_t no_digit = 1U << 24U;

/// What each byte stands for as the first to fourth of four digits.
constexpr std::array<std::array<std::uint32_t, 256>, 4> digit_bits = [] {
  std::array<std::array<std::uint32_t, 256>, 4> out{};
  for (std::uint32_t place = 0; place < 4; ++place) {
    out[place].fill(no_digit);
    for (std::uint32_t i = 0; i < digits.size(); ++i)
      out[place][static_cast<unsigned char>(digits[i])] = i << (18U - 6U * place);
  }
  return out;
}();

}  // namespace

Digest sha256(std::string_view bytes) {
  Digest out{};
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
           reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

// OpenSSL's digest functions fail only for want of memory, which std::bad_alloc says.
Sha256::Sha256() : context_(::EVP_MD_CTX_new()) {
  if (context_ == nullptr ||
      ::EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), ::EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
}
void Sha256::Free::operator()(void* context) const { ::EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context)); }

void Sha256::update(std::string_view bytes) {
  ::EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), bytes.data(), bytes.size());
}

Digest Sha256::finish() {
  Digest out{};
  ::EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), reinterpret_cast<unsigned char*>(out.data()),
                       nullptr);
  return out;
}

Result<Digest> sha256_file(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0)
    return fail(system_error("cannot read", path, errno));
  if (!S_ISREG(status.st_mode))
    return fail(ErrorKind::not_a_file, "cannot read", path.string(), "expected a regular file");
  Sha256 hash;
  std::vector<char> buffer(std::size_t{64} << 10U);
  while (true) {
    HOLISAFE_TRY(const std::size_t got, read_fully(file.get(), buffer, path));
    if (got == 0) return hash.finish();
    hash.update({buffer.data(), got});
  }
}

std::string hex(std::span<const std::byte> bytes) {
  std::string out;
  for (const std::byte byte : bytes) out += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return out;
}

std::string base64(std::span<const std::byte> bytes) {
  std::string out((bytes.size() + 2) / 3 * 4, '=');
  char* next = out.data();
  const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); };
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3, next += 4) {
    const std::uint32_t group = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
    std::memcpy(next, digit_pairs[group >> 12U].data(), 2);
    std::memcpy(next + 2, digit_pairs[group & 0xFFFU].data(), 2);
  }
  const std::size_t rest = bytes.size() - i;
  if (rest == 0) return out;
  const std::uint32_t group = byte(i) << 16U | (rest > 1 ? byte(i + 1) << 8U : 0);
  for (unsigned k = 0; k <= rest; ++k) next[k] = digits[group >> (18U - 6U * k) & 63U];
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.empty()) return std::string();
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out(text.size() / 4 * 3, '\0');
  std::uint32_t all = 0;  // whether a byte was no digit
  char* next = out.data();
  const auto put = [&](const std::array<char, 4>& four) {
    std::uint32_t bits = 0;
    for (std::size_t place = 0; place < 4; ++place)
      bits |= digit_bits[place][static_cast<unsigned char>(four[place])];
    all |= bits;
    next[0] = static_cast<char>(bits >> 16U);
    next[1] = static_cast<char>(bits >> 8U);
    next[2] = static_cast<char>(bits);
    next += 3;
    return bits;
  };
  const std::size_t last = text.size() - 4;
  for (std::size_t i = 0; i < last; i += 4) put({text[i], text[i + 1], text[i + 2], text[i + 3]});
  const char none = digits[0];
  const std::uint32_t bits = put({text[last], text[last + 1], padding == 2 ? none : text[last + 2],
                                  padding > 0 ? none : text[last + 3]});
  // What padding stands for is cut off, and must be 0: else two texts would give the same bytes.
  if ((all & no_digit) != 0 || (bits & ((1U << (8 * padding)) - 1)) != 0) return std::nullopt;
  out.resize(out.size() - padding);
  return out;
}

}  // namespace holisafe
