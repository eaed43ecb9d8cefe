#include "runs/judge_run.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "image/image.h"
#include "runs/sample_type.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::runs {
namespace {

constexpr std::size_t page_rows = 64;

/// With the name's length, for names may hold anything and none must be the beginning of another's key.
std::string batch_prefix(const std::string& judge) {
  return fmt::format("batch/{}:{}/", judge.size(), judge);
}

std::string fill(const judge::PromptTemplate& prompt, const store::Row& row) {
  const auto& subcategory = taxonomy::classes()[subcategory_of(row.sample)];
  return prompt.fill(
      {row.sample.query, row.answer->text, type_of(row.sample), subcategory.category, subcategory.name});
}

Result<std::vector<judge::OpenBatch>> batches_in(const store::RunStore& store, const std::string& judge) {
  const std::string prefix = batch_prefix(judge);
  HOLISAFE_TRY(const auto values, store.values(prefix));
  std::vector<judge::OpenBatch> out;
  for (const auto& [key, value] : values) {
    const auto rows = nlohmann::json::parse(value, nullptr, false);
    const bool numbers = rows.is_array() && std::all_of(rows.begin(), rows.end(), [](const auto& row) {
                           return row.is_number_integer();
                         });
    if (!numbers) {
      return fail(ErrorKind::malformed, "damaged run store", store.folder().string(),
                  "expected a list of rows in " + key + ", found something else");
    }
    out.push_back({key.substr(prefix.size()), rows.template get<std::vector<std::int64_t>>()});
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<StoreLedger>> StoreLedger::open(store::RunStore& store, const std::string& judge,
                                                       judge::PromptTemplate prompt) {
  HOLISAFE_TRY(const auto images, store.value("images"));
  if (!images) {
    return fail(ErrorKind::missing, "run without its images folder", store.folder().string(),
                "expected the folder in run.db, found none");
  }
  HOLISAFE_CHECK(store.require_same(judge, {{"prompt", hex(sha256(prompt.text()))}}));
  return std::unique_ptr<StoreLedger>(new StoreLedger(store, judge, std::move(prompt), *images));
}

Result<std::vector<judge::PendingRow>> StoreLedger::pending_after(std::int64_t row, std::size_t most) {
  HOLISAFE_TRY(auto rows, store_.unjudged_after(judge_, {row, 0}, most));
  std::vector<judge::PendingRow> out;
  for (store::Row& each : rows) {
    const std::int64_t position = each.sample.position;
    out.push_back({position, [this, each = std::move(each)] { return question(each); }});
  }
  return out;
}

std::string StoreLedger::prompt_for(const store::Row& row) const { return fill(prompt_, row); }

Result<judge::Question> StoreLedger::question(const store::Row& row) const {
  constexpr std::uint64_t most_bytes = std::uint64_t{64} << 20;
  judge::Question out;
  HOLISAFE_TRY(const auto path, resolve_beneath(images_, row.sample.images().front()));
  HOLISAFE_TRY(out.image, read_file(path, most_bytes));
  const auto format = image::detect(std::as_bytes(std::span(out.image)));
  if (!format) return fail(format.error().kind, "cannot send image", path.string(), format.error().detail);
  out.mime_type = image::mime_type(*format);
  out.text = prompt_for(row);
  return out;
}

Result<void> StoreLedger::record(std::span<const judge::RowVerdict> verdicts) {
  store::RunStore::Judgements out;
  for (const auto& [row, judged] : verdicts)
    out.push_back({{row, 0}, {std::string(judge::name(judged.verdict)), judged.text, judged.reason}});
  return store_.write(judge_, out);
}

std::string StoreLedger::batch_key(const std::string& id) const { return batch_prefix(judge_) + id; }

Result<std::vector<judge::OpenBatch>> StoreLedger::open_batches() { return batches_in(store_, judge_); }

Result<void> StoreLedger::add_batch(const judge::OpenBatch& batch) {
  return store_.put_value(batch_key(batch.id), nlohmann::json(batch.rows).dump());
}

Result<void> StoreLedger::forget_batch(const std::string& id) { return store_.remove_value(batch_key(id)); }

Result<JudgingCost> judging_cost(store::RunStore& store, const std::string& judge,
                                 const judge::PromptTemplate& prompt, std::uint64_t tokens_per_image) {
  constexpr std::size_t bytes_per_token = 4;
  HOLISAFE_TRY(const auto batches, batches_in(store, judge));
  std::unordered_set<std::int64_t> under_way;
  for (const auto& batch : batches) under_way.insert(batch.rows.begin(), batch.rows.end());
  JudgingCost out;
  std::int64_t last = -1;
  while (true) {
    HOLISAFE_TRY(const auto page, store.unjudged_after(judge, {last, 0}, page_rows));
    if (page.empty()) break;
    for (const store::Row& row : page) {
      last = row.sample.position;
      if (under_way.contains(last)) {
        ++out.under_way;
        continue;
      }
      ++out.calls;
      out.text_tokens += (fill(prompt, row).size() + bytes_per_token - 1) / bytes_per_token;
    }
  }
  out.image_tokens = out.calls * tokens_per_image;
  out.most_output_tokens = out.calls * judge::max_answer_tokens;
  return out;
}

}  // namespace holisafe::runs
