#include "construction/review_source.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/input_file.h"
#include "base/text.h"
#include "construction/decision_batch.h"
#include "construction/decisions.h"
#include "construction/files.h"
#include "image/image.h"

namespace holisafe::construction {
namespace {

using review::Answer;
using review::Json;
using review::unknown;
using review::unusable;

constexpr std::size_t usual_rows = 50;
constexpr std::size_t most_rows = 1000;
constexpr std::uint64_t most_decision_bytes = std::uint64_t{1} << 30;

/// States whose pairs a page can list, and of images those that a person settles.
constexpr std::array pair_lists{PairState::ready,    PairState::mismatch, PairState::leaks,
                                PairState::filtered, PairState::declined, PairState::failed,
                                PairState::planned};
constexpr std::array image_lists{ImageState::disputed, ImageState::unlabelled};

/// A list's parameters, each taken out once.
class ListParameters {
 public:
  explicit ListParameters(const http::Query& query) : query_(query) {}

  /// Empty where it is left out, or empty.
  std::string_view take(std::string_view name) {
    known_.push_back(name);
    const auto found =
        std::find_if(query_.begin(), query_.end(), [&](const auto& each) { return each.first == name; });
    return found == query_.end() ? std::string_view() : std::string_view(found->second);
  }

  /// What `parse` makes of it; `otherwise` where it is left out. Faults: unusable.
  template <class Parse>
  auto value(std::string_view name, std::string_view expected, Parse parse)
      -> Answer<decltype(parse(std::string_view()))> {
    const std::string_view text = take(name);
    if (text.empty()) return decltype(parse(text))();
    const auto out = parse(text);
    if (out) return out;
    return unusable(ErrorKind::out_of_range, std::string(name),
                    fmt::format("expected {}, found \"{}\"", expected, excerpt(text, 60)));
  }

  /// Faults: unusable (a parameter that is none).
  [[nodiscard]] Answer<void> nothing_else() const {
    for (const auto& [name, value] : query_) {
      if (std::find(known_.begin(), known_.end(), name) == known_.end())
        return unusable(ErrorKind::unexpected, excerpt(name, 60),
                        fmt::format("expected only {}", fmt::join(known_, ", ")));
    }
    return {};
  }

