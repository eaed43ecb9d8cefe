// For tests: an executor whose tokens are a function of the question and the token's number, and which looks
// whether the scheduler keeps its promises.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "schedule/block_budget.h"
#include "schedule/executor.h"

namespace holisafe::schedule {

/// What a stub's question is made of.
struct StubQuestion {
  int id = 0;
  std::string image = "-";           ///< its prefix's key; "-": none
  std::int64_t prefix_stages = 2;    ///< of 32 positions each, behind one of none
  std::int64_t own_stages = 1;       ///< of 32 positions each
  std::int64_t tokens = 3;           ///< that it decodes before it ends
  std::int64_t most_new_tokens = 3;  ///< at most 32: another block
  std::string fault = "-";           ///< where it goes wrong

  [[nodiscard]] chat::Question question() const {
    std::ostringstream text;
    text << id << ' ' << image << ' ' << prefix_stages << ' ' << own_stages << ' ' << tokens << ' '
         << most_new_tokens << ' ' << fault;
    return chat::question_of({text.str()}, {});
  }
  [[nodiscard]] static StubQuestion of(const chat::Question& question) {
    StubQuestion out;
    std::istringstream text(question.conversation.turns.front().text());
    text >> out.id >> out.image >> out.prefix_stages >> out.own_stages >> out.tokens >> out.most_new_tokens >>
        out.fault;
    return out;
  }
  /// The text of its token number `token`.
  [[nodiscard]] std::string token(std::int64_t token) const {
    return std::to_string((id * 7919 + token * 31) % 1000) + ' ';
  }
  [[nodiscard]] std::string answer() const {
    std::string out;
    for (std::int64_t i = 0; i < tokens; ++i) out += token(i);
    return out;
  }
};

/// The class that a stub's verdict names, of an image or a question.
inline std::size_t stub_label(const std::string& image) {
  return std::hash<std::string>()(image) % taxonomy::class_count;
}

class StubExecutor final : public Executor {
 public:
  explicit StubExecutor(std::uint64_t most_blocks = 1000) : most_blocks_(most_blocks) {}

  /// Called at the start of run(), of prepare().
  std::function<void(std::span<const Work>)> on_run = [](auto) {};
  std::function<void(int)> on_prepare = [](int) {};
  /// What was broken; empty: nothing.
  [[nodiscard]] std::vector<std::string> broken() const {
    const std::lock_guard lock(mutex_);
    return broken_;
  }
  /// Questions and prefixes that live.
  [[nodiscard]] std::int64_t live() const { return live_; }
  [[nodiscard]] int prefixes_opened() const { return opened_; }
  /// Of decoding questions in one step, at most.
  [[nodiscard]] std::size_t most_decoding() const { return most_decoding_; }
  /// Ids in the order in which they joined.
  [[nodiscard]] std::vector<int> joined() const {
    const std::lock_guard lock(mutex_);
    return joined_;
  }

  [[nodiscard]] std::uint64_t bytes_per_position() const override { return 1; }

  Result<std::unique_ptr<Prepared>> prepare(const chat::Question& question) override {
    const StubQuestion asked = StubQuestion::of(question);
    on_prepare(asked.id);
    if (asked.fault == "prepare") return fail(ErrorKind::malformed, "cannot read image");
    if (asked.fault == "prepare-throw") throw std::runtime_error("prepare threw");
    auto out = std::make_unique<Held>(*this);
    out->asked = asked;
    if (asked.image != "-") {
      out->prefix_key = asked.image;
      out->prefix_stages.assign(static_cast<std::size_t>(asked.prefix_stages) + 1, block_positions);
      out->prefix_stages.front() = 0;
    }
    out->own_stages.assign(static_cast<std::size_t>(asked.own_stages), block_positions);
    out->most_new_tokens = asked.most_new_tokens;
    return out;
  }

  std::shared_ptr<Prefix> open_prefix(const Prepared& first) override {
    ++opened_;
    auto out = std::make_shared<Image>(*this);
    out->key = first.prefix_key;
    out->reader = &first;
    out->stages = first.prefix_stages.size();
    out->take(*blocks_for(first.prefix_stages));
    return out;
  }

  Outcome join(Prepared& prepared, const std::shared_ptr<Prefix>& prefix) override {
    auto& held = static_cast<Held&>(prepared);
    expect(!held.joined, "joined twice");
    held.joined = true;
    held.prefix = prefix;
    held.take(*blocks_for(held.own_stages, held.most_new_tokens));
    {
      const std::lock_guard lock(mutex_);
      joined_.push_back(held.asked.id);
    }
    Outcome out;
    if (prefix != nullptr) {
      const auto& image = static_cast<const Image&>(*prefix);
      expect(image.next == image.stages && image.key == held.prefix_key, "joined with an unread prefix");
      out.verdict = verdict(image.key);
      out.grounds = Grounds{{{held.asked.id, 1}}, {1, 2}};
    } else {
      expect(held.prefix_key.empty(), "joined without its prefix");
    }
    if (held.own_stages.empty() && held.most_new_tokens == 0) out.end = reply(held);
    return out;
  }

