#include "construction/import.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "construction/build_sources.h"
#include "construction/duplicates.h"
#include "construction/picture_reading.h"

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;

constexpr const char* import_scope = "build";
/// Under which the number of pictures stands that were compared with each other last.
constexpr const char* compared_key = "compared";
constexpr std::size_t pairs_a_page = 256;

std::string class_names(const std::vector<Vote>& votes) {
  std::string out;
  for (const Vote& vote : votes) {
    if (vote.by == source_vote) out += fmt::format("{}{}", out.empty() ? "" : ", ", vote.label);
  }
  return out.empty() ? "nothing" : out;
}

std::optional<Vote> vote_of(const NamedPicture& picture) {
  if (!picture.label) return std::nullopt;
  return Vote{std::string(source_vote), std::string(taxonomy::classes()[*picture.label].name)};
}

/// Takes the pictures of all sources into the database, without looking at them.
class Listing {
 public:
  Listing(Work& work, const ImportSettings& settings) : work_(work), settings_(settings) {}

  Result<void> run() {
    HOLISAFE_TRY(first_new_, work_.next_image_id());
    next_ = first_new_;
    listed_.assign(static_cast<std::size_t>(next_), false);
    for (const std::string& source : settings_.sources) HOLISAFE_CHECK(read(source));
    return flush();
  }

  [[nodiscard]] const std::vector<bool>& listed() const { return listed_; }
  [[nodiscard]] std::uint64_t others() const { return others_; }
  /// Whether pictures of an earlier build have a label now.
  [[nodiscard]] bool relabelled() const { return relabelled_; }

 private:
  Result<void> read(const std::string& source);
  Result<void> add(const std::string& source, const NamedPicture& picture);
  Result<void> add_again(ImageRow known, const NamedPicture& picture);
  Result<void> write(ImageRow row);
  Result<void> flush() {
    auto done = work_.write(waiting_);
    waiting_.clear();
    return done;
  }

  Work& work_;
  const ImportSettings& settings_;
  std::int64_t first_new_ = 0;  ///< ids from here on are of this listing
  std::int64_t next_ = 0;
  std::vector<bool> listed_;       ///< by id
  std::vector<ImageRow> waiting_;  ///< to be written
  std::uint64_t others_ = 0;
  bool relabelled_ = false;
};

Result<void> Listing::read(const std::string& source) {
  const OnPicture visit = [&](const NamedPicture& picture) { return add(source, picture); };
  std::error_code code;
  const auto status = fs::status(source, code);
  if (!fs::exists(status))
    return fail(ErrorKind::not_found, "cannot open source", source, "expected a folder or a table");
  if (!fs::is_directory(status)) return read_table(source, visit);
  if (holds_set(source)) return read_set(source, visit, {});
  HOLISAFE_TRY(const auto table, metadata_of(source));
  return table ? read_table(*table, visit) : read_tree(source, visit, others_);
}

Result<void> Listing::write(ImageRow row) {
  waiting_.push_back(std::move(row));
  return waiting_.size() < pairs_a_page ? Result<void>() : flush();
}

Result<void> Listing::add(const std::string& source, const NamedPicture& picture) {
  // A set has several rows about a picture, mostly side by side.
  const bool waits = std::any_of(waiting_.begin(), waiting_.end(), [&](const ImageRow& row) {
    return row.path == picture.path && row.source == source;
  });
  if (waits) HOLISAFE_CHECK(flush());
  HOLISAFE_TRY(auto known, work_.image_at(source, picture.path));
  if (known) return add_again(*std::move(known), picture);
  ImageRow row;
  row.id = next_++;
  row.source = source;
  row.path = picture.path;
  row.file = picture.file;
  row.state = ImageState::unlabelled;
  row.reason = "no label";
  if (const auto vote = vote_of(picture)) row.votes.push_back(*vote);
  row.subcategory = picture.subcategory;
  row.license = picture.license.empty() ? settings_.license : picture.license;
  row.origin = picture.origin;
  listed_.push_back(true);
  return write(std::move(row));
}

/// A picture of an earlier build of the same sources, or of another row of this one.
Result<void> Listing::add_again(ImageRow known, const NamedPicture& picture) {
  const bool is_new = known.id >= first_new_;
  const auto vote = vote_of(picture);
  const bool has_it = vote && std::find(known.votes.begin(), known.votes.end(), *vote) != known.votes.end();
  const bool may_have_it = is_new || (known.votes.empty() && known.state == ImageState::unlabelled);
  if (vote && !has_it && !may_have_it) {
    return fail(ErrorKind::mismatch, "build made from something else", picture.where,
                fmt::format("expected the label {} of {}, found {}", class_names(known.votes), picture.path,
                            vote->label));
  }
  const ImageRow before = known;
  if (vote && !has_it) known.votes.push_back(*vote);
  if (vote && !has_it && !is_new) relabelled_ = true;
  known.file = picture.file;
  // Of several rows about a picture the first counts that says something.
  const bool again = listed_[static_cast<std::size_t>(known.id)];
  if (!again || known.license == settings_.license)
    known.license = picture.license.empty() ? settings_.license : picture.license;
  if (!again || known.origin.empty()) known.origin = picture.origin;
  if (!again || !known.subcategory) known.subcategory = picture.subcategory;
  listed_[static_cast<std::size_t>(known.id)] = true;
  const bool same = known.votes == before.votes && known.subcategory == before.subcategory &&
                    known.file == before.file && known.license == before.license &&
                    known.origin == before.origin;
  return same ? Result<void>() : write(std::move(known));
}