 private:
  const http::Query& query_;
  std::vector<std::string_view> known_;
};

template <class Number>
std::optional<Number> number_within(std::string_view text, Number least, Number most) {
  Number out = 0;
  const auto [read, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (fault != std::errc() || read != text.data() + text.size() || out < least || out > most)
    return std::nullopt;
  return out;
}

/// Which rows, of what kind ever.
template <class Filter>
Answer<void> read_page(ListParameters& parameters, Filter& filter) {
  constexpr auto largest = std::numeric_limits<std::int64_t>::max();
  HOLISAFE_TRY(const auto after, parameters.value("after", "an id", [](std::string_view text) {
    return number_within<std::int64_t>(text, -1, largest);
  }));
  HOLISAFE_TRY(const auto limit, parameters.value("limit", fmt::format("a number from 1 to {}", most_rows),
                                                  [](std::string_view text) {
                                                    return number_within<std::size_t>(text, 1, most_rows);
                                                  }));
  filter.after = after.value_or(-1);
  filter.limit = limit.value_or(usual_rows);
  return {};
}

template <class Lists>
std::string listed_names(const Lists& states) {
  std::vector<std::string_view> out;
  for (const auto state : states) out.push_back(name(state));
  return fmt::format("one of {}", fmt::join(out, ", "));
}

Answer<PairFilter> pairs_asked_for(const http::Query& query) {
  ListParameters parameters(query);
  PairFilter out;
  HOLISAFE_TRY(const auto state, parameters.value("state", listed_names(pair_lists), parse_pair_state));
  out.state = state.value_or(PairState::ready);
  HOLISAFE_TRY(out.type, parameters.value("type", "a combination such as SSU", taxonomy::parse_combination));
  HOLISAFE_TRY(out.subcategory,
               parameters.value("subcategory", "the name of a class but safe", [](std::string_view text) {
                 const auto found = taxonomy::parse_class(text);
                 return found && *found > 0 ? found : std::nullopt;
               }));
  HOLISAFE_CHECK(read_page(parameters, out));
  HOLISAFE_TRY(const auto undecided, parameters.value("show", "undecided or all", [](std::string_view text) {
    const bool known = text == "undecided" || text == "all";
    return known ? std::optional(text == "undecided") : std::nullopt;
  }));
  out.undecided = undecided.value_or(true);
  HOLISAFE_CHECK(parameters.nothing_else());
  return out;
}

Answer<ImageFilter> images_asked_for(const http::Query& query) {
  ListParameters parameters(query);
  ImageFilter out;
  HOLISAFE_TRY(const auto state,
               parameters.value("state", listed_names(image_lists), [](std::string_view text) {
                 const auto found = parse_image_state(text);
                 const bool listed =
                     found && std::find(image_lists.begin(), image_lists.end(), *found) != image_lists.end();
                 return listed ? found : std::nullopt;
               }));
  out.state = state.value_or(ImageState::disputed);
  HOLISAFE_CHECK(read_page(parameters, out));
  HOLISAFE_CHECK(parameters.nothing_else());
  return out;
}

/// What the checker said of the last instruction that was written.
Json checks_shown(const std::vector<KeptReply>& replies) {
  auto out = Json::array();
  for (const KeptReply& reply : replies) {
    if (reply.step == Step::write) out.clear();
    if (reply.kind != KeptReply::Kind::sound || (reply.step != Step::check && reply.step != Step::text_check))
      continue;
    Json check{{"step", name(reply.step)}, {"by", reply.by}};
    const auto said = Json::parse(reply.object, nullptr, false);
    if (said.is_object()) check.update(said);
    out.push_back(std::move(check));
  }
  return out;
}

/// Undecided pairs that a filter lets through, whichever page: less those of pictures that are not shown,
/// which are few.
Result<std::int64_t> undecided_count(const Work& work, PairFilter filter) {
  filter.undecided = true;
  filter.after = -1;
  HOLISAFE_TRY(std::int64_t out, work.pair_count(filter));
  std::set<std::int64_t> hidden;
  ImageFilter quarantined;
  quarantined.state = ImageState::quarantined;
  HOLISAFE_CHECK(work.for_each_image(quarantined, [&](const ImageRow& image) -> Result<void> {
    hidden.insert(image.id);
    if (image.cluster < 0) return {};
    ImageFilter same;
    same.cluster = image.cluster;
    return work.for_each_image(same, [&](const ImageRow& each) -> Result<void> {
      hidden.insert(each.id);
      return {};
    });
  }));
  for (const std::int64_t id : hidden) {
    filter.image = id;
    HOLISAFE_TRY(const std::int64_t pairs, work.pair_count(filter));
    out -= pairs;
  }
  return out;
}

Json classes_shown() {
  auto out = Json::array();
  for (const auto& each : taxonomy::classes())
    out.push_back({{"name", each.name}, {"category", each.category}});
  return out;
}

Json combinations_shown() {
  auto out = Json::array();
  for (std::size_t i = 0; i < taxonomy::combination_count; ++i)
    out.push_back(taxonomy::name(static_cast<taxonomy::Combination>(i)));
  return out;
}

}  // namespace

Answer<Json> ReviewSource::about() {
  auto of_pairs = Json::array();
  for (const PairState state : pair_lists) {
    PairFilter filter;
    filter.state = state;
    HOLISAFE_TRY(const auto left, undecided_count(*work_, filter));
    of_pairs.push_back({{"state", name(state)}, {"left", left}});
  }
  auto of_images = Json::array();
  HOLISAFE_TRY(const auto counts, work_->image_states());
  for (const ImageState state : image_lists)
    of_images.push_back({{"state", name(state)}, {"left", counts[static_cast<std::size_t>(state)]}});
  std::error_code code;
  const auto folder = std::filesystem::weakly_canonical(work_->folder(), code);
  return Json{{"title", (code ? work_->folder() : folder).filename().string()},
              {"reviewer", reviewer_},
              {"lists", {{"pairs", std::move(of_pairs)}, {"images", std::move(of_images)}}},
              {"types", combinations_shown()},
              {"classes", classes_shown()}};
}

Answer<Json> ReviewSource::rows(std::string_view list, const http::Query& parameters) {
  if (list == "pairs") return pairs(parameters);
  if (list == "images") return images(parameters);
  return unknown("no such list", one_line(list));
}

Result<Json> ReviewSource::pair_json(const PairRow& pair, const ImageRow& image) {
  HOLISAFE_TRY(const auto replies, work_->replies_of_pair(pair.id));
  Json out = to_json(pair, image);
  out["checks"] = checks_shown(replies);
  return out;
}

Answer<Json> ReviewSource::pairs(const http::Query& parameters) {
  HOLISAFE_TRY(PairFilter filter, pairs_asked_for(parameters));
  HOLISAFE_TRY(const auto left, undecided_count(*work_, filter));
  auto out = Json::array();
  // Pairs of pictures that are not shown are passed over: a page is full as long as there are others.
  while (out.size() < filter.limit) {
    HOLISAFE_TRY(const auto page, work_->pairs_with_images(filter));
    for (const auto& [pair, image] : page) {
      if (out.size() == filter.limit) break;
      HOLISAFE_TRY(const bool shown, is_shown(*work_, image));
      if (!shown) continue;
      HOLISAFE_TRY(auto row, pair_json(pair, image));
      out.push_back(std::move(row));
    }
    if (page.size() < filter.limit) break;
    filter.after = page.back().pair.id;
  }
  return Json{{"left", left}, {"pairs", std::move(out)}};
}

Answer<Json> ReviewSource::images(const http::Query& parameters) {
  HOLISAFE_TRY(const ImageFilter filter, images_asked_for(parameters));
  HOLISAFE_TRY(const auto counts, work_->image_states());
  std::vector<ImageRow> found;
  HOLISAFE_CHECK(work_->for_each_image(filter, [&](const ImageRow& image) -> Result<void> {
    found.push_back(image);
    return {};
  }));
  auto out = Json::array();
  for (const ImageRow& image : found) {
    HOLISAFE_TRY(const bool shown, is_shown(*work_, image));
    if (shown) out.push_back(to_json(image));
  }
  return Json{{"left", counts[static_cast<std::size_t>(*filter.state)]}, {"images", std::move(out)}};
}

Answer<review::Picture> ReviewSource::picture(std::int64_t id) {
  const std::string where = fmt::format("id {}", id);
  HOLISAFE_TRY(const auto image, work_->image(id));
  if (!image) return unknown("no such picture", where);
  HOLISAFE_TRY(const bool shown, is_shown(*work_, *image));
  if (!shown) return unknown("no such picture", where);
  auto bytes = read_file(image->file, image::Limits{}.file_bytes);
  if (!bytes) return unknown("the picture's file cannot be read", one_line(image->path));
  const auto format = image::detect(std::as_bytes(std::span(*bytes)));
  if (!format || hex(sha256(*bytes)) != image->sha256)
    return unknown("the picture's file is another one than was imported", one_line(image->path));
  return review::Picture{*std::move(bytes), std::string(image::mime_type(*format))};
}

Answer<Json> ReviewSource::decide(std::string_view text) {
  const auto decision = parse_decision(text, reviewer_);
  if (!decision)
    return tl::unexpected<review::Fault>(review::Fault(review::Fault::Kind::unusable, decision.error()));
  DecisionBatch batch(*work_);
  HOLISAFE_CHECK(batch.add(*decision));
  HOLISAFE_CHECK(batch.write());
  if (decision->pair_id < 0) return to_json(batch.image(decision->image_id));
  const PairRow& pair = batch.pair(decision->pair_id);
  HOLISAFE_TRY(const auto image, work_->image(pair.image_id));
  if (!image) return unknown("no such picture", fmt::format("id {}", pair.image_id));
  HOLISAFE_TRY(auto out, pair_json(pair, *image));
  return out;
}

namespace {

/// What is wrong with a line, where it stands.
tl::unexpected<Error> bad_decision_line(const std::filesystem::path& file, std::size_t line, Error error) {
  const std::string at = fmt::format("{}: line {}", file.string(), line);
  return fail(error.kind, "invalid decision",
              error.where.empty() ? at : fmt::format("{}: {}", at, error.where),
              error.detail.empty() ? error.what : std::move(error.detail));
}

}  // namespace

Result<std::size_t> apply_decisions(Work& work, const std::filesystem::path& file,
                                    const std::string& reviewer) {
  HOLISAFE_TRY(const InputFile input, InputFile::open(file, most_decision_bytes));
  std::string bytes;
  HOLISAFE_CHECK(input.read_all(bytes, most_decision_bytes));
  std::string_view rest = bytes;
  if (rest.starts_with(byte_order_mark)) rest.remove_prefix(byte_order_mark.size());
  DecisionBatch batch(work);
  std::size_t taken = 0;
  for (std::size_t line = 1; !rest.empty(); ++line) {
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), text.size() + 1));
    if (strip(text).empty()) continue;
    auto decision = parse_decision(text, reviewer);
    if (!decision) return bad_decision_line(file, line, std::move(decision).error());
    if (auto added = batch.add(*decision); !added) {
      if (added.error().kind == review::Fault::Kind::failed) return fail(std::move(added).error().error);
      return bad_decision_line(file, line, std::move(added).error().error);
    }
    ++taken;
  }
  if (taken == 0) return fail(ErrorKind::missing, "no decisions", file.string(), "expected some, found none");
  HOLISAFE_CHECK(batch.write());
  return taken;
}

}  // namespace holisafe::construction
