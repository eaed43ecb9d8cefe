// A chat completion by the local model: verdicts and answer out of one submission.
#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include "serve/tasks.h"

namespace holisafe::serve {

std::int64_t current_seconds() {
  using std::chrono::system_clock;
  return system_clock::to_time_t(system_clock::now());
}

namespace {

using schedule::Clock;

/// The images of a conversation, to be filled in.
void fill_images(chat::Conversation& conversation, const std::vector<RequestImage>& images) {
  std::size_t next = 0;
  for (chat::Turn& turn : conversation.turns) {
    for (chat::Part& part : turn.parts) {
      auto* image = std::get_if<chat::Image>(&part);
      if (image == nullptr || next == images.size()) continue;
      *image = {images[next].param, images[next].bytes};
      ++next;
    }
  }
}

/// Begins on a worker; hears of its question on the scheduler's thread.
class LocalChat final : public schedule::Listener, public std::enable_shared_from_this<LocalChat> {
 public:
  LocalChat(Job job, ChatRequest request)
      : job_(std::move(job)),
        request_(std::move(request)),
        head_{new_id("chatcmpl-"), current_seconds(), request_.model} {}

  void begin(std::vector<RequestImage> images);
  void fail(const Fault& fault);
  void give_up();

  void admitted() override { job_.visit->admitted(); }
  void verdict(const taxonomy::Verdict&) override { open(); }
  void image_verdict(std::size_t image, const taxonomy::Verdict& verdict) override;
  void text(std::string_view text) override;
  void end(Result<chat::Reply> reply) override;

 private:
  void submit(bool judges);
  void decide();
  void guard_failed(const Fault& fault);
  void open();
  void finish(const chat::Reply& reply);
  void end_with(const Error& error);
  void close();
  [[nodiscard]] bool known() const;

  const Job job_;
  ChatRequest request_;
  const ChatHead head_;
  Clock::time_point start_{};
  std::vector<Digest> digests_;

  std::mutex mutex_;  ///< guards the next two; the scheduler calls nobody from enqueue()
  std::optional<schedule::Ticket> ticket_;
  bool over_ = false;  ///< answered, or given up

