#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"
#include "checkpoint/safetensors.h"

namespace holisafe::checkpoint {
namespace {

/// Wide elements first, so that every tensor stays aligned to its element; then by name.
bool stands_before(const TensorSource& a, const TensorSource& b) {
  return std::pair(size_of(b.dtype), std::string_view(a.name)) <
         std::pair(size_of(a.dtype), std::string_view(b.name));
}

Result<std::string> header_of(const std::filesystem::path& path, const std::vector<TensorSource>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const TensorSource& tensor : tensors) {
    if (header.contains(tensor.name))
      return fail(ErrorKind::duplicate, "cannot write", path.string(), "two tensors named " + tensor.name);
    HOLISAFE_TRY(const std::uint64_t bytes, byte_count(tensor.name, tensor.dtype, tensor.shape));
    const auto end = checked_add(offset, bytes);
    if (!end)
      return fail(ErrorKind::overflow, "cannot write", path.string(), "expected a file below 2^64 bytes");
    header[tensor.name] = {
        {"dtype", name(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {offset, *end}}};
    offset = *end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(text.size() >> (8 * i));
  return out + text;
}

Result<void> write_tensor(const TensorSource& tensor, const WritePiece& piece) {
  HOLISAFE_TRY(const std::uint64_t expected, byte_count(tensor.name, tensor.dtype, tensor.shape));
  std::uint64_t written = 0;
  HOLISAFE_CHECK(tensor.write([&](std::string_view bytes) {
    written += bytes.size();
    return piece(bytes);
  }));
  if (written != expected) {
    return fail(ErrorKind::mismatch, "cannot write tensor", tensor.name,
                fmt::format("expected {} bytes, found {}", expected, written));
  }
  return {};
}

}  // namespace

TensorSource source_of(const TensorView& view) {
  const std::string_view bytes(reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size());
  return {view.name, view.dtype, view.shape,
          [bytes, owner = view.owner](const WritePiece& piece) { return piece(bytes); }};
}

Result<void> write_safetensors(const std::filesystem::path& path, std::vector<TensorSource> tensors,
                               const std::map<std::string, std::string>& metadata, FileOf owner) {
  std::sort(tensors.begin(), tensors.end(), stands_before);
  HOLISAFE_TRY(const std::string header, header_of(path, tensors, metadata));
  const auto write = [&](const WritePiece& piece) -> Result<void> {
    HOLISAFE_CHECK(piece(header));
    for (const TensorSource& tensor : tensors) HOLISAFE_CHECK(write_tensor(tensor, piece));
    return {};
  };
  return owner == FileOf::user ? write_named_file(path, write) : write_file_atomic(path, write);
}

}  // namespace holisafe::checkpoint
