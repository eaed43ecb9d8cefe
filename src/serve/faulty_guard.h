// For tests: a guard that goes wrong at any step, by a seeded chance, and knows what it has judged.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "image/image.h"
#include "schedule/executor.h"
#include "serve/scripted_model.h"

namespace holisafe::serve {

/// A picture of one pixel, which anybody can decode.
inline const std::string& whole_png() {
  static const std::string out = image::encode_png({1, 1, {0, 0, 0}}).value();
  return out;
}
inline bool is_readable(std::string_view shown) { return !shown.starts_with("unreadable"); }
/// The bytes of a picture: what it shows stands behind the pixel.
inline std::string picture_of(const std::string& shown) {
  std::string out = whole_png();
  if (!is_readable(shown)) std::fill(out.begin() + 8, out.end(), '\0');  // all but the signature
  return out + shown;
}
inline std::string shown_by(std::string_view bytes) {
  return std::string(bytes.substr(std::min(bytes.size(), whole_png().size())));
}

/// Where the guard can go wrong.
enum class GuardStep {
  prepare,           ///< an error of any kind, of the image or of the guard
  prepare_throws,    ///< out of memory, or anything
  too_long,          ///< needs more room than there is
  open_prefix,       ///< throws
  join,              ///< throws
  stage,             ///< ends with an error of any kind, its prefix's or its own
  run_throws,        ///< and so ends all that are under way
  outcomes_lacking,  ///< fewer than there were works
  no_end,            ///< the last stage gives none
  no_verdict,        ///< a reply, and nothing in it
  no_number,         ///< NaN or infinity among the scores
  slow,              ///< a step takes some milliseconds
  count
};
constexpr std::size_t guard_steps = static_cast<std::size_t>(GuardStep::count);

/// Judges questions of one image that scripted_verdict() knows, with a ` #NUMBER` behind its score. Half of
/// the images are a prefix, half are stages of their question's own. Questions must ask for a verdict alone.
class FaultyGuard final : public schedule::Executor {
 public:
  /// Each step goes wrong once in `one_in`; those that are slow only where `slow`.
  FaultyGuard(unsigned seed, unsigned one_in, bool slow) : random_(seed), one_in_(one_in), slow_(slow) {}

  /// Whether a sound verdict on it was given; whether judging it went wrong as a guard's fault: not by the
  /// image, nor for lack of room.
  [[nodiscard]] bool has_judged(const std::string& shown) const {
    const std::lock_guard lock(mutex_);
    return judged_.contains(shown);
  }
  [[nodiscard]] bool has_failed(const std::string& shown) const {
    const std::lock_guard lock(mutex_);
    return failed_.contains(shown);
  }
  /// How often it went wrong at a step.
  [[nodiscard]] std::size_t struck(GuardStep step) const {
    const std::lock_guard lock(mutex_);
    return struck_[static_cast<std::size_t>(step)];
  }

  [[nodiscard]] std::uint64_t bytes_per_position() const override { return 1; }

  Result<std::unique_ptr<schedule::Prepared>> prepare(const chat::Question& question) override {
    const chat::Image& image = *question.conversation.images().at(0);
    const std::string shown = shown_by(*image.bytes);
    if (!is_readable(shown)) return fail(ErrorKind::malformed, "cannot read image", image.file);
    if (strikes(GuardStep::prepare)) return fail(drawn_error(shown, image.file));
    if (strikes(GuardStep::prepare_throws)) throw_anything({shown});
    auto out = std::make_unique<Judging>(*this, shown);
    out->own_stages.assign(1 + drawn(2), 32);
    if (drawn(2) == 0) {
      out->prefix_key = shown;
      out->prefix_stages = {0, 32};
      out->own_stages.resize(drawn(2));
    }
    if (strikes(GuardStep::too_long)) out->own_stages.assign(1, std::int64_t{1} << 40);
    return std::unique_ptr<schedule::Prepared>(std::move(out));
  }

  std::shared_ptr<schedule::Prefix> open_prefix(const schedule::Prepared&) override {
    if (strikes(GuardStep::open_prefix)) throw_anything(all_live());
    return std::make_shared<schedule::Prefix>();
  }

  schedule::Outcome join(schedule::Prepared& prepared, const std::shared_ptr<schedule::Prefix>&) override {
    if (strikes(GuardStep::join)) throw_anything(all_live());
    schedule::Outcome out;
    if (prepared.own_stages.empty()) end(dynamic_cast<const Judging&>(prepared), out);
    return out;
  }

