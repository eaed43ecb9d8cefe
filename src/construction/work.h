// The folder of a build, WORK: what was imported, planned, asked, decided. All of it is in WORK/build.db
// (SQLite); the files beside it are written from it.
//
//   HOLISAFE_TRY(Work work, Work::open("work", store::Access::write));
//   HOLISAFE_CHECK(work.for_each_pair({}, [&](const PairRow& pair) { … }));
//   HOLISAFE_CHECK(work.keep(replies, pairs));     // on disk when it returns
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ask/ask.h"
#include "base/faults.h"
#include "base/result.h"
#include "store/database.h"
#include "store/folder_lock.h"
#include "store/remembered.h"
#include "taxonomy/taxonomy.h"
#include "verdicts/guard_store.h"

namespace holisafe::construction {

/// What became of an image. Names as in images.jsonl.
enum class ImageState {
  kept,
  undecodable,
  too_small,
  duplicate,
  near_duplicate,
  unlabelled,
  disputed,
  quarantined,
};
std::string_view name(ImageState state);
std::optional<ImageState> parse_image_state(std::string_view text);

/// What became of a pair. Names as in pairs.jsonl.
enum class PairState {
  planned,  ///< not asked to its end yet
  ready,
  declined,  ///< by every writer
  mismatch,  ///< the checker's letters were others to the last
  leaks,     ///< the text says what the picture shows, or is harmful where it must not be, or the reverse
  filtered,  ///< PairRow::filter says by which
  failed,    ///< no sound reply after all tries; asked again by the same command
};
std::string_view name(PairState state);
std::optional<PairState> parse_pair_state(std::string_view text);

enum class Side { none, train, bench };
std::string_view name(Side side);  ///< "" for none
std::optional<Side> parse_side(std::string_view text);

/// What a labeller, or a person, said of an image: a class's name, or "quarantine".
struct Vote {
  std::string by;  ///< PROVIDER:MODEL, "guard:NAME", a reviewer's name, or source_vote
  std::string label;
  bool operator==(const Vote&) const = default;
};

/// By whom a vote is that came with the image.
inline constexpr std::string_view source_vote = "source";

struct ImageRow {
  std::int64_t id = -1;  ///< 0, 1, 2 … in the order of import
  std::string source;    ///< as typed
  std::string path;      ///< in its source
  std::string file;      ///< where it can be opened, from any working directory; in no file that is written
  /// Of the file when it was decoded; nothing: not looked at yet. In no file that is written, as `pixels`.
  std::optional<verdicts::FileStamp> stamp;
  std::string sha256;  ///< of its bytes, 64 hex digits; empty where it could not be read
  std::string pixels;  ///< of what it decodes to: equal where all pixels are; empty of what does not decode
  int width = 0;       ///< of the upright picture; 0 of what does not decode
  int height = 0;
  std::string pdq;  ///< 64 hex digits; empty of what does not decode, or is too small
  int pdq_quality = 0;
  std::int64_t cluster = -1;  ///< the smallest id of its cluster; -1 of what has no hash
  ImageState state = ImageState::kept;
  std::int64_t duplicate_of = -1;  ///< id; -1: none
  std::string reason;              ///< of every state but kept
  std::optional<std::size_t> label;
  std::vector<Vote> votes;
  std::optional<std::size_t> subcategory;  ///< of the pairs of a safe image, 1 to 19; nothing: in turn
  std::string license;                     ///< empty: unknown
  std::string origin;
  Side side = Side::none;
};

/// What a person decided about a pair last.
struct Review {
  std::string decision;  ///< "accept", "edit", "reject"
  std::string reviewer;
  std::string before_instruction;  ///< of an edit: what stood there
  std::string before_response;
};

struct PairRow {
  std::int64_t id = -1;  ///< 0, 1, 2 … in the order of planning
  std::int64_t image_id = -1;
  taxonomy::Combination type = taxonomy::Combination::SSS;
  std::size_t subcategory = 1;  ///< class, 1 to 19; 0 of a brought SSS pair whose set names no harm
  std::string instruction;      ///< the last one written; after an edit the edited one
  std::string response;
  PairState state = PairState::planned;
  std::string filter;  ///< of filtered: "response", "length", "language", "duplicate"
  std::string reason;  ///< of every state but ready
  std::string writer;  ///< PROVIDER:MODEL of whoever wrote the instruction; empty: nobody yet, or the source
  std::string checker;
  unsigned rewrites = 0;
  std::string
      prompt_sha256;     ///< of the prompt that the instruction came from; empty where the source wrote it
  bool brought = false;  ///< came with its source as written: checked, never rewritten
  std::string place;     ///< of a brought one: where it stands in its source; in no file that is written
  std::optional<Review> review;
};

/// An image and one of its pairs, for whoever needs both.
struct PairWithImage {
  PairRow pair;
  ImageRow image;
};

/// What is asked. Names as in "calls" of the summary; text_check counts as "check" there.
enum class Step { label, write, check, text_check, answer };
std::string_view name(Step step);
std::optional<Step> parse_step(std::string_view text);

/// A reply that was kept. Together, in their order, those of a pair say what it is asked next.
struct KeptReply {
  std::int64_t subject = -1;  ///< id of a pair; of an image where the step is label
  Step step = Step::write;
  std::int64_t number = 0;  ///< among the subject's replies, from 0; given by keep()
  std::string by;           ///< PROVIDER:MODEL
  enum class Kind {
    sound,     ///< `object` is what was asked for
    declined,  ///< in whatever form
    broken,    ///< no sound object after all tries; asked again by the next command
  } kind = Kind::sound;
  std::string object;         ///< JSON of the fields
  std::string text;           ///< what came, unchanged
  std::string reason;         ///< of declined and broken, one line
  std::string prompt_sha256;  ///< of the prompt's text; put_prompt() has it
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
};

/// A decision as it was made, never changed: the last of a pair counts, "undo" takes the reviewer's own last
/// one back.
struct Decision {
  std::int64_t number = -1;    ///< in the order of arrival
  std::int64_t pair_id = -1;   ///< -1: about an image
  std::int64_t image_id = -1;  ///< -1: about a pair
  std::string decision;        ///< "accept", "edit", "reject", "undo"; of an image "label"
  std::string instruction;     ///< of an edit
  std::string response;
  std::string label;  ///< of an image
  std::string reviewer;
  std::string note;
};

/// Which images.
struct ImageFilter {
  std::optional<ImageState> state = {};
  std::optional<std::int64_t> cluster = {};
  std::int64_t after = -1;  ///< only ids above
  std::size_t limit = 0;    ///< at most so many; 0: all
};

/// What near-duplicates of a picture are found by (image/near_duplicates.h), as bytes. Opaque to the
/// database.
struct Look {
  std::int64_t image_id = -1;
  std::string frequencies;  ///< by which they are proposed
  std::string sketch;       ///< on which they are confirmed
};

/// Which pairs.
struct PairFilter {
  std::optional<std::int64_t> image = {};  ///< only those of one image
  std::optional<PairState> state = {};
  std::optional<taxonomy::Combination> type = {};
  std::optional<std::size_t> subcategory = {};
  bool undecided = false;   ///< only such as nobody has decided
  std::int64_t after = -1;  ///< only ids above
  std::size_t limit = 0;    ///< at most so many; 0: all
};

/// How many pairs of a cell are in a state.
struct CellCount {
  taxonomy::Combination type = taxonomy::Combination::SSS;
  std::size_t subcategory = 1;
  PairState state = PairState::planned;
  std::uint64_t pairs = 0;
};

/// How many pairs of each combination an image has.
using TypeCounts = std::array<std::uint64_t, taxonomy::combination_count>;

/// What all runs of a build asked together.
struct Totals {
  std::vector<std::pair<std::string, std::uint64_t>>
      calls;  ///< by step, all four of the summary, in its order
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  Faults faults;
};

/// Movable; one thread at a time. With write access no other process writes to the same WORK
/// (`store::FolderLock`); reading goes on beside it. What a writing function was given is on disk when it
/// returns, all of it or nothing. Errors of all: those of store::Database.
class Work {
 public:
  static constexpr std::string_view file_name = "build.db";

