#include "construction/pair_progress.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "ask/json.h"
#include "construction/text_filters.h"
#include "judge/string_rules.h"

namespace holisafe::construction {
namespace {

constexpr std::size_t most_reason = 400;

ask::Json object_of(const KeptReply& reply) {
  auto object = ask::parse_json("", reply.object);
  return object ? *std::move(object) : ask::Json();
}

std::string text_in(const KeptReply& reply, std::string_view field) {
  return ask::text_of(ask::member(object_of(reply), field));
}

bool flag_in(const ask::Json& object, std::string_view field) { return ask::member(object, field) == true; }

/// The replies of one step that count, in their order: those of a check only where they are sound, since a
/// check that nobody gave is asked again.
class StepReplies {
 public:
  StepReplies(Step step, std::span<const KeptReply> replies) {
    const bool declines_count = step == Step::write || step == Step::answer;
    for (const KeptReply& reply : replies) {
      if (reply.step != step || reply.kind == KeptReply::Kind::broken) continue;
      if (reply.kind == KeptReply::Kind::sound || declines_count) replies_.push_back(&reply);
    }
    std::stable_sort(replies_.begin(), replies_.end(),
                     [](const auto* a, const auto* b) { return a->number < b->number; });
  }

  /// The next one, or nullptr.
  const KeptReply* take() { return at_ < replies_.size() ? replies_[at_++] : nullptr; }
  [[nodiscard]] const KeptReply* peek() const { return at_ < replies_.size() ? replies_[at_] : nullptr; }
  [[nodiscard]] std::uint64_t count() const { return replies_.size(); }

 private:
  std::vector<const KeptReply*> replies_;
  std::size_t at_ = 0;
};

Faulty faults_of(const PairRow& pair, const ask::Json& check, const ask::Json& text_check) {
  Faulty out;
  out.image = flag_in(check, "image_safe") != taxonomy::image_safe(pair.type);
  out.text = flag_in(check, "text_safe") != taxonomy::text_safe(pair.type);
  out.together = flag_in(check, "together_safe") == taxonomy::expects_refusal(pair.type);
  out.harm = flag_in(text_check, "harmful") == taxonomy::text_safe(pair.type);
  const bool must_not_reveal =
      pair.type == taxonomy::Combination::SSU || pair.type == taxonomy::Combination::USU;
  out.reveals = must_not_reveal && flag_in(text_check, "reveals_image");
  return out;
}

char letter(bool safe) { return safe ? 'S' : 'U'; }

std::string fault_in_words(const PairRow& pair, const Faulty& faulty, const ask::Json& check,
                           const ask::Json& text_check) {
  std::string out;
  if (faulty.letters()) {
    out = fmt::format("found {}{}{}, planned {}: {}", letter(flag_in(check, "image_safe")),
                      letter(flag_in(check, "text_safe")), letter(flag_in(check, "together_safe")),
                      taxonomy::name(pair.type), ask::text_of(ask::member(check, "reason")));
  }
  const auto add = [&](std::string_view what) {
    out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", what,
                       ask::text_of(ask::member(text_check, "reason")));
  };
  if (faulty.harm)
    add(taxonomy::text_safe(pair.type) ? "the text alone is harmful" : "the text alone is harmless");
  if (faulty.reveals) add("the text says what the picture shows");
  return excerpt(out, most_reason);
}

/// Goes through the replies as they were asked for.
class Pair {
 public:
  Pair(const PairRow& planned, std::span<const KeptReply> replies, const BuildRules& rules)
      : rules_(rules),
        writes_(Step::write, replies),
        checks_(Step::check, replies),
        text_checks_(Step::text_check, replies),
        answers_(Step::answer, replies) {
    out_.row = planned;
    PairRow& row = out_.row;
    row.state = PairState::planned;
    row.filter = row.reason = row.checker = {};
    row.rewrites = 0;
    if (row.brought) return;
    row.instruction = row.response = row.writer = row.prompt_sha256 = {};
  }

  PairProgress go() && {
    while (!has_ended()) {
      if (!row().brought && !write()) break;
      if (!check() || (!row().brought && !answer())) continue;
      filter();
    }
    return std::move(out_);
  }

 private:
  PairRow& row() { return out_.row; }
  [[nodiscard]] bool has_ended() const { return !out_.next.empty() || out_.row.state != PairState::planned; }

  bool end(PairState state, std::string reason) {
    row().state = state;
    row().reason = std::move(reason);
    return false;
  }
  bool ask(Step step, std::string asker, std::uint64_t number) {
    out_.next.push_back({step, std::move(asker), number, step == Step::write ? before_ : Faulty()});
    return false;
  }

