// The rows of a benchmark's data as answers from elsewhere name them: by id, or by position and question.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "benchmarks/item.h"
#include "dataset/field_rows.h"

namespace holisafe::runs {

/// A few bytes a row beside its id.
class RowIndex {
 public:
  /// `data`: how messages call what the rows come from.
  explicit RowIndex(std::string data) : data_(std::move(data)) {}

  /// Rows are added in the order of the data: the first has position 0.
  void add(const benchmarks::Item& item);

  [[nodiscard]] std::size_t rows() const { return questions_.size(); }
  [[nodiscard]] const std::string& data() const { return data_; }
  /// The position of a row by its id. 7 and "7" may be two rows; where only one of them is there it is meant
  /// by both, as files do not always keep what kind an id was.
  [[nodiscard]] std::optional<std::size_t> find(const dataset::FieldValue& id) const;
  /// Whether `text` is what that row asks; white space and marks of images (`<image>`, `<image 2>`) aside.
  [[nodiscard]] bool asks(std::size_t position, std::string_view text) const;

 private:
  std::string data_;
  std::unordered_map<std::string, std::size_t> integers_;
  std::unordered_map<std::string, std::size_t> texts_;
  std::vector<Digest> questions_;
};

}  // namespace holisafe::runs
