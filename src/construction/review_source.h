// A build's pairs, and its images in dispute, for the review page.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "construction/work.h"
#include "review/source.h"

namespace holisafe::construction {

/// Lists:
/// - `pairs` (parameters `state`, ready unless asked otherwise, `type`, `subcategory`, `after`, `limit`,
/// `show`,
///   undecided or all): lines of pairs.jsonl, each with `checks`, what the checker said of its last
///   instruction
///   (`{"step", "by", …the fields of its reply}`). `left` counts those that nobody has decided.
/// - `images` (`state`, disputed or unlabelled, `after`, `limit`): lines of images.jsonl.
/// What is in quarantine, and what looks like it, is nowhere. Lives no longer than its Work.
class ReviewSource final : public review::Source {
 public:
  /// `reviewer`: who decides where a decision does not say.
  ReviewSource(Work& work, std::string reviewer) : work_(&work), reviewer_(std::move(reviewer)) {}

  review::Answer<review::Json> about() override;
  review::Answer<review::Json> rows(std::string_view list, const http::Query& parameters) override;
  /// Its file's bytes, as long as they are those that were imported.
  review::Answer<review::Picture> picture(std::int64_t id) override;
  review::Answer<review::Json> decide(std::string_view decision) override;

 private:
  review::Answer<review::Json> pairs(const http::Query& parameters);
  review::Answer<review::Json> images(const http::Query& parameters);
  Result<review::Json> pair_json(const PairRow& pair, const ImageRow& image);

  Work* work_;
  std::string reviewer_;
};

/// Takes all decisions of a file, JSON objects a line, or none of them; gives their number. Errors: those of
/// InputFile and Work; those of parse_decision() and DecisionBatch::add(), with `FILE: line N` and the
/// member; missing (no decision in it).
Result<std::size_t> apply_decisions(Work& work, const std::filesystem::path& file,
                                    const std::string& reviewer);

}  // namespace holisafe::construction