  std::vector<schedule::Outcome> run(std::span<const schedule::Work> works) override {
    if (slow_ && strikes(GuardStep::slow)) std::this_thread::sleep_for(std::chrono::milliseconds(3));
    if (strikes(GuardStep::run_throws)) throw_anything(all_live());
    std::vector<schedule::Outcome> out;
    for (const schedule::Work& work : works) out.push_back(run(work));
    if (strikes(GuardStep::outcomes_lacking)) {
      mark_failed(all_live());
      out.pop_back();
    }
    return out;
  }

 private:
  struct Judging final : schedule::Prepared {
    Judging(FaultyGuard& of, std::string image) : guard(of), shown(std::move(image)) {
      const std::lock_guard lock(guard.mutex_);
      guard.live_.insert(shown);
    }
    ~Judging() override {
      const std::lock_guard lock(guard.mutex_);
      guard.live_.erase(guard.live_.find(shown));
    }
    FaultyGuard& guard;
    const std::string shown;
  };

  schedule::Outcome run(const schedule::Work& work) {
    const auto& judging = dynamic_cast<const Judging&>(*work.prepared);
    schedule::Outcome out;
    if (strikes(GuardStep::stage)) {
      out.end = fail(drawn_error(judging.shown, {}));
    } else if (work.kind == schedule::Work::Kind::own && work.stage + 1 == judging.own_stages.size()) {
      end(judging, out);
    }
    return out;
  }

  /// What the last stage gives.
  void end(const Judging& judging, schedule::Outcome& out) {
    if (strikes(GuardStep::no_end)) return mark_failed({judging.shown});
    chat::Reply reply;
    reply.finish_reason = "length";
    if (strikes(GuardStep::no_verdict)) {
      mark_failed({judging.shown});
    } else {
      auto verdict = scripted_verdict(judging.shown);
      if (strikes(GuardStep::no_number)) {
        using Numbers = std::numeric_limits<double>;
        verdict.scores[drawn(taxonomy::class_count)] =
            drawn(2) == 0 ? Numbers::quiet_NaN() : -Numbers::infinity();
        mark_failed({judging.shown});
      } else {
        const std::lock_guard lock(mutex_);
        judged_.insert(judging.shown);
      }
      if (drawn(2) == 0) {
        reply.verdict = verdict;
      } else {
        reply.image_verdicts = {verdict};
      }
    }
    out.end = std::move(reply);
  }

  std::size_t drawn(std::size_t below) {
    const std::lock_guard lock(mutex_);
    return random_() % below;
  }
  bool strikes(GuardStep step) {
    const std::lock_guard lock(mutex_);
    if (random_() % one_in_ != 0) return false;
    ++struck_[static_cast<std::size_t>(step)];
    return true;
  }
  /// Of any kind. Those of a full or ending service are no guard's, nor those that name an image which cannot
  /// be decoded.
  Error drawn_error(const std::string& shown, const std::string& file) {
    static const std::set<ErrorKind> never = {ErrorKind::too_large, ErrorKind::busy, ErrorKind::cancelled};
    static const std::set<ErrorKind> of_images = {
        ErrorKind::unsupported,  ErrorKind::truncated, ErrorKind::malformed, ErrorKind::missing,
        ErrorKind::out_of_range, ErrorKind::overflow,  ErrorKind::mismatch};
    const auto kind = static_cast<ErrorKind>(drawn(static_cast<std::size_t>(ErrorKind::internal) + 1));
    const bool names_image = !file.empty() && drawn(2) == 0;
    if (!never.contains(kind) && !(names_image && of_images.contains(kind))) mark_failed({shown});
    return {kind, "what went wrong", names_image ? file : std::string(), "in words"};
  }
  [[noreturn]] void throw_anything(const std::vector<std::string>& ends) {
    mark_failed(ends);
    switch (drawn(3)) {
      case 0:
        throw std::bad_alloc();
      case 1:
        throw std::runtime_error("a library's");
      default:
        throw 7;  // NOLINT(hicpp-exception-baseclass): also that must do no harm
    }
  }
  [[nodiscard]] std::vector<std::string> all_live() const {
    const std::lock_guard lock(mutex_);
    return {live_.begin(), live_.end()};
  }
  void mark_failed(const std::vector<std::string>& images) {
    const std::lock_guard lock(mutex_);
    failed_.insert(images.begin(), images.end());
  }

  mutable std::mutex mutex_;
  std::mt19937 random_;
  const unsigned one_in_;
  const bool slow_;
  std::array<std::size_t, guard_steps> struck_{};
  std::set<std::string> judged_;
  std::set<std::string> failed_;
  std::multiset<std::string> live_;
};

}  // namespace holisafe::serve
