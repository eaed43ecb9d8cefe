#include "runs/answer_counts.h"

#include <fmt/format.h>

#include "chat/chat.h"
#include "judge/answer.h"
#include "runs/row_marks.h"

namespace holisafe::runs {

void RunAnswers::add(const store::Answer& answer) {
  const bool empty = is_empty(answer);
  if (!empty && answer.state != store::AnswerState::answered) return;
  ++answers_;
  empty_ += empty ? 1 : 0;
  if (empty && reason_.empty()) reason_ = answer.reason;
  cut_off_ += chat::was_cut(answer.finish_reason) ? 1 : 0;
}

void RunAnswers::put_into(metrics::Score& score) const {
  score.empty = empty_;
  score.cut_off = cut_off_;
}

std::vector<std::string> RunAnswers::warnings(std::string_view run, std::string_view empty_as) const {
  std::vector<std::string> out;
  if (empty_ > 0) {
    out.push_back(fmt::format("{}: {} of {} answers are empty: nothing is said in them{}; they count as {}",
                              run, empty_, answers_,
                              reason_.empty() ? "" : fmt::format(" (the first: {})", reason_), empty_as));
  }
  if (cut_off_ > 0) {
    out.push_back(
        fmt::format("{}: {} of {} answers were cut at the token limit; --max-new-tokens allows longer ones",
                    run, cut_off_, answers_));
  }
  return out;
}

void FileAnswers::add(std::string_view text) {
  const auto answer = judge::answer_in(text);
  if (!answer) ++empty_;
  if (answer && answer->size() == text.size()) return;
  thinking_ += judge::holds_reasoning(text) ? 1 : 0;
}

void FileAnswers::put_into(metrics::Score& score) const {
  score.empty = empty_;
  score.empty_as = empty_as_;
}

std::vector<std::string> FileAnswers::warnings(std::string_view file) const {
  std::vector<std::string> out;
  if (empty_ > 0) {
    out.push_back(fmt::format(
        "{}: {} predictions are empty: nothing is said in them; they count as {}", file, empty_,
        empty_as_ == metrics::as_the_script ? "the script that the rule repeats marks them" : empty_as_));
  }
  if (exact_ && thinking_ > 0) {
    out.push_back(fmt::format(
        "{}: {} predictions hold <think> or </think>; the rule reads that as part of the "
        "answer, as the script does that it repeats{}",
        file, thinking_, benchmark_->modes.empty() ? "" : " (--mode normalized reads the answer alone)"));
  }
  return out;
}

}  // namespace holisafe::runs
