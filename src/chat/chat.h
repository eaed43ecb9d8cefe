// The words of asking: conversations of text and images, how an answer is to be made, what came back, and the
// interface of whoever answers. Plain types; no network, no tensors.
//
//   answerer.submit(7, {.conversation = {{}, {{Role::user, {Image{.file = "a.png"}, "What is this?"}}}}});
//   while (answerer.pending() > 0)
//     for (auto& [key, reply] : answerer.poll(milliseconds(100))) …
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/faults.h"
#include "base/result.h"
#include "taxonomy/verdict.h"

namespace holisafe::chat {

using std::chrono::milliseconds;

/// An image: a file, or a file's bytes. Bytes count where both are given (the file then names them in
/// errors).
struct Image {
  std::filesystem::path file;
  std::shared_ptr<const std::string> bytes;
};

/// A piece of a turn.
using Part = std::variant<std::string, Image>;

enum class Role { user, assistant };

/// What one side said: text and images in any order. An assistant's turn holds text alone.
struct Turn {
  Role role = Role::user;
  std::vector<Part> parts;

  /// Its text pieces, one behind the other.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::size_t images() const;
};

/// Turns alternate, beginning with the user's; images may stand anywhere in the user's. A conversation that
/// ends with the user's turn is opened for an answer.
struct Conversation {
  std::optional<std::string> system;  ///< nothing: the model's default
  std::vector<Turn> turns;

  /// All images in order.
  [[nodiscard]] std::vector<const Image*> images() const;
  /// Whether all images stand in the first turn, before its text.
  [[nodiscard]] bool images_first() const;
};

/// One user turn: images, then a text.
Conversation single_turn(std::vector<Image> images, std::string text,
                         std::optional<std::string> system = std::nullopt);

/// How an answer is made.
struct Generation {
  unsigned max_new_tokens = 512;        ///< 0: the guard's verdict alone (local models only)
  double temperature = 0;               ///< 0: greedy
  double top_p = 1;                     ///< with a temperature
  double repetition_penalty = 1;        ///< local models only
  std::uint64_t seed = 0;               ///< with a temperature
  std::vector<std::string> stops = {};  ///< texts that end an answer
  /// From submission to the answer's end; the question is then the error timeout (local models only).
  std::optional<milliseconds> deadline = {};
};

/// The JSON object that an answer is to be.
struct AnswerSchema {
  std::string name;    ///< letters, digits, dashes and underscores
  std::string schema;  ///< JSON Schema of one object: all properties required, no others allowed
};

/// One question.
struct Question {
  Conversation conversation;
  Generation how;
  /// Beside the verdict on all images together, one on each alone, whatever stands around it (local models
  /// with a guard).
  bool judge_each_image = false;
  /// Asked for (endpoints only); what comes may be something else all the same.
  std::optional<AnswerSchema> schema = {};
};

/// One user turn of these parts.
Question question_of(std::vector<Part> parts, Generation how);

struct Usage {
  std::optional<std::uint64_t> prompt_tokens;
  std::optional<std::uint64_t> completion_tokens;
};

/// When what was there, in seconds since the answerer took the question up.
struct Timings {
  double image_seconds = 0;               ///< images decoded and processed, the prompt tokenised
  double prefill_seconds = 0;             ///< the prompt read; longer than image_seconds by what that took
  double end_seconds = 0;                 ///< the last token
  std::optional<double> verdict_seconds;  ///< the guard's verdict
};

/// What a local model tells beside a reply.
struct Details {
  std::vector<std::int64_t> prompt_token_ids;      ///< image placeholders expanded
  std::vector<std::int64_t> completion_token_ids;  ///< ends with the stop token where one was produced
  Timings timings;
};

/// What became of a question that was answered at all.
enum class State {
  answered,  ///< a text came
  filtered,  ///< a content filter of the provider's refused question or answer
  declined,  ///< the model refused in a field of its own (`refusal`), which `text` then holds
  empty,     ///< the model said nothing: no text, its reasoning alone, or tool calls alone
};

struct Reply {
  State state = State::answered;
  /// Unchanged but for reasoning that the provider delivers apart; of filtered: the beginning that came, if
  /// any.
  std::string text = {};
  std::string finish_reason =
      {};  ///< "stop", "length", a filter's code, … as the provider said; may be empty
  Usage usage = {};
  std::optional<taxonomy::Verdict> verdict = {};       ///< of a guard on all images, where there is one
  std::vector<taxonomy::Verdict> image_verdicts = {};  ///< on each image alone, in order, where asked for
  std::optional<Details> details = {};                 ///< of a local model
  bool tool_calls = false;                             ///< the model called tools
  std::string refusal = {};  ///< what it said in a field for refusals, whatever the text is
  std::string reason = {};   ///< of empty: what came instead of an answer, on one line
};

/// Whether an answer that ended so was cut at a limit on tokens, in any provider's word.
bool was_cut(std::string_view finish_reason);

/// Hears of one question while it is being answered, in the order below; from the thread that polls, or from
/// one of the answerer's own (a local model's), one call at a time. It may cancel the question.
class Events {
 public:
  Events() = default;
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;
  virtual ~Events() = default;
  virtual void verdict(const taxonomy::Verdict& verdict) = 0;  ///< before the first token
  /// On one image alone, by its place among the conversation's; before the first token.
  virtual void image_verdict(std::size_t image, const taxonomy::Verdict& verdict) {
    static_cast<void>(image);
    static_cast<void>(verdict);
  }
  virtual void text(std::string_view text) = 0;  ///< as soon as it is certain
};

/// The asker's name for a question; unique among those under way.
using Key = std::int64_t;

/// Takes questions and gives replies in any order: an endpoint, or a local model. One thread drives it.
class Answerer {
 public:
  Answerer() = default;
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;
  virtual ~Answerer() = default;

  /// Whether another question would not have to wait for one under way.
  [[nodiscard]] virtual bool has_room() const = 0;
  /// `events`, where given, lives until the key's reply was polled or dropped.
  virtual void submit(Key key, Question question, Events* events = nullptr) = 0;
  /// Questions taken whose reply poll() has not given yet.
  [[nodiscard]] virtual std::size_t pending() const = 0;
  /// Works or waits for up to `longest` and gives what ended since. An error is the question's own: nobody
  /// answered it after all tries.
  virtual std::vector<std::pair<Key, Result<Reply>>> poll(milliseconds longest) = 0;

  /// Drops one question; no reply comes.
  virtual void cancel(Key key) = 0;
  /// Drops what is not under way, and tries nothing again from now on.
  virtual void finish_only() = 0;
  /// Drops everything.
  virtual void drop_all() = 0;

  /// Why nobody will answer any more (a refused key); everything has been dropped then.
  [[nodiscard]] virtual std::optional<Error> stopped() const = 0;
  [[nodiscard]] virtual Faults faults() const = 0;
  /// Whether questions about one image are answered faster one after the other.
  [[nodiscard]] virtual bool shares_images() const = 0;
};

}  // namespace holisafe::chat