  /// Further errors: not_found (read access, no build there), unsupported (of a later version), malformed,
  /// permission (another process is writing).
  static Result<Work> open(const std::filesystem::path& folder, store::Access access);
  /// In memory, for small ones.
  static Result<Work> in_memory();
  /// In a file that nobody sees and that goes with it, for a dry run over many pictures.
  static Result<Work> temporary();

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  /// Remembers what the build is made from (scope "build"), or compares. Error: mismatch with the names that
  /// differ and both values. Names that are new are remembered beside what is known.
  Result<void> require_same(const std::string& scope, const store::Identity& identity);
  /// The comparison alone, which a scope that nothing is known of passes.
  Result<void> check_same(const std::string& scope, const store::Identity& identity) const;
  /// Values beside it: "began" (UTC seconds), "language", "license", "check" …
  Result<std::optional<std::string>> value(const std::string& key) const;
  Result<void> put_value(const std::string& key, const std::string& value);
  Result<void> remove_value(const std::string& key);

  /// What `write` writes through this object counts all together, or not at all where it fails. May stand in
  /// another one.
  Result<void> together(const std::function<Result<void>()>& write);

  // Images.
  /// Adds or replaces by id, votes included.
  Result<void> write(std::span<const ImageRow> images);
  Result<std::optional<ImageRow>> image(std::int64_t id) const;
  Result<std::optional<ImageRow>> image_at(std::string_view source, std::string_view path) const;
  /// In the order of ids. `visit` may write. Memory does not grow with their number.
  Result<void> for_each_image(const std::function<Result<void>(const ImageRow&)>& visit) const;
  Result<void> for_each_image(const ImageFilter& filter,
                              const std::function<Result<void>(const ImageRow&)>& visit) const;
  Result<std::int64_t> image_count() const;
  /// One above the largest id.
  Result<std::int64_t> next_image_id() const;
  /// Of each state, in the order of ImageState.
  Result<std::vector<std::uint64_t>> image_states() const;
  /// Of those that have a hash.
  Result<std::uint64_t> cluster_count() const;
  /// Each image that has the pixels of one before it, and the first of these, in the order of ids.
  Result<std::vector<std::pair<std::int64_t, std::int64_t>>> equal_pixels() const;

