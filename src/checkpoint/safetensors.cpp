#include "checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include "base/checked.h"
#include "base/lfs_pointer.h"

namespace holisafe::checkpoint {
namespace {

/// Parses one file's header; keeps what every error needs.
class HeaderReader {
 public:
  explicit HeaderReader(const MappedFile& file) : file_(file) {}

  Result<void> read(std::vector<TensorView>& tensors, std::map<std::string, std::string>& metadata) {
    HOLISAFE_TRY(const std::string_view header, find_header());
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    const simdjson::padded_string padded(header);
    if (const auto code = parser.parse(padded).get(root); code != simdjson::SUCCESS) {
      return error(code == simdjson::UTF8_ERROR ? ErrorKind::invalid_utf8 : ErrorKind::malformed, "header",
                   std::string("expected JSON, found ") + simdjson::error_message(code));
    }
    simdjson::dom::object object;
    if (root.get(object) != simdjson::SUCCESS)
      return error(ErrorKind::wrong_type, "header", "expected an object");
    std::set<std::string_view> names;
    for (const auto field : object) {
      if (!names.insert(field.key).second)
        return error(ErrorKind::duplicate, std::string(field.key), "expected one entry, found two");
      if (field.key == "__metadata__") {
        HOLISAFE_CHECK(read_metadata(field.value, metadata));
      } else {
        HOLISAFE_TRY(TensorView view, read_tensor(std::string(field.key), field.value));
        tensors.push_back(std::move(view));
      }
    }
    return check_cover(tensors);
  }

 private:
  [[nodiscard]] tl::unexpected<Error> error(ErrorKind kind, const std::string& field,
                                            std::string detail) const {
    return fail(kind, "bad safetensors file", file_.path().string() + ": " + field, std::move(detail));
  }

  Result<std::string_view> find_header() {
    const std::string_view text = file_.text();
    if (is_lfs_pointer(text)) return error(ErrorKind::malformed, "header", lfs_pointer_words);
    if (text.size() < 8) {
      return error(ErrorKind::truncated, "header length",
                   fmt::format("expected 8 bytes, found {}", text.size()));
    }
    std::uint64_t length = 0;
    for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<std::uint8_t>(text[i]);
    if (length > SafetensorsFile::max_header_bytes) {
      return error(ErrorKind::too_large, "header length",
                   fmt::format("expected at most {}, found {}", SafetensorsFile::max_header_bytes, length));
    }
    if (length > text.size() - 8) {
      return error(ErrorKind::truncated, "header",
                   fmt::format("expected {} bytes, found {}", length, text.size() - 8));
    }
    buffer_ = file_.bytes().subspan(8 + static_cast<std::size_t>(length));
    return text.substr(8, static_cast<std::size_t>(length));
  }

  /// null stands for none, as for the reference implementation.
  Result<void> read_metadata(simdjson::dom::element value, std::map<std::string, std::string>& metadata) {
    if (value.is_null()) return {};
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS)
      return error(ErrorKind::wrong_type, "__metadata__", "expected an object");
    for (const auto field : object) {
      std::string_view text;
      if (field.value.get(text) != simdjson::SUCCESS) {
        return error(ErrorKind::wrong_type, "__metadata__." + std::string(field.key), "expected a string");
      }
      metadata.emplace(field.key, text);
    }
    return {};
  }

  Result<std::vector<std::uint64_t>> read_numbers(const std::string& field, simdjson::dom::element value) {
    simdjson::dom::array array;
    if (value.get(array) != simdjson::SUCCESS)
      return error(ErrorKind::wrong_type, field, "expected an array");
    if (array.size() > SafetensorsFile::max_sizes) {
      return error(
          ErrorKind::too_large, field,
          fmt::format("expected at most {} numbers, found {}", SafetensorsFile::max_sizes, array.size()));
    }
    std::vector<std::uint64_t> out;
    for (const auto item : array) {
      std::uint64_t number = 0;
      if (item.get(number) != simdjson::SUCCESS) {
        return error(ErrorKind::wrong_type, field,
                     "expected whole numbers from 0, found " + simdjson::minify(item));
      }
      out.push_back(number);
    }
    return out;
  }