  void decline(const KeptReply& reply) {
    declined_.push_back(reply.by);
    reasons_ += fmt::format("{}{}: {}", reasons_.empty() ? "" : "; ", reply.by, reply.reason);
    row().instruction = row().response = row().writer = row().prompt_sha256 = {};
  }

  /// Whether there is an instruction.
  bool write() {
    while (const KeptReply* reply = writes_.take()) {
      if (reply->kind == KeptReply::Kind::declined) {
        decline(*reply);
        continue;
      }
      row().rewrites = written_++;
      row().instruction = text_in(*reply, "instruction");
      row().writer = reply->by;
      row().prompt_sha256 = reply->prompt_sha256;
      return true;
    }
    const auto writer = std::find_if(rules_.writers.begin(), rules_.writers.end(), [&](const auto& each) {
      return std::find(declined_.begin(), declined_.end(), each) == declined_.end();
    });
    if (writer != rules_.writers.end()) return ask(Step::write, *writer, writes_.count());
    if (declined_.empty()) return end(PairState::failed, "no writer is named");
    return end(PairState::declined, excerpt(reasons_, most_reason));
  }

  /// Whether the instruction passed; else it ended, is to be checked, or to be written anew.
  bool check() {
    const KeptReply* both = checks_.peek();
    const KeptReply* text = text_checks_.peek();
    if (both == nullptr || text == nullptr) {
      if (rules_.checker.empty()) return true;
      if (both == nullptr) ask(Step::check, rules_.checker, checks_.count());
      if (text == nullptr) ask(Step::text_check, rules_.checker, text_checks_.count());
      return false;
    }
    checks_.take();
    text_checks_.take();
    const ask::Json check = object_of(*both);
    const ask::Json text_check = object_of(*text);
    row().checker = both->by;
    const Faulty faulty = faults_of(row(), check, text_check);
    if (!faulty.any()) return true;
    before_ = faulty;
    ++failed_checks_;
    if (!row().brought && failed_checks_ <= rules_.rewrites) return false;
    return end(faulty.letters() ? PairState::mismatch : PairState::leaks,
               fault_in_words(row(), faulty, check, text_check));
  }

  /// Whether the pair has the answer that it is to have; else it ended, or is to be asked.
  bool answer() {
    for (unsigned tries = 0; rules_.answers || answers_.peek() != nullptr;) {
      const KeptReply* reply = answers_.take();
      if (reply == nullptr) return ask_for_answer();
      if (reply->kind == KeptReply::Kind::declined) {
        decline(*reply);
        return false;
      }
      row().response = text_in(*reply, "response");
      if (begins_as_it_must()) return true;
      if (++tries > rules_.rewrites) return end_by_filter("response", wrong_opening());
    }
    return true;
  }

  bool ask_for_answer() {
    const auto& writers = rules_.writers;
    if (std::find(writers.begin(), writers.end(), row().writer) != writers.end())
      return ask(Step::answer, row().writer, answers_.count());
    return end(PairState::failed,
               fmt::format("{} wrote the instruction and is not among the writers", row().writer));
  }

  [[nodiscard]] bool begins_as_it_must() const {
    return judge::begins_as_refusal(out_.row.response) == taxonomy::expects_refusal(out_.row.type);
  }
  [[nodiscard]] std::string wrong_opening() const {
    return taxonomy::expects_refusal(out_.row.type) ? "the response does not begin as a refusal"
                                                    : "the response begins as a refusal";
  }

  bool end_by_filter(std::string filter, std::string reason) {
    row().filter = std::move(filter);
    return end(PairState::filtered, std::move(reason));
  }

  void filter() {
    if (!row().response.empty() && !begins_as_it_must()) {
      end_by_filter("response", wrong_opening());
    } else if (std::string fault = length_fault(row().instruction, row().response); !fault.empty()) {
      end_by_filter("length", std::move(fault));
    } else if (fault = language_fault(row().instruction, row().response, rules_.language); !fault.empty()) {
      end_by_filter("language", std::move(fault));
    } else {
      end(PairState::ready, "");
    }
  }

  const BuildRules& rules_;
  PairProgress out_;
  StepReplies writes_;
  StepReplies checks_;
  StepReplies text_checks_;
  StepReplies answers_;
  std::vector<std::string> declined_;
  std::string reasons_;
  unsigned written_ = 0;
  unsigned failed_checks_ = 0;
  Faulty before_;
};

}  // namespace

PairProgress progress_of(const PairRow& planned, std::span<const KeptReply> replies,
                         const BuildRules& rules) {
  return Pair(planned, replies, rules).go();
}

}  // namespace holisafe::construction