  /// Adds or replaces by image.
  Result<void> write(std::span<const Look> looks);
  Result<std::optional<Look>> look(std::int64_t image) const;
  /// In the order of ids, without sketches.
  Result<void> for_each_look(const std::function<Result<void>(const Look&)>& visit) const;

  // Pairs.
  /// Adds or replaces by id.
  Result<void> write(std::span<const PairRow> pairs);
  Result<std::optional<PairRow>> pair(std::int64_t id) const;
  /// In the order of ids. `visit` may write. Memory does not grow with their number.
  Result<void> for_each_pair(const PairFilter& filter,
                             const std::function<Result<void>(const PairRow&)>& visit) const;
  Result<std::vector<PairWithImage>> pairs_with_images(const PairFilter& filter) const;
  Result<std::int64_t> pair_count(const PairFilter& filter) const;
  /// Of the images from one id to another, both among them; those without pairs are left out.
  Result<std::map<std::int64_t, TypeCounts>> pair_types(std::int64_t first, std::int64_t last) const;
  /// Whether a pair that a source brings along is in the build.
  Result<bool> has_place(std::string_view place) const;
  /// One above the largest id.
  Result<std::int64_t> next_pair_id() const;
  /// Of all cells and states that have any.
  Result<std::vector<CellCount>> pair_cells() const;
  /// Pairs by who wrote them, in the order of names; pairs that nobody wrote are left out.
  Result<std::vector<std::pair<std::string, std::uint64_t>>> pair_writers() const;

  // Asking.
  /// Keeps replies, what became of their pairs and images, and adds their tokens and calls to the totals, in
  /// one transaction.
  Result<void> keep(std::span<const KeptReply> replies, std::span<const PairRow> pairs,
                    std::span<const ImageRow> images);
  /// All kept replies of a pair, or the label replies of an image, in their order.
  Result<std::vector<KeptReply>> replies_of_pair(std::int64_t pair) const;
  Result<std::vector<KeptReply>> replies_of_image(std::int64_t image) const;
  /// How many pairs each asker declined, whatever became of them, in the order of names.
  Result<std::vector<std::pair<std::string, std::uint64_t>>> declines() const;
  Result<void> put_prompt(std::string_view sha256, std::string_view text);
  Result<void> for_each_prompt(
      const std::function<Result<void>(std::string_view sha256, std::string_view text)>& visit) const;
  Result<void> add_faults(const Faults& faults);
  Result<Totals> totals() const;
  /// Batches under way of one asker, by its spec.
  Result<std::vector<ask::OpenBatch>> open_batches(const std::string& asker) const;
  Result<void> add_batch(const std::string& asker, const ask::OpenBatch& batch);
  Result<void> forget_batch(const std::string& asker, const std::string& id);

  // Decisions. What they make of a pair or an image is written in the same transaction.
  Result<void> decide(const Decision& decision, std::span<const PairRow> pairs,
                      std::span<const ImageRow> images);
  Result<std::vector<Decision>> decisions_of_pair(std::int64_t pair) const;
  Result<void> for_each_decision(const std::function<Result<void>(const Decision&)>& visit) const;
  /// All decisions of a pair at a time, in the order of pairs. Memory does not grow with their number.
  Result<void> for_each_decided_pair(
      const std::function<Result<void>(std::span<const Decision>)>& visit) const;

  /// Which side each cluster is on; all others become Side::none.
  Result<void> write_sides(std::span<const std::pair<std::int64_t, Side>> clusters);

 private:
  Work(std::filesystem::path folder, store::Database database)
      : folder_(std::move(folder)), database_(std::move(database)) {}
  Result<void> prepare(store::Access access);
  Result<void> write_replies(std::span<const KeptReply> replies);
  Result<std::vector<KeptReply>> replies(bool of_image, std::int64_t subject) const;

  std::filesystem::path folder_;
  std::optional<store::FolderLock> lock_;  ///< let go after the database
  store::Database database_;
  bool writing_together_ = false;
};

}  // namespace holisafe::construction
