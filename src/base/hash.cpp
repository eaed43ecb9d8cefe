#include "base/hash.h"

#include <cerrno>
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

constexpr std::size_t most_base64 = std::size_t{1} << 30U;  // OpenSSL counts in int

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
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (i + k < bytes.size() ? std::to_integer<unsigned>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += i + k <= bytes.size() ? digits[group >> (18U - 6U * k) & 63U] : '=';
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > most_base64) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  // OpenSSL leaves out white space and takes padding for zeros: what comes back must be what was given.
  const int size =
      ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (static_cast<std::size_t>(size) < padding) return std::nullopt;
  out.resize(static_cast<std::size_t>(size) - padding);
  if (base64(std::as_bytes(std::span(out))) != text) return std::nullopt;
  return out;
}

}  // namespace holisafe
