// What one asker of a build is still to be asked, and what becomes of what it says.
//
// A key says which question it is: subject, how many replies of its step counted when it was put, step. So a
// batch that comes back in another command answers the question that it was made of, and no later one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ask/ask.h"
#include "construction/pair_progress.h"
#include "construction/work.h"

namespace holisafe::construction {

struct AskingRules {
  BuildRules pairs;
  std::vector<std::string> labellers;  ///< names, in their order
  std::uint64_t seed = 0;
  unsigned max_retries = 5;  ///< so often is a question put again whose reply is broken
};

/// Which questions: images are labelled before pairs are planned.
enum class Phase { label, pairs };

struct QuestionKey {
  std::int64_t subject = -1;
  std::uint64_t number = 0;  ///< 0 to 4095
  Step step = Step::label;

  [[nodiscard]] chat::Key key() const;
  static QuestionKey of(chat::Key key);
};

/// Lives through all passes of one command. Of a page of questions at most 64 MiB of images are in memory.
class BuildLedger : public ask::Ledger {
 public:
  /// `work` and `rules` are borrowed. A guard is shown the picture alone, and its verdict is its word.
  BuildLedger(Work& work, const AskingRules& rules, std::string asker, bool is_guard, Phase phase)
      : work_(work), rules_(rules), asker_(std::move(asker)), is_guard_(is_guard), phase_(phase) {}

  Result<std::vector<ask::Pending>> pending_after(chat::Key key, std::size_t most) override;
  /// Keeps what came with what follows from it for pair or image. A broken reply leaves its question pending
  /// until it was put max_retries times more; what no one answered at all is settled by end_pass().
  Result<std::size_t> record(std::span<const ask::Ended> ended) override;
  Result<std::vector<ask::OpenBatch>> open_batches() override;
  Result<void> add_batch(const ask::OpenBatch& batch) override;
  Result<void> forget_batch(const std::string& id) override;

  /// Pairs whose question got no answer in this pass fail; images stay unlabelled.
  Result<void> end_pass();

  /// Replies that held nothing sound since the last call: faults of the server beside those of the network.
  std::uint64_t take_malformed() { return std::exchange(malformed_, 0); }
  /// Pairs, or images, that were asked to their end.
  [[nodiscard]] std::uint64_t finished() const { return finished_; }
  /// Questions that nothing sound came of in this command.
  [[nodiscard]] std::size_t given_up() const { return failed_.size(); }
  /// Why one of them failed, in full.
  [[nodiscard]] const std::string& first_failure() const { return first_failure_; }

 private:
  struct PairNow {
    PairRow row;
    std::vector<KeptReply> replies;
  };
  struct ImageNow {
    ImageRow row;
    std::vector<KeptReply> replies;
  };
  /// What one record() call has read and is to write.
  struct Writing {
    std::map<std::int64_t, PairNow> pairs;
    std::map<std::int64_t, ImageNow> images;
    std::vector<KeptReply> replies;
    std::vector<Prompt> prompts;
  };

  Result<void> add_images(std::int64_t after, std::size_t most, std::vector<ask::Pending>& page);
  Result<void> add_pairs(std::int64_t after, std::size_t most, std::vector<ask::Pending>& page);
  Result<void> add_pair(const PairWithImage& both, std::vector<ask::Pending>& page);
  [[nodiscard]] Result<chat::Question> question(const ImageRow& image, const QuestionKey& key,
                                                const Prompt& prompt);
  Result<chat::Image> picture(const ImageRow& image);

  Result<bool> record_image(const QuestionKey& key, const Result<chat::Reply>& reply, Writing& writing);
  Result<bool> record_pair(const QuestionKey& key, const Result<chat::Reply>& reply, Writing& writing);
  bool take(const QuestionKey& key, const Result<chat::Reply>& reply, std::vector<KeptReply>& replies,
            const Prompt& prompt, Writing& writing);
  Result<void> write(Writing& writing);
  void give_up(const QuestionKey& key, const std::string& reason);

  Work& work_;
  const AskingRules& rules_;
  std::string asker_;
  bool is_guard_;
  Phase phase_;
  std::pair<std::int64_t, chat::Image> last_image_{-1, {}};
  std::size_t page_bytes_ = 0;
  std::set<std::string> prompts_;            ///< hashes of those that WORK has
  std::map<chat::Key, unsigned> broken_;     ///< broken replies by question
  std::map<chat::Key, Error> errors_;        ///< of questions that nobody answered in this pass
  std::map<chat::Key, std::string> failed_;  ///< questions given up, and why
  std::string first_failure_;
  std::uint64_t malformed_ = 0;
  std::uint64_t finished_ = 0;
};

}  // namespace holisafe::construction
