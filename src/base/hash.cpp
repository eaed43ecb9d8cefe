#include "base/hash.h"

#include <cerrno>
#include <cstdint>
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
constexpr std::uint32_t no_digit = 64;

/// Of each byte as a digit of base64.
constexpr std::array<std::uint32_t, 256> values = [] {
  std::array<std::uint32_t, 256> out{};
  out.fill(no_digit);
  for (std::uint32_t i = 0; i < digits.size(); ++i) out[static_cast<unsigned char>(digits[i])] = i;
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
  const auto byte = [&](std::size_t i) {
    return i < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i]) : 0U;
  };
  char* next = out.data();
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t group = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
    for (unsigned k = 0; k < 4; ++k) *next++ = digits[group >> (18U - 6U * k) & 63U];
  }
  const std::size_t rest = bytes.size() - i;
  const std::uint32_t group = byte(i) << 16U | byte(i + 1) << 8U;
  for (unsigned k = 0; rest > 0 && k <= rest; ++k) *next++ = digits[group >> (18U - 6U * k) & 63U];
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.empty()) return std::string();
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out(text.size() / 4 * 3, '\0');
  const auto value = [&](std::size_t i) { return values[static_cast<unsigned char>(text[i])]; };
  std::uint32_t all = 0;  // of all values: whether one was none
  const auto put = [&](std::size_t group, std::uint32_t a, std::uint32_t b, std::uint32_t c,
                       std::uint32_t d) {
    all |= a | b | c | d;
    const std::uint32_t bits = a << 18U | b << 12U | c << 6U | d;
    char* next = out.data() + group * 3;
    next[0] = static_cast<char>(bits >> 16U);
    next[1] = static_cast<char>(bits >> 8U);
    next[2] = static_cast<char>(bits);
    return bits;
  };
  const std::size_t last = text.size() / 4 - 1;
  for (std::size_t group = 0; group < last; ++group) {
    const std::size_t i = group * 4;
    put(group, value(i), value(i + 1), value(i + 2), value(i + 3));
  }
  const std::size_t i = last * 4;
  const std::uint32_t bits =
      put(last, value(i), value(i + 1), padding == 2 ? 0 : value(i + 2), padding > 0 ? 0 : value(i + 3));
  // What padding stands for is cut off, and must be 0: else two texts would give the same bytes.
  if ((all & no_digit) != 0 || (bits & ((1U << (8 * padding)) - 1)) != 0) return std::nullopt;
  out.resize(out.size() - padding);
  return out;
}

}  // namespace holisafe
