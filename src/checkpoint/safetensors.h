// safetensors files: mapped, and read strictly.
//
// A file is an unsigned 64-bit little-endian header length, a JSON header {name: {dtype, shape,
// data_offsets}, …,
// "__metadata__": {string: string}}, and a buffer that the tensors cover without holes or overlaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "checkpoint/dtype.h"

namespace holisafe::checkpoint {

/// A tensor inside a mapped file, row-major, little-endian, not necessarily aligned. Never written through;
/// `owner` keeps the mapping alive.
struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const std::byte> owner;
};

/// "[2, 3]", for messages.
std::string shape_text(std::span<const std::int64_t> shape);

/// One file, mapped. Copies share the mapping. Thread-safe to read.
class SafetensorsFile {
 public:
  /// Longest header that is accepted, as in the reference implementation.
  static constexpr std::uint64_t max_header_bytes = 100'000'000;
  /// Most sizes of a tensor.
  static constexpr std::size_t max_sizes = 16;

  /// Errors besides those of MappedFile::open: truncated (no header, or it or the buffer ends too early),
  /// too_large (header, more than max_sizes), invalid_utf8, malformed (JSON, a Git LFS pointer), duplicate
  /// (name), missing (dtype, shape, data_offsets), wrong_type (a field's kind), unsupported (dtype), overflow
  /// (shape x element size), out_of_range (offsets), mismatch (shape against bytes), overlap, hole.
  static Result<SafetensorsFile> open(const std::filesystem::path& path);

  /// In the order of their bytes.
  [[nodiscard]] const std::vector<TensorView>& tensors() const { return tensors_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// Null if there is none of that name.
  [[nodiscard]] const TensorView* find(std::string_view name) const;

 private:
  std::vector<TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// A tensor to write: `write` gives its bytes piece by piece and must give exactly shape x element size of
/// them.
struct TensorSource {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::function<Result<void>(const WritePiece&)> write;
};

/// A source over bytes that outlive it.
TensorSource source_of(const TensorView& view);

/// Bytes of a tensor. Errors: overflow.
Result<std::uint64_t> byte_count(const std::string& name, DType dtype, std::span<const std::int64_t> shape);

/// Whose a file is: of a folder of this program, where a link is replaced; or one that the user names, where
/// it is followed, and a device or pipe written to in place (base/file.h).
enum class FileOf { program, user };

/// Writes a file atomically; the same tensors give the same bytes, whatever their order. Tensors are
/// streamed. Errors: duplicate, overflow, mismatch (a source gave another number of bytes), those of
/// write_file_atomic and of the sources.
Result<void> write_safetensors(const std::filesystem::path& path, std::vector<TensorSource> tensors,
                               const std::map<std::string, std::string>& metadata,
                               FileOf owner = FileOf::program);

}  // namespace holisafe::checkpoint
