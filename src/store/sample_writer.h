// A row of the benchmark, and how rows come into a store.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/chat.h"
#include "store/database.h"

namespace holisafe::store {

/// A row's place in the data's groups: names with values, in the order of the benchmark's definition; an
/// empty value where it has none.
using Groups = std::vector<std::pair<std::string, std::string>>;

/// A row of a benchmark. Everything needed to ask it, but for the images' files, is in it.
struct Sample {
  std::int64_t position = 0;  ///< its row in the data, from 0; names the sample in the store
  std::string id;             ///< the integer's digits, or the string
  bool id_is_string = false;
  std::int64_t cluster = 0;       ///< from 0 in the order of first appearance in the data
  std::vector<chat::Part> parts;  ///< the user's turn; images are files relative to the images folder
  std::string query;              ///< the text to show to a reader
  Groups groups;
  std::string target;        ///< what a rule compares with; may be empty
  std::optional<int> label;  ///< guard class of its image, 0-19; nothing: unknown
  std::string json;          ///< the row as it stands in the data

  /// The files of its images, in order.
  [[nodiscard]] std::vector<std::string> images() const;
  /// The value of a group; empty where the sample has none of that name.
  [[nodiscard]] std::string_view group(std::string_view name) const;
};

/// Fills a store: all that is added between RunStore::add_samples() and commit(), or nothing. Memory does not
/// grow with the data. One thread at a time; lives no longer than its store.
class SampleWriter {
 public:
  /// The number of a cluster, new ones in turn; of rows that will not be added too, where numbers are to say
  /// the order in the data. Errors: those of Database.
  Result<std::int64_t> cluster(std::string_view name);
  /// Errors: those of Database; duplicate where an id or position is there already; invalid_utf8.
  Result<void> add(std::span<const Sample> samples);
  [[nodiscard]] std::uint64_t added() const { return added_; }
  /// Keeps with the samples how many they are and their digest.
  Result<void> commit();

 private:
  friend class RunStore;
  static Result<SampleWriter> begin(const Database& database, std::int64_t answers_a_sample);
  SampleWriter(const Database& database, Transaction transaction, Statement known, Statement cluster,
               Statement sample)
      : database_(&database),
        transaction_(std::move(transaction)),
        known_(std::move(known)),
        cluster_(std::move(cluster)),
        sample_(std::move(sample)) {}

  const Database* database_;
  Transaction transaction_;
  Statement known_;
  Statement cluster_;
  Statement sample_;
  std::int64_t clusters_ = 0;
  std::uint64_t added_ = 0;
};

}  // namespace holisafe::store
