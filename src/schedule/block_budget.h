// Memory for keys and values, counted in blocks of a fixed number of positions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace holisafe::schedule {

/// Positions of a block.
inline constexpr std::int64_t block_positions = 32;

/// Blocks that hold the positions of all `stages` and `more` behind them. Nothing: one is negative, or the
/// sum does not fit.
std::optional<std::uint64_t> blocks_for(std::span<const std::int64_t> stages, std::int64_t more = 0);

/// Whole blocks in so many bytes.
std::uint64_t blocks_in(std::uint64_t bytes, std::uint64_t bytes_per_position);

/// Bytes of so many blocks; the largest number where there is none.
std::uint64_t bytes_of(std::uint64_t blocks, std::uint64_t bytes_per_position);

/// How many of a fixed number of blocks are taken. For one thread.
class BlockBudget {
 public:
  explicit BlockBudget(std::uint64_t total) : total_(total) {}

  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::uint64_t used() const { return used_; }
  [[nodiscard]] std::uint64_t free() const { return total_ - used_; }
  /// The most that were ever used.
  [[nodiscard]] std::uint64_t peak() const { return peak_; }

  /// Takes so many; false, and none taken, where fewer are free.
  [[nodiscard]] bool reserve(std::uint64_t blocks);
  /// Gives back blocks that were reserved (never more than are used).
  void release(std::uint64_t blocks);

 private:
  std::uint64_t total_;
  std::uint64_t used_ = 0;
  std::uint64_t peak_ = 0;
};

}  // namespace holisafe::schedule
