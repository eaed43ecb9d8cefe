#include "serve/guard.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <utility>

namespace holisafe::serve {
namespace {

using schedule::Clock;

/// An image to be judged, which may stand in several places of a request.
struct ToJudge {
  RequestImage image;
  Digest digest{};
  std::vector<std::size_t> places;
};

/// The images of one request: hears of all of them on the scheduler's thread.
class Round : public std::enable_shared_from_this<Round> {
 public:
  Round(Guard& guard, std::size_t images, std::function<void()> admitted, Guard::Done done)
      : guard_(guard), admitted_(std::move(admitted)), verdicts_(images), done_(std::move(done)) {}

  void set(const std::vector<std::size_t>& places, const taxonomy::Verdict& verdict) {
    for (const std::size_t place : places) verdicts_[place] = verdict;
  }
  void ask(std::vector<ToJudge> images);
  void admitted() const { admitted_(); }
  void ended(const ToJudge& asked, const Result<chat::Reply>& reply);
  void give_up();
  void finish(Answer<std::vector<taxonomy::Verdict>> answer);

 private:
  class Ear;
  std::optional<Fault> enqueue(ToJudge image);

  Guard& guard_;
  const std::function<void()> admitted_;
  const Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  std::vector<taxonomy::Verdict> verdicts_;
  std::size_t open_ = 0;
  Guard::Done done_;  ///< empty: told, or given up
  std::vector<schedule::Ticket> tickets_;
};

class Round::Ear final : public schedule::Listener {
 public:
  Ear(std::shared_ptr<Round> round, ToJudge asked) : round_(std::move(round)), asked_(std::move(asked)) {}
  void admitted() override { round_->admitted(); }
  void verdict(const taxonomy::Verdict&) override {}
  void text(std::string_view) override {}
  void end(Result<chat::Reply> reply) override { round_->ended(asked_, reply); }

 private:
  const std::shared_ptr<Round> round_;
  const ToJudge asked_;
};

class RoundTask final : public Task {
 public:
  explicit RoundTask(std::shared_ptr<Round> round) : round_(std::move(round)) {}
  ~RoundTask() override { round_->give_up(); }

