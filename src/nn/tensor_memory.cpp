#include "nn/tensor_memory.h"

#include <cstdint>
#include <list>
#include <mutex>
#include <new>
#include <optional>
#include <unordered_map>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

namespace holisafe::nn {
namespace {

constexpr std::size_t block_step = std::size_t{64} << 10;

/// Blocks of whole steps: those in use by their address, those that are kept in the order of their freeing.
class Blocks {
 public:
  void* take(std::size_t bytes) {
    const std::size_t size = (bytes + block_step - 1) / block_step * block_step;
    const std::lock_guard lock(mutex_);
    const std::optional<Block> found = take_kept(size);
    const Block block = found ? *found : Block{map(size), size};
    sizes_.emplace(block.address, block.size);
    return block.address;
  }

  /// False for an address that is no block's.
  bool give_back(void* address) {
    const std::lock_guard lock(mutex_);
    const auto found = sizes_.find(address);
    if (found == sizes_.end()) return false;
    kept_.push_back({address, found->second});
    kept_bytes_ += found->second;
    sizes_.erase(found);
    while (kept_bytes_ > kept_tensor_bytes) unmap_oldest();
    return true;
  }

  std::size_t kept_bytes() {
    const std::lock_guard lock(mutex_);
    return kept_bytes_;
  }

 private:
  struct Block {
    void* address;
    std::size_t size;
  };

  /// The smallest that holds `size` and is at most an eighth larger; of equals the one freed last, which
  /// caches may hold.
  std::optional<Block> take_kept(std::size_t size) {
    auto best = kept_.end();
    for (auto block = kept_.begin(); block != kept_.end(); ++block) {
      const bool fits = block->size >= size && block->size - size <= size / 8;
      if (fits && (best == kept_.end() || block->size <= best->size)) best = block;
    }
    if (best == kept_.end()) return std::nullopt;
    const Block out = *best;
    kept_bytes_ -= out.size;
    kept_.erase(best);
    return out;
  }

  static void* map(std::size_t size) {
    void* const address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) throw std::bad_alloc();
    static_cast<void>(::madvise(address, size, MADV_HUGEPAGE));
    return address;
  }

  void unmap_oldest() {
    static_cast<void>(::munmap(kept_.front().address, kept_.front().size));
    kept_bytes_ -= kept_.front().size;
    kept_.pop_front();
  }

  std::mutex mutex_;
  std::unordered_map<void*, std::size_t> sizes_;
  std::list<Block> kept_;
  std::size_t kept_bytes_ = 0;
};

/// Lives as long as the process: tensors may be freed after everything else.
Blocks& blocks() {
  static auto* const all = new Blocks;
  return *all;
}

/// LibTorch's own allocator, for what is small.
c10::Allocator* small_memory = nullptr;

/// Of blocks and of what is small: LibTorch wants one function for all. Only a page's beginning can be a
/// block's.
void give_back(void* address) {
  const bool begins_a_page = reinterpret_cast<std::uintptr_t>(address) % 4096 == 0;
  if (address != nullptr && begins_a_page && blocks().give_back(address)) return;
  small_memory->raw_deleter()(address);
}

class TensorMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    const bool large = bytes >= large_tensor_bytes && bytes <= SIZE_MAX / 2;
    void* const address = large ? blocks().take(bytes) : small_memory->raw_allocate(bytes);
    return {address, address, &give_back, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

}  // namespace

void reuse_tensor_memory() {
  static auto* const memory = new TensorMemory;
  small_memory = c10::GetDefaultCPUAllocator();
  c10::SetCPUAllocator(memory, /*priority=*/1);
}

std::size_t kept_tensor_memory() { return blocks().kept_bytes(); }

}  // namespace holisafe::nn