  std::vector<Outcome> run(std::span<const Work> works) override {
    on_run(works);
    std::set<const Prepared*> seen;
    std::size_t decoding = 0;
    std::vector<Outcome> out;
    for (const Work& work : works) {
      expect(seen.insert(work.prepared).second, "two works of one question");
      if (work.kind == Work::Kind::decode) {
        expect(decoding == out.size(), "a token behind a stage");
        ++decoding;
      }
      out.push_back(run(work));
    }
    expect(works.size() - decoding <= 1, "two stages");
    most_decoding_ = std::max(most_decoding_.load(), decoding);
    return out;
  }

 private:
  /// Counts what is there, and its blocks.
  struct Counted {
    explicit Counted(StubExecutor& counting) : stub(counting) { ++stub.live_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() {
      --stub.live_;
      stub.blocks_ -= blocks;
    }
    void take(std::uint64_t more) {
      blocks += more;
      stub.expect((stub.blocks_ += more) <= stub.most_blocks_, "more blocks than there are");
    }
    StubExecutor& stub;
    std::uint64_t blocks = 0;
  };
  struct Image final : Prefix, Counted {
    using Counted::Counted;
    std::string key;
    const Prepared* reader = nullptr;
    std::size_t stages = 0;
    std::size_t next = 0;
  };
  struct Held final : Prepared, Counted {
    using Counted::Counted;
    StubQuestion asked;
    bool joined = false;
    std::size_t next = 0;
    std::int64_t tokens = 0;
    std::shared_ptr<Prefix> prefix;
  };

  Outcome run(const Work& work) {
    auto& held = static_cast<Held&>(*work.prepared);
    Outcome out;
    if (held.asked.fault == "throw") throw std::runtime_error("a step threw");
    if (work.kind == Work::Kind::prefix) {
      auto& image = static_cast<Image&>(*work.prefix);
      expect(work.stage == image.next++, "a prefix's stages out of order");
      expect(image.reader == &held, "a prefix with two readers");
      if (held.asked.fault == "prefix" && work.stage == 1)
        out.end = fail(ErrorKind::not_finite, "image with NaN");
      return out;
    }
    expect(held.joined && work.prefix == held.prefix.get(), "worked on before it joined");
    if (work.kind == Work::Kind::own) {
      expect(work.stage == held.next++, "stages out of order");
      if (held.asked.fault == "own") out.end = fail(ErrorKind::not_finite, "own");
      const bool last = held.next == held.own_stages.size();
      if (last && held.most_new_tokens == 0 && held.asked.fault != "endless") out.end = reply(held);
      return out;
    }
    expect(held.next == held.own_stages.size(), "a token before the stages are through");
    expect(held.tokens < held.most_new_tokens, "more tokens than there is room for");
    if (held.asked.fault == "decode") {
      out.end = fail(ErrorKind::not_finite, "decode");
      return out;
    }
    out.text = held.asked.token(held.tokens++);
    if (held.tokens == held.asked.tokens) out.end = reply(held);
    return out;
  }

  static taxonomy::Verdict verdict(const std::string& image) {
    taxonomy::Verdict out;
    out.label = stub_label(image);
    return out;
  }
  static chat::Reply reply(const Held& held) {
    chat::Reply out;
    out.text = held.most_new_tokens == 0 ? std::string() : held.asked.answer();
    out.finish_reason = "stop";
    return out;
  }
  void expect(bool holds, const char* what) {
    if (holds) return;
    const std::lock_guard lock(mutex_);
    broken_.emplace_back(what);
  }

  const std::uint64_t most_blocks_;
  std::atomic<std::int64_t> live_ = 0;
  std::atomic<std::uint64_t> blocks_ = 0;
  std::atomic<int> opened_ = 0;
  std::atomic<std::size_t> most_decoding_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> broken_;
  std::vector<int> joined_;
};

/// Lets as many through as it was given.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_ || permits_ > 0; });
    if (!open_) --permits_;
    --waiting_;
  }
  void give(int permits = 1) {
    const std::lock_guard lock(mutex_);
    permits_ += permits;
    changed_.notify_all();
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// Waits until somebody stands before it who may not pass.
  void wait_for_somebody() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0 && permits_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int permits_ = 0;
  int waiting_ = 0;
  bool open_ = false;
};

}  // namespace holisafe::schedule