/// Writes the pairs that data sets bring along and the build does not have yet.
class BroughtPairs {
 public:
  BroughtPairs(Work& work, const Warn& warn) : work_(work), warn_(warn) {}

  Result<void> read(const std::string& source) {
    std::error_code code;
    if (!fs::is_directory(source, code) || !holds_set(source)) return {};
    HOLISAFE_TRY(next_, work_.next_pair_id());
    left_out_ = 0;
    HOLISAFE_CHECK(read_set(
        source, [](const NamedPicture&) { return Result<void>(); },
        [&](const NamedPair& pair) { return add(source, pair); }));
    HOLISAFE_CHECK(flush());
    if (left_out_ > 0 && warn_) {
      warn_(fmt::format("pairs without a picture that is kept: {}: {} pairs stay out of the build", source,
                        left_out_));
    }
    return {};
  }

 private:
  /// The picture that stays of the one at a path; nothing where there is none that may have pairs.
  Result<std::optional<std::int64_t>> kept_picture(const std::string& source, const std::string& path) {
    if (path == last_path_ && source == last_source_) return last_;
    last_path_ = path;
    last_source_ = source;
    last_.reset();
    HOLISAFE_TRY(auto image, work_.image_at(source, path));
    // From a copy to the first with its pixels, and from there to its near-duplicate that stays.
    for (int hops = 0; image && image->duplicate_of >= 0 && hops < 2; ++hops) {
      HOLISAFE_TRY(image, work_.image(image->duplicate_of));
    }
    if (image && image->state == ImageState::kept) last_ = image->id;
    return last_;
  }

  Result<void> add(const std::string& source, const NamedPair& pair) {
    HOLISAFE_TRY(const bool known, work_.has_place(pair.place));
    if (known) return {};
    HOLISAFE_TRY(const auto image, kept_picture(source, pair.path));
    if (!image) {
      ++left_out_;
      return {};
    }
    PairRow row;
    row.id = next_++;
    row.image_id = *image;
    row.type = pair.type;
    row.subcategory = pair.subcategory;
    row.instruction = pair.instruction;
    row.response = pair.response;
    row.brought = true;
    row.place = pair.place;
    waiting_.push_back(std::move(row));
    return waiting_.size() < pairs_a_page ? Result<void>() : flush();
  }

  Result<void> flush() {
    auto done = work_.write(waiting_);
    waiting_.clear();
    return done;
  }

  Work& work_;
  const Warn& warn_;
  std::vector<PairRow> waiting_;
  std::int64_t next_ = 0;
  std::uint64_t left_out_ = 0;
  std::string last_source_;
  std::string last_path_;
  std::optional<std::int64_t> last_;
};

store::Identity identity_of(const ImportSettings& settings) {
  nlohmann::json sources = nlohmann::json::array();
  for (const std::string& source : settings.sources) sources.push_back(as_utf8(source));
  store::Identity out{{"sources", sources.dump()},
                      {"near-duplicates", settings.drop_near_duplicates ? "drop" : "keep"}};
  out.insert(out.end(), settings.identity.begin(), settings.identity.end());
  return out;
}

Result<void> check_sources(const std::vector<std::string>& sources) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (std::find(sources.begin(), sources.begin() + static_cast<std::ptrdiff_t>(i), sources[i]) !=
        sources.begin() + static_cast<std::ptrdiff_t>(i))
      return fail(ErrorKind::duplicate, "source named twice", sources[i], "expected each source once");
  }
  return {};
}

/// Compares all pictures, if anything changed since that was done last.
Result<void> compare(Work& work, const ImportSettings& settings, bool changed, Progress* progress,
                     const StopFlag& stop) {
  HOLISAFE_TRY(const auto compared, work.value(compared_key));
  HOLISAFE_TRY(const std::int64_t images, work.image_count());
  const std::string now = fmt::format_int(images).str();
  if (!changed && compared == now) return {};
  HOLISAFE_CHECK(work.remove_value(compared_key));
  HOLISAFE_CHECK(settle_copies(work, {settings.drop_near_duplicates, progress, &stop}));
  HOLISAFE_CHECK(work.put_value(compared_key, now));
  if (!settings.warn) return {};
  ImageFilter disputed;
  disputed.state = ImageState::disputed;
  return work.for_each_image(disputed, [&](const ImageRow& image) -> Result<void> {
    settings.warn(fmt::format("disputed: {}: {}: {}", image.source, image.path, image.reason));
    return {};
  });
}

}  // namespace

Result<ImportCounts> import_sources(Work& work, const ImportSettings& settings, Progress* progress,
                                    const StopFlag& stop) {
  HOLISAFE_CHECK(check_sources(settings.sources));
  const store::Identity identity = identity_of(settings);
  HOLISAFE_CHECK(work.check_same(import_scope, identity));
  Listing listing(work, settings);
  const auto list = [&]() -> Result<void> {
    HOLISAFE_CHECK(listing.run());
    return work.require_same(import_scope, identity);
  };
  HOLISAFE_CHECK(work.together(list));
  HOLISAFE_TRY(const std::uint64_t decoded,
               read_pictures(work, listing.listed(), settings.warn, progress, stop));
  HOLISAFE_CHECK(compare(work, settings, decoded > 0 || listing.relabelled(), progress, stop));
  BroughtPairs brought(work, settings.warn);
  const auto bring = [&]() -> Result<void> {
    for (const std::string& source : settings.sources) HOLISAFE_CHECK(brought.read(source));
    return {};
  };
  HOLISAFE_CHECK(work.together(bring));
  HOLISAFE_TRY(const std::int64_t found, work.image_count());
  return ImportCounts{static_cast<std::uint64_t>(found), listing.others()};
}

}  // namespace holisafe::construction
