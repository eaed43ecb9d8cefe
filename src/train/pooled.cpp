#include "train/pooled.h"

#include <algorithm>
#include <map>
#include <utility>

#include "train/joint_loss.h"

namespace holisafe::train {
namespace {

/// Samples that stand for each distinct list of images.
std::vector<std::int64_t> number_rows(const SampleSet& set, std::vector<std::int64_t>& rows) {
  std::map<std::vector<std::size_t>, std::int64_t> known;
  std::vector<std::int64_t> first;
  for (std::size_t i = 0; i < set.samples.size(); ++i) {
    const Sample& sample = set.samples[i];
    rows.push_back(-1);
    if (sample.label == no_label || sample.images.empty()) continue;
    const auto [place, is_new] = known.try_emplace(sample.images, static_cast<std::int64_t>(first.size()));
    if (is_new) first.push_back(static_cast<std::int64_t>(i));
    rows.back() = place->second;
  }
  return first;
}

}  // namespace

Result<Pooled> pool_samples(const PoolingRequest& request, ProcessGroup& group, Progress* progress,
                            const StopFlag& stop) {
  Pooled out;
  const auto first = number_rows(request.set, out.rows);
  const auto count = static_cast<std::int64_t>(first.size());
  if (count == 0)
    return fail(ErrorKind::missing, "cannot train a guard", "image_safety_label", "no labelled image");
  out.vectors = torch::zeros({count, request.model.info().hidden_size});

  MicroBatchesAhead ahead(
      [&](std::vector<std::int64_t> samples) { return request.collator.make_verdict(std::move(samples)); },
      reading_threads());
  const std::int64_t stride = request.batch_size * group.rank().world_size;
  std::int64_t asked = request.batch_size * group.rank().rank;
  for (std::int64_t begin = asked; begin < count; begin += stride) {
    for (; asked < count && ahead.waiting() < 8; asked += stride) {
      const auto end = std::min(count, asked + request.batch_size);
      ahead.push({first.begin() + asked, first.begin() + end});
    }
    if (stop.requested()) return fail(ErrorKind::interrupted, "stopped while pooling images");
    HOLISAFE_TRY(const MicroBatch batch, *ahead.next());
    const auto vectors = pooled_vectors(request.model, request.pooling, batch);
    out.vectors.narrow(0, begin, vectors.size(0)).copy_(vectors);
    if (progress != nullptr)
      progress->update(static_cast<std::uint64_t>(begin + vectors.size(0)), static_cast<std::uint64_t>(count),
                       "images pooled");
  }
  HOLISAFE_CHECK(group.all_reduce(out.vectors));
  out.vectors = out.vectors.to(request.model.device());
  return out;
}

}  // namespace holisafe::train