  // One thread at a time: the worker that begins, then the scheduler's.
  std::vector<std::optional<taxonomy::Verdict>> verdicts_;
  std::optional<RequestDecision> decided_;
  std::string warning_;
  Json moderation_;
  bool opened_ = false;
  bool has_text_ = false;  ///< a token was made
};

void LocalChat::begin(std::vector<RequestImage> images) {
  start_ = Clock::now();
  request_.images = std::move(images);
  fill_images(request_.conversation, request_.images);
  for (const RequestImage& image : request_.images) {
    digests_.push_back(sha256(*image.bytes));
    verdicts_.push_back(job_.guard.cached(digests_.back()));
  }
  if (known()) decide();
  submit(!decided_);
}

bool LocalChat::known() const {
  return std::all_of(verdicts_.begin(), verdicts_.end(),
                     [](const auto& verdict) { return verdict.has_value(); });
}

void LocalChat::submit(bool judges) {
  chat::Question question{request_.conversation, request_.how, judges};
  const auto& options = job_.guard.options();
  question.how.deadline =
      std::chrono::duration_cast<chat::milliseconds>(start_ + options.request_timeout - Clock::now());
  std::optional<Error> error;
  {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    auto ticket =
        job_.guard.scheduler().enqueue(std::move(question), shared_from_this(), options.queue_timeout);
    if (ticket) {
      ticket_ = *ticket;
    } else {
      error = std::move(ticket).error();
    }
  }
  if (error) end_with(*error);
}

void LocalChat::image_verdict(std::size_t image, const taxonomy::Verdict& verdict) {
  if (decided_ || image >= verdicts_.size()) return;
  if (!is_finite(verdict))
    return guard_failed(
        {Code::guard_failed, "the guard could not judge an image", request_.images[image].param});
  job_.guard.keep(digests_[image], verdict);
  verdicts_[image] = verdict;
  if (!known()) return;
  job_.guard.metrics().guard_seconds(std::chrono::duration<double>(Clock::now() - start_).count());
  decide();
  open();
}

/// All verdicts are there.
void LocalChat::decide() {
  std::vector<taxonomy::Verdict> verdicts;
  for (const auto& verdict : verdicts_) verdicts.push_back(*verdict);
  decided_ = decide_and_record(job_, request_.images, verdicts, request_.blocks_flagged);
  moderation_ = moderation_member(job_.model, *decided_, *job_.policy);
  if (decided_->action == policy::Action::warn) warning_ = text_for(*decided_, job_.policy->warning);
  if (decided_->action != policy::Action::block) return;
  answer_refusal(job_, head_, request_, *decided_);
  close();
}

/// The question's own judging failed: where the policy lets pass, it is asked again without.
void LocalChat::guard_failed(const Fault& fault) {
  job_.guard.metrics().guard_failure();
  if (!job_.policy->fails_open) return fail(fault);
  std::optional<schedule::Ticket> ticket;
  {
    const std::lock_guard lock(mutex_);
    ticket = std::exchange(ticket_, std::nullopt);
  }
  if (ticket) job_.guard.scheduler().cancel(*ticket);
  decided_ = pass_unjudged(job_);
  moderation_ = moderation_member(job_.model, *decided_, *job_.policy);
  submit(false);
}

/// The stream's first chunk, once what stands in it is known and the question is past its own faults.
void LocalChat::open() {
  if (!request_.stream || opened_ || !decided_ || decided_->action == policy::Action::block) return;
  opened_ = true;
  job_.visit->begin(opening_event(head_, moderation_) +
                    (warning_.empty() ? "" : text_event(head_, warning_)));
}

void LocalChat::text(std::string_view text) {
  has_text_ = true;
  // Nothing of an answer goes out that was not decided on.
  if (!request_.stream || !decided_ || decided_->action == policy::Action::block) return;
  open();
  job_.visit->send(text_event(head_, text));
}

void LocalChat::end(Result<chat::Reply> reply) {
  if (!reply) return end_with(reply.error());
  if (!decided_) return guard_failed({Code::guard_failed, "the guard said nothing of an image", {}});
  finish(*reply);
}

void LocalChat::finish(const chat::Reply& reply) {
  const std::uint64_t prompt = reply.usage.prompt_tokens.value_or(0);
  const std::uint64_t completion = reply.usage.completion_tokens.value_or(0);
  job_.visit->tokens(prompt, completion);
  if (request_.stream) {
    open();
    std::string last = finish_event(head_, reply.finish_reason);
    if (request_.include_usage) last += usage_event(head_, prompt, completion);
    job_.visit->send(last + std::string(done_event));
    job_.visit->finish();
  } else {
    job_.visit->respond(200, chat_answer(head_, warning_ + reply.text, reply.finish_reason, false, prompt,
                                         completion, moderation_));
  }
  close();
}

void LocalChat::end_with(const Error& error) {
  const Fault judging = judging_fault(error, request_.images);
  if (judging.code != Code::guard_failed) return fail(judging);
  if (!decided_) return error.kind == ErrorKind::timeout ? fail(judging) : guard_failed(judging);
  // The images' positions are read and judged in one: also a question that was to pass unjudged, or whose
  // verdicts were known, can end there.
  if (error.kind == ErrorKind::not_finite && !has_text_ && !request_.images.empty()) {
    if (!decided_->guard_failed) job_.guard.metrics().guard_failure();
    return fail(judging);
  }
  if (error.kind != ErrorKind::timeout) return fail({Code::internal_error, "the model could not answer", {}});
  if (job_.visit->begun())
    return fail({Code::request_timeout, "the answer took longer than this service allows", {}});
  fail({Code::overloaded, "the answer took longer than this service allows; try again later", {}});
}

void LocalChat::fail(const Fault& fault) {
  job_.visit->fail(fault);
  close();
}

/// The answer is out: what the model still does for it ends.
void LocalChat::close() {
  std::optional<schedule::Ticket> ticket;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(over_, true)) return;
    ticket = ticket_;
  }
  if (ticket) job_.guard.scheduler().cancel(*ticket);
  job_.over();
}

void LocalChat::give_up() {
  std::optional<schedule::Ticket> ticket;
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    ticket = ticket_;
  }
  // Waits for an event that is being told.
  if (ticket) job_.guard.scheduler().cancel(*ticket);
}

class LocalChatTask final : public Task {
 public:
  LocalChatTask(std::shared_ptr<Steps> steps, std::shared_ptr<LocalChat> chat)
      : steps_(std::move(steps)), chat_(std::move(chat)) {}
  ~LocalChatTask() override {
    steps_->give_up();
    chat_->give_up();
  }

 private:
  const std::shared_ptr<Steps> steps_;
  const std::shared_ptr<LocalChat> chat_;
};

}  // namespace

std::unique_ptr<Task> chat_task(Job job, ChatRequest request) {
  auto steps = std::make_shared<Steps>();
  std::vector<RequestImage> images = request.images;
  ImageFetcher* const fetcher = job.fetcher;
  http::Workers& workers = job.workers;
  auto chat = std::make_shared<LocalChat>(std::move(job), std::move(request));
  steps->keep(with_bytes(fetcher, std::move(images),
                         [&workers, steps, chat](Answer<std::vector<RequestImage>> found) {
                           if (!found) return chat->fail(found.error());
                           const auto shared = std::make_shared<std::vector<RequestImage>>(*std::move(found));
                           workers.post([=] {
                             if (!steps->given_up()) chat->begin(std::move(*shared));
                           });
                         }));
  return std::make_unique<LocalChatTask>(std::move(steps), std::move(chat));
}

}  // namespace holisafe::serve
