// For tests: a model without tensors, whose verdicts and answers stand in what it is asked.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "chat/chat.h"
#include "schedule/executor.h"
#include "taxonomy/verdict.h"

namespace holisafe::serve {

/// What a PNG file begins with: a request's images are looked at so far.
inline const std::string png_signature = "\x89PNG\r\n\x1a\n";

/// Behind that signature an image's bytes are a class's name ("safe", "gender"), with its score behind a
/// blank where that is not 0.9, or what goes wrong: "unreadable", "huge", "nan", "guard-fails",
/// "prefix-fails" (its positions cannot be read, judged or not). The rest of the probability is "safe"'s, or
/// of a safe image the last class's.
inline taxonomy::Verdict scripted_verdict(const std::string& bytes) {
  const auto blank = bytes.find(' ');
  const double score = blank == std::string::npos ? 0.9 : std::stod(bytes.substr(blank));
  taxonomy::Verdict out;
  out.label = taxonomy::parse_class(bytes.substr(0, blank)).value_or(0);
  out.scores[out.label] = score;
  out.scores[out.label == 0 ? taxonomy::class_count - 1 : 0] = 1 - score;
  if (bytes == "nan") out.scores.fill(std::numeric_limits<double>::quiet_NaN());
  return out;
}

/// Answers with the words of the question's last turn, a word a token; "fail" instead of a word is an error
/// there.
class ScriptedModel final : public schedule::Executor {
 public:
  /// Called at the start of each step.
  std::function<void()> on_step = [] {};
  /// Images that were judged, tokens that were made, questions under way.
  std::atomic<int> judged = 0;
  std::atomic<int> tokens = 0;
  std::atomic<int> live = 0;
  std::atomic<int> questions = 0;

  [[nodiscard]] std::uint64_t bytes_per_position() const override { return 1; }

  Result<std::unique_ptr<schedule::Prepared>> prepare(const chat::Question& question) override {
    ++questions;
    auto out = std::make_unique<Asked>(*this);
    for (const chat::Image* image : question.conversation.images()) {
      const std::string shown = image->bytes->substr(png_signature.size());
      if (shown == "unreadable")
        return fail(ErrorKind::malformed, "cannot read image", image->file, "no JPEG");
      if (shown == "huge") return fail(ErrorKind::too_large, "cannot read image", image->file, "too large");
      if (shown == "prefix-fails") out->prefix_fails = true;
      if (question.judge_each_image) out->images.push_back(shown);
    }
    out->words = words_of(question.conversation.turns.back().text());
    if (out->words.size() > 1000)
      return fail(ErrorKind::too_large, "the question is longer than the context");
    out->most_new_tokens = question.how.max_new_tokens;
    out->own_stages.assign(out->images.size() + 1, 32);
    return std::unique_ptr<schedule::Prepared>(std::move(out));
  }
  std::shared_ptr<schedule::Prefix> open_prefix(const schedule::Prepared&) override { return nullptr; }
  schedule::Outcome join(schedule::Prepared&, const std::shared_ptr<schedule::Prefix>&) override {
    return {};
  }

  std::vector<schedule::Outcome> run(std::span<const schedule::Work> works) override {
    on_step();
    std::vector<schedule::Outcome> out;
    for (const schedule::Work& work : works) out.push_back(run(work));
    return out;
  }

 private:
  struct Asked final : schedule::Prepared {
    explicit Asked(ScriptedModel& of) : model(of) { ++model.live; }
    ~Asked() override { --model.live; }
    ScriptedModel& model;
    std::vector<std::string> images;
    std::vector<taxonomy::Verdict> verdicts;
    std::vector<std::string> words;
    std::size_t next = 0;
    std::string text;
    bool prefix_fails = false;
  };

  static std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> out;
    std::string word;
    for (const char c : text + " ") {
      if (c != ' ') {
        word += c;
      } else if (!word.empty()) {
        out.push_back(std::exchange(word, {}) + " ");
      }
    }
    return out;
  }

  static schedule::Outcome end_of(const Asked& asked, std::string_view reason) {
    chat::Reply reply;
    reply.text = asked.text;
    reply.finish_reason = reason;
    reply.usage = {7, asked.next};
    reply.image_verdicts = asked.verdicts;
    schedule::Outcome out;
    out.end = std::move(reply);
    return out;
  }

  schedule::Outcome run(const schedule::Work& work) {
    auto& asked = dynamic_cast<Asked&>(*work.prepared);
    schedule::Outcome out;
    if (asked.prefix_fails) {
      out.end = fail(ErrorKind::not_finite, "a prefix");
      return out;
    }
    if (work.kind == schedule::Work::Kind::own && work.stage < asked.images.size()) {
      const std::string& image = asked.images[work.stage];
      ++judged;
      if (image == "guard-fails") {
        out.end = fail(ErrorKind::not_finite, "guard");
        return out;
      }
      asked.verdicts.push_back(scripted_verdict(image));
      out.image_verdicts.emplace_back(work.stage, asked.verdicts.back());
      return out;
    }
    if (work.kind == schedule::Work::Kind::own)
      return asked.most_new_tokens == 0 ? end_of(asked, "length") : schedule::Outcome();
    ++tokens;
    const std::string word = asked.next < asked.words.size() ? asked.words[asked.next] : std::string();
    if (word == "fail ") {
      out.end = fail(ErrorKind::not_finite, "a step");
      return out;
    }
    ++asked.next;
    asked.text += word;
    const bool all = asked.next >= asked.words.size();
    const bool cut = asked.next == static_cast<std::size_t>(asked.most_new_tokens);
    if (all || cut) out = end_of(asked, all ? "stop" : "length");
    out.text = word;
    return out;
  }
};

}  // namespace holisafe::serve
