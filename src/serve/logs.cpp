#include "serve/logs.h"

#include <cerrno>
#include <chrono>
#include <utility>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json_line.h"
#include "policy/policy_json.h"

namespace holisafe::serve {
namespace {

/// Of lines that nobody has taken yet.
constexpr std::size_t most_access_bytes = std::size_t{8} << 20;
/// Of a path in a line.
constexpr std::size_t most_path_bytes = 200;

std::string now_text() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), (now - seconds).count());
}

Result<int> open_log(const std::filesystem::path& path) {
  if (path.empty()) return -1;
  const int file = path == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                               : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (file < 0) return fail(system_error("cannot write log", path, errno));
  return file;
}

/// What cannot be written is given up: answers go on.
void write_all(int file, std::string_view lines) {
  while (file >= 0 && !lines.empty()) {
    const ssize_t written = ::write(file, lines.data(), lines.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    lines.remove_prefix(static_cast<std::size_t>(written));
  }
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

Result<std::unique_ptr<Logs>> Logs::open(const std::filesystem::path& access,
                                         const std::filesystem::path& review) {
  std::unique_ptr<Logs> out(new Logs());
  HOLISAFE_TRY(out->access_, open_log(access));
  HOLISAFE_TRY(out->review_, open_log(review));
  out->thread_ = std::thread([logs = out.get()] { logs->run(); });
  return out;
}

Logs::~Logs() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  if (access_ >= 0) ::close(access_);
  if (review_ >= 0) ::close(review_);
}

void Logs::access(const AccessEntry& entry) {
  if (access_ < 0) return;
  Json line{{"time", now_text()},
            {"id", entry.id},
            {"method", entry.method.substr(0, 16)},
            {"path", entry.path.substr(0, most_path_bytes)},
            {"status", entry.status},
            {"seconds", entry.seconds},
            {"queue_seconds", nullptr},
            {"action", text_or_null(entry.action)},
            {"policy", text_or_null(entry.policy)},
            {"key", nullptr},
            {"images", entry.images},
            {"prompt_tokens", entry.prompt_tokens},
            {"completion_tokens", entry.completion_tokens}};
  if (entry.queue_seconds) line["queue_seconds"] = *entry.queue_seconds;
  if (entry.key) line["key"] = *entry.key;
  write(json_line(line), {});
}

void Logs::review(const std::string& id, const Digest& image, const ImageDecision& decided,
                  const policy::Policy& policy) {
  if (review_ < 0) return;
  Json scores;
  for (std::size_t i = 0; i < taxonomy::class_count; ++i)
    scores[std::string(taxonomy::classes()[i].name)] = decided.verdict.scores[i];
  Json line{{"time", now_text()}, {"id", id}, {"sha256", hex(image)}};
  policy::add_decision(line, policy, decided.decision);
  line["scores"] = std::move(scores);
  write({}, json_line(line));
}

void Logs::event(std::string_view what) {
  if (access_ < 0) return;
  write(json_line({{"time", now_text()}, {"event", std::string(what)}}), {});
}

void Logs::write(std::string access, const std::string& review) {
  {
    const std::lock_guard lock(mutex_);
    if (access_lines_.size() > most_access_bytes && !access.empty()) {
      ++dropped_;
      access.clear();
    }
    access_lines_ += access;
    review_lines_ += review;
  }
  changed_.notify_one();
}

void Logs::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closing_ || !access_lines_.empty() || !review_lines_.empty(); });
    if (access_lines_.empty() && review_lines_.empty()) return;
    std::string access = std::exchange(access_lines_, {});
    const std::string review = std::exchange(review_lines_, {});
    if (const auto dropped = std::exchange(dropped_, 0); dropped > 0)
      access += json_line({{"time", now_text()}, {"event", fmt::format("{} lines were dropped", dropped)}});
    lock.unlock();
    write_all(review_, review);
    write_all(access_, access);
    lock.lock();
  }
}

}  // namespace holisafe::serve