  Result<TensorView> read_tensor(std::string name, simdjson::dom::element value) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS)
      return error(ErrorKind::wrong_type, name, "expected an object");
    const auto member = [&](const char* key) -> Result<simdjson::dom::element> {
      simdjson::dom::element found;
      if (object.at_key(key).get(found) != simdjson::SUCCESS)
        return error(ErrorKind::missing, name + "." + key, "expected it, found none");
      return found;
    };
    HOLISAFE_TRY(const auto dtype_element, member("dtype"));
    HOLISAFE_TRY(const auto shape_element, member("shape"));
    HOLISAFE_TRY(const auto offsets_element, member("data_offsets"));
    std::string_view dtype_name;
    if (dtype_element.get(dtype_name) != simdjson::SUCCESS)
      return error(ErrorKind::wrong_type, name + ".dtype", "expected a string");
    const auto dtype = parse_dtype(dtype_name);
    if (!dtype) {
      const char* const quantised = dtype_name.starts_with("F8") ? " (weights that are quantised)" : "";
      return error(ErrorKind::unsupported, name + ".dtype",
                   fmt::format("expected F64, F32, F16, BF16, I64, I32, I16, I8, U8 or BOOL, found {}{}",
                               dtype_name, quantised));
    }
    HOLISAFE_TRY(const auto shape, read_numbers(name + ".shape", shape_element));
    HOLISAFE_TRY(const auto offsets, read_numbers(name + ".data_offsets", offsets_element));

    TensorView view{std::move(name), *dtype, {}, {}, file_.owner()};
    for (const std::uint64_t size : shape) {
      const auto narrow = checked_cast<std::int64_t>(size);
      if (!narrow)
        return error(ErrorKind::overflow, view.name + ".shape",
                     fmt::format("expected a size below 2^63, found {}", size));
      view.shape.push_back(*narrow);
    }
    HOLISAFE_CHECK(bind(view, offsets));
    return view;
  }

  Result<void> bind(TensorView& view, const std::vector<std::uint64_t>& offsets) {
    const std::string field = view.name + ".data_offsets";
    if (offsets.size() != 2 || offsets[0] > offsets[1]) {
      return error(ErrorKind::out_of_range, field,
                   fmt::format("expected [begin, end], found [{}]", fmt::join(offsets, ", ")));
    }
    if (offsets[1] > buffer_.size()) {
      return error(ErrorKind::out_of_range, field,
                   fmt::format("expected an end of at most {}, found {}", buffer_.size(), offsets[1]));
    }
    const auto bytes = byte_count(view.name, view.dtype, view.shape);
    if (!bytes) return error(ErrorKind::overflow, view.name + ".shape", bytes.error().detail);
    if (*bytes != offsets[1] - offsets[0]) {
      return error(
          ErrorKind::mismatch, view.name,
          fmt::format("expected {} bytes for {} {}, found {}", *bytes, holisafe::checkpoint::name(view.dtype),
                      shape_text(view.shape), offsets[1] - offsets[0]));
    }
    view.bytes = buffer_.subspan(static_cast<std::size_t>(offsets[0]), static_cast<std::size_t>(*bytes));
    return {};
  }

  /// Every byte of the buffer belongs to exactly one tensor.
  Result<void> check_cover(std::vector<TensorView>& tensors) const {
    std::stable_sort(tensors.begin(), tensors.end(), [](const TensorView& a, const TensorView& b) {
      return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
    });
    const std::byte* at = buffer_.data();
    for (const TensorView& view : tensors) {
      if (view.bytes.data() != at) {
        const bool overlap = view.bytes.data() < at;
        return error(overlap ? ErrorKind::overlap : ErrorKind::hole, view.name,
                     fmt::format("expected its bytes to begin at {}, found {}", at - buffer_.data(),
                                 view.bytes.data() - buffer_.data()));
      }
      at += view.bytes.size();
    }
    if (at != buffer_.data() + buffer_.size()) {
      return error(
          ErrorKind::hole, "end of file",
          fmt::format("expected {} bytes of tensors, found {}", at - buffer_.data(), buffer_.size()));
    }
    return {};
  }

  const MappedFile& file_;
  std::span<const std::byte> buffer_;
};

}  // namespace

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

Result<std::uint64_t> byte_count(const std::string& name, DType dtype, std::span<const std::int64_t> shape) {
  const auto elements = checked_product(shape);
  const auto bytes =
      elements ? checked_multiply(static_cast<std::uint64_t>(*elements), std::uint64_t{size_of(dtype)})
               : std::nullopt;
  if (!bytes)
    return fail(ErrorKind::overflow, "tensor too large", name,
                "expected a size below 2^63, found shape " + shape_text(shape));
  return *bytes;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  HOLISAFE_TRY(const MappedFile file, MappedFile::open(path));
  SafetensorsFile out;
  HOLISAFE_CHECK(HeaderReader(file).read(out.tensors_, out.metadata_));
  return out;
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::find_if(tensors_.begin(), tensors_.end(),
                                  [&](const TensorView& view) { return view.name == name; });
  return found == tensors_.end() ? nullptr : &*found;
}

}  // namespace holisafe::checkpoint
