// For tests: questions "row 0", "row 1", … in memory. Row 13's image cannot be read.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "ask/ask.h"

namespace holisafe::ask {

class MemoryLedger : public Ledger {
 public:
  explicit MemoryLedger(chat::Key rows) : rows_(rows) {}

  static chat::Question question(chat::Key key) {
    const chat::Image image{"image", std::make_shared<const std::string>("GIF89a bytes")};
    return chat::question_of({image, fmt::format("row {}", key)}, {});
  }

  Result<std::vector<Pending>> pending_after(chat::Key key, std::size_t most) override {
    std::vector<Pending> out;
    for (chat::Key i = key + 1; i < rows_ && out.size() < most; ++i) {
      const auto place = found.find(i);
      if (place != found.end() && place->second) continue;
      out.emplace_back(
          i, i == 13 ? fail(ErrorKind::not_found, "no image") : Result<chat::Question>(question(i)));
    }
    return out;
  }
  Result<std::size_t> record(std::span<const Ended> ended) override {
    std::size_t settled = 0;
    for (const auto& [key, reply] : ended) {
      const auto [place, added] = found.try_emplace(key, reply);
      if (!added && !place->second) place->second = reply;
      settled += reply ? 1 : 0;
    }
    return settled;
  }
  Result<std::vector<OpenBatch>> open_batches() override { return batches; }
  Result<void> add_batch(const OpenBatch& batch) override {
    batches.push_back(batch);
    ++batches_added;
    return {};
  }
  Result<void> forget_batch(const std::string& id) override {
    std::erase_if(batches, [&](const OpenBatch& batch) { return batch.id == id; });
    return {};
  }
  [[nodiscard]] std::size_t unsettled() const {
    return static_cast<std::size_t>(
        std::count_if(found.begin(), found.end(), [](const auto& entry) { return !entry.second; }));
  }

  std::map<chat::Key, Result<chat::Reply>> found;
  std::vector<OpenBatch> batches;
  std::atomic<int> batches_added = 0;  ///< read while an asking runs

 private:
  chat::Key rows_;
};

}  // namespace holisafe::ask