 private:
  const std::shared_ptr<Round> round_;
};

void Round::ask(std::vector<ToJudge> images) {
  open_ = images.size();
  if (images.empty()) return finish(verdicts_);
  for (ToJudge& image : images) {
    if (auto fault = enqueue(std::move(image))) return finish(tl::unexpected<Fault>(*std::move(fault)));
  }
}

std::optional<Fault> Round::enqueue(ToJudge image) {
  chat::Generation how;
  how.max_new_tokens = 0;
  how.deadline = guard_.options().request_timeout;
  chat::Question question = chat::question_of({chat::Image{image.image.param, image.image.bytes}}, how);
  question.judge_each_image = true;
  const std::vector<RequestImage> named{image.image};
  auto ear = std::make_shared<Ear>(shared_from_this(), std::move(image));
  // Held so that nobody who gives up overlooks the ticket; the scheduler calls nobody from here.
  const std::lock_guard lock(mutex_);
  if (!done_) return std::nullopt;
  const auto ticket = guard_.scheduler().enqueue(std::move(question), ear, guard_.options().queue_timeout);
  if (!ticket) return judging_fault(ticket.error(), named);
  tickets_.push_back(*ticket);
  return std::nullopt;
}

void Round::ended(const ToJudge& asked, const Result<chat::Reply>& reply) {
  if (!reply) return finish(tl::unexpected<Fault>(judging_fault(reply.error(), {asked.image})));
  const auto verdict = reply->image_verdicts.empty() ? reply->verdict : reply->image_verdicts.front();
  if (!verdict || !is_finite(*verdict))
    return finish(refuse(Code::guard_failed, "the guard could not judge an image", asked.image.param));
  guard_.keep(asked.digest, *verdict);
  {
    const std::lock_guard lock(mutex_);
    set(asked.places, *verdict);
    if (--open_ > 0) return;
  }
  finish(verdicts_);
}

void Round::finish(Answer<std::vector<taxonomy::Verdict>> answer) {
  Guard::Done done;
  std::vector<schedule::Ticket> tickets;
  {
    const std::lock_guard lock(mutex_);
    if (!done_) return;
    done = std::exchange(done_, nullptr);
    tickets.swap(tickets_);
  }
  if (!answer) {
    if (answer.error().code == Code::guard_failed) guard_.metrics().guard_failure();
    for (const auto ticket : tickets) guard_.scheduler().cancel(ticket);
  }
  guard_.metrics().guard_seconds(std::chrono::duration<double>(Clock::now() - start_).count());
  done(std::move(answer));
}

void Round::give_up() {
  Guard::Done done;
  std::vector<schedule::Ticket> tickets;
  {
    const std::lock_guard lock(mutex_);
    done = std::exchange(done_, nullptr);
    tickets = tickets_;
  }
  // Also those that have ended: it waits for an end that is being told.
  for (const auto ticket : tickets) guard_.scheduler().cancel(ticket);
}

const RequestImage* named_by(const Error& error, const std::vector<RequestImage>& images) {
  const auto found = std::find_if(images.begin(), images.end(), [&error](const RequestImage& image) {
    return !image.param.empty() && error.where.starts_with(image.param);
  });
  return found == images.end() ? nullptr : &*found;
}

}  // namespace

bool is_finite(const taxonomy::Verdict& verdict) {
  return std::all_of(verdict.scores.begin(), verdict.scores.end(),
                     [](double score) { return std::isfinite(score); });
}

Fault judging_fault(const Error& error, const std::vector<RequestImage>& images) {
  const RequestImage* image = named_by(error, images);
  switch (error.kind) {
    case ErrorKind::too_large:
      if (image != nullptr)
        return {Code::image_too_large, "the image is larger than this service takes", image->param};
      return {Code::context_length_exceeded, "the request is longer than the model can read", "messages"};
    case ErrorKind::unsupported:
    case ErrorKind::truncated:
    case ErrorKind::malformed:
    case ErrorKind::missing:
    case ErrorKind::out_of_range:
    case ErrorKind::overflow:
    case ErrorKind::mismatch:
      if (image == nullptr) break;
      return {Code::invalid_image,
              "the image cannot be decoded: expected a whole JPEG, PNG, WebP or GIF file", image->param};
    case ErrorKind::busy:
      return {Code::overloaded, "too many requests wait; try again later", {}};
    case ErrorKind::cancelled:
      return {Code::draining, "the service is being stopped", {}};
    default:
      break;
  }
  return {Code::guard_failed, "the guard could not judge the images", {}};
}

Guard::Guard(schedule::Scheduler& scheduler, GuardOptions options, Metrics& metrics)
    : scheduler_(scheduler), options_(options), metrics_(metrics), cache_(options.cached_verdicts) {}

void Guard::keep(const Digest& image, const taxonomy::Verdict& verdict) {
  if (is_finite(verdict)) cache_.keep(image, verdict);
}

std::unique_ptr<Task> Guard::judge(const std::vector<RequestImage>& images, std::function<void()> admitted,
                                   Done done) {
  auto round = std::make_shared<Round>(*this, images.size(), std::move(admitted), std::move(done));
  auto task = std::make_unique<RoundTask>(round);
  std::map<Digest, ToJudge> to_judge;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const Digest digest = sha256(*images[i].bytes);
    if (const auto verdict = cached(digest)) {
      round->set({i}, *verdict);
      continue;
    }
    ToJudge& one = to_judge.try_emplace(digest, ToJudge{images[i], digest, {}}).first->second;
    one.places.push_back(i);
  }
  std::vector<ToJudge> asked;
  for (auto& [digest, one] : to_judge) asked.push_back(std::move(one));
  round->ask(std::move(asked));
  return task;
}

}  // namespace holisafe::serve
