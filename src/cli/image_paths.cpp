#include "cli/image_paths.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <string_view>

#include <poll.h>
#include <unistd.h>

namespace holisafe::cli {
namespace {

using namespace std::string_view_literals;

constexpr int poll_milliseconds = 200;

/// One byte more than a path may have: what is longer is no file's name, and opening it says so.
constexpr std::size_t longest_name = PATH_MAX + 1;

Error no_names() {
  return {ErrorKind::missing, "no names in the list", "standard input",
          "expected one a line, or NUL between"};
}

}  // namespace

bool NameReader::fill() {
  while (stop_ == nullptr || !stop_->requested()) {
    pollfd ready{descriptor_, POLLIN, 0};
    const int count = ::poll(&ready, 1, poll_milliseconds);
    if (count == 0 || (count < 0 && errno == EINTR)) continue;
    std::array<char, 4096> bytes{};
    const ssize_t got = ::read(descriptor_, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    buffer_.assign(bytes.data(), static_cast<std::size_t>(got));
    begin_ = 0;
    return true;
  }
  return false;
}

std::optional<std::string> NameReader::next() {
  const std::string_view ends = "\0\n"sv.substr(0, ends_);
  std::string name;
  bool begun = false;
  while (begin_ < buffer_.size() || fill()) {
    const std::string_view rest = std::string_view(buffer_).substr(begin_);
    const std::size_t end = std::min(rest.find_first_of(ends), rest.size());
    name += rest.substr(0, std::min(end, longest_name - name.size()));
    begin_ += end + 1;
    begun = true;
    if (end == rest.size()) continue;
    if (rest[end] == '\n' && name.ends_with('\r')) name.pop_back();
    return name;
  }
  if (!begun) return std::nullopt;
  if (ends_ == 2 && name.ends_with('\r')) name.pop_back();
  return name;
}

std::optional<ImagePaths::Item> ImagePaths::next_name() {
  while (true) {
    while (in_list_) {
      auto name = names_.next();
      in_list_ = name.has_value();
      if (name && name->empty()) continue;
      if (name) list_is_empty_ = false;
      if (name) return Item{*std::move(name), std::nullopt};
      if (list_is_empty_ && !stopped()) return Item{"-", no_names()};
    }
    if (index_ == paths_.size()) return std::nullopt;
    const std::string& path = paths_[index_++];
    if (path != "-") return Item{path, std::nullopt};
    in_list_ = true;
    list_is_empty_ = true;
  }
}

std::optional<ImagePaths::Item> ImagePaths::next() {
  while (true) {
    if (tree_) {
      if (auto found = tree_->next()) return found;
      tree_.reset();
    }
    auto item = next_name();
    if (!item || item->error) return item;
    std::error_code code;
    if (!std::filesystem::is_directory(item->path, code)) return item;
    if (!options_.recursive) {
      item->error = Error{ErrorKind::not_a_file, "cannot read image", item->path,
                          "it is a folder: use -r for what is in it"};
      return item;
    }
    tree_.emplace(std::move(item->path));
  }
}

ImageCount::ImageCount(const std::vector<std::string>& paths, ImagePaths::Options options,
                       const StopFlag* stop) {
  if (std::find(paths.begin(), paths.end(), "-") != paths.end()) return;
  thread_ = std::thread([this, stop, found = ImagePaths(paths, options, -1, stop)]() mutable {
    std::uint64_t count = 0;
    while (!ended_ && !stop->requested() && found.next()) ++count;
    if (!ended_ && !stop->requested()) total_ = count;
  });
}

ImageCount::~ImageCount() {
  ended_ = true;
  if (thread_.joinable()) thread_.join();
}

}  // namespace holisafe::cli
