#include "runs/guard_loop.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "runs/file_stamp.h"
#include "verdicts/guard_tables.h"

namespace holisafe::runs {
namespace {

constexpr std::size_t paths_a_page = 256;

/// Commits are that far apart where verdicts come faster: one waits for the disk.
constexpr std::chrono::milliseconds between_commits{20};

/// Reasons that lie in the machine and the moment, not in the picture: the next command tries again.
bool may_pass(ErrorKind kind) {
  return kind == ErrorKind::out_of_memory || kind == ErrorKind::io || kind == ErrorKind::out_of_space ||
         kind == ErrorKind::internal || kind == ErrorKind::interrupted;
}

}  // namespace

GuardLoop::GuardLoop(const GuardRunSettings& settings, const verdicts::GuardStore& store,
                     verdicts::GuardWriter& writer, GuardSummary& so_far, const StopFlag& stop)
    : settings_(settings),
      store_(store),
      writer_(writer),
      so_far_(so_far),
      stop_(stop),
      most_ahead_(2 * static_cast<std::size_t>(std::max(1, settings.threads)) + 4),
      last_commit_(std::chrono::steady_clock::now()),
      reading_([most = settings.decode.limits.file_bytes](
                   std::string path) { return read(std::move(path), most); },
               settings.threads) {}

GuardLoop::File GuardLoop::read(std::string path, std::uint64_t most_bytes) {
  File out;
  out.stamp = stamp_of(path);  // before its bytes: what changes meanwhile is found by the next command
  auto bytes = read_file(path, most_bytes);
  if (bytes) {
    out.sha256 = sha256(*bytes);
    out.bytes = *std::move(bytes);
  } else {
    out.bytes = fail(verdicts::without_path(bytes.error(), path));
  }
  out.path = std::move(path);
  return out;
}

Result<void> GuardLoop::run(std::uint64_t total, Progress* progress) {
  HOLISAFE_CHECK(find_flagging());
  HOLISAFE_TRY(verdicts::LineCursor lines, store_.lines());
  verdicts::Line line;
  while (true) {
    HOLISAFE_TRY(const bool found, lines.next(line));
    if (!found) break;
    count(line);
  }
  if (settings_.on_listed) settings_.on_listed(so_far_.images);
  total_ = total;
  progress_ = progress;
  while (!stop_.requested()) {
    HOLISAFE_TRY(const bool more, push_files());
    if (!more) break;
    HOLISAFE_CHECK(judge_next());
  }
  return writer_.commit();
}

/// Of what the run remembers of its guard; a judge is opened for pictures alone.
Result<void> GuardLoop::find_flagging() {
  if (!settings_.threshold.by_class) {
    flagging_ = verdicts::Flagging(settings_.threshold.unsafe);
  } else {
    HOLISAFE_TRY(const auto facts, store_.facts());
    if (!facts) return {};
    const auto& model = settings_.model;
    HOLISAFE_TRY(flagging_, verdicts::Flagging::by_class(facts->thresholds,
                                                         model.guard.empty() ? model.model : model.guard));
  }
  return store_.put_flagging(*flagging_);
}

Result<void> GuardLoop::open_judge() {
  HOLISAFE_CHECK(writer_.commit());
  HOLISAFE_TRY(judge_, settings_.open_judge());
  HOLISAFE_CHECK(store_.put_facts(judge_->facts()));
  if (!flagging_) HOLISAFE_CHECK(find_flagging());
  return {};
}

/// Whether files are being read, or will be.
Result<bool> GuardLoop::push_paths() {
  while (reading_.waiting() < most_ahead_) {
    if (paths_.empty()) {
      HOLISAFE_CHECK(writer_.commit());
      HOLISAFE_TRY(auto page, writer_.pending_after(last_path_, paths_a_page));
      if (page.empty()) break;
      last_path_ = page.back();
      paths_.assign(std::make_move_iterator(page.begin()), std::make_move_iterator(page.end()));
    }
    reading_.push(std::move(paths_.front()));
    paths_.pop_front();
  }
  return reading_.waiting() > 0;
}

/// Takes files that were read as long as there is room for pictures; false when there is no picture to judge.
Result<bool> GuardLoop::push_files() {
  while (judging_.size() < most_ahead_) {
    HOLISAFE_TRY(const bool reading, push_paths());
    if (!reading) break;
    auto file = reading_.next(&stop_);
    if (!file) return false;
    HOLISAFE_CHECK(settle(*std::move(file)));
    HOLISAFE_CHECK(commit_when_due());
  }
  return !judging_.empty();
}

/// What is known of a file's content is known of the file; else it is to be judged.
Result<void> GuardLoop::settle(File file) {
  if (!file.bytes) return keep_failure(file, file.bytes.error());
  while (being_judged_.contains(file.sha256)) {
    if (stop_.requested()) return {};
    HOLISAFE_CHECK(judge_next());
  }
  HOLISAFE_TRY(const auto known, writer_.known(file.sha256));
  if (known) {
    HOLISAFE_CHECK(writer_.read(file.path, file.stamp, known->number));
    verdicts::Line line;
    line.verdict = known->row.verdict;
    count(line);
    return {};
  }
  if (!judge_) HOLISAFE_CHECK(open_judge());
  being_judged_.insert(file.sha256);
  judge_->push({file.path, std::make_shared<const std::string>(*std::move(file.bytes))});
  file.bytes = std::string();
  judging_.push_back(std::move(file));
  return {};
}

Result<void> GuardLoop::judge_next() {
  const auto judged = judge_->next(stop_);
  if (!judged) return {};
  const File file = std::move(judging_.front());
  judging_.pop_front();
  being_judged_.erase(file.sha256);
  verdicts::ContentRow row;
  row.sha256 = file.sha256;
  row.width = judged->width;
  row.height = judged->height;
  if (judged->verdict) {
    row.verdict = judged->verdict;
    HOLISAFE_CHECK(keep(file, row, settings_.pooled ? judged->pooled : std::span<const float>()));
  } else {
    const Error error = verdicts::without_path(judged->verdict.error(), file.path);
    if (may_pass(error.kind)) return keep_failure(file, error);
    row.verdict = fail(error);
    HOLISAFE_CHECK(keep(file, row, {}));
  }
  return commit_when_due();
}

Result<void> GuardLoop::keep(const File& file, const verdicts::ContentRow& row,
                             std::span<const float> pooled) {
  HOLISAFE_TRY(const std::int64_t content, writer_.add(row, pooled));
  HOLISAFE_CHECK(writer_.read(file.path, file.stamp, content));
  verdicts::Line line;
  line.verdict = row.verdict;
  count(line);
  return {};
}

Result<void> GuardLoop::keep_failure(const File& file, const Error& error) {
  HOLISAFE_CHECK(writer_.failed(file.path, file.stamp, error));
  verdicts::Line line;
  line.verdict = fail(error);
  count(line);
  return {};
}

Result<void> GuardLoop::commit_when_due() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_commit_ < between_commits) return {};
  last_commit_ = now;
  return writer_.commit();
}

void GuardLoop::count(const verdicts::Line& line) {
  so_far_.add(line, flagging_.value_or(verdicts::Flagging(verdicts::Flagging::usual_threshold)));
  if (progress_ == nullptr || line.gone) return;
  progress_->update(so_far_.images, total_,
                    fmt::format("{} flagged, {} errors", so_far_.flagged, so_far_.errors));
}

}  // namespace holisafe::runs
