#include "cli/image_paths.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include <poll.h>
#include <unistd.h>

namespace holisafe::cli {
namespace {

using namespace std::string_view_literals;

constexpr int poll_milliseconds = 200;

}  // namespace

bool NameReader::fill() {
  while (stop_ == nullptr || !stop_->requested()) {
    pollfd ready{descriptor_, POLLIN, 0};
    const int count = ::poll(&ready, 1, poll_milliseconds);
    if (count == 0 || (count < 0 && errno == EINTR)) continue;
    std::array<char, 4096> bytes{};
    const ssize_t got = ::read(descriptor_, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    return got > 0;
  }
  return false;
}

std::optional<std::string> NameReader::next() {
  const std::string_view ends = "\0\n"sv.substr(0, ends_);
  std::size_t end = buffer_.find_first_of(ends);
  while (end == std::string::npos && !at_end_) {
    at_end_ = !fill();
    end = buffer_.find_first_of(ends);
  }
  if (end == std::string::npos && buffer_.empty()) return std::nullopt;
  std::string name = buffer_.substr(0, end);
  const bool line = ends_ == 2 && (end == std::string::npos || buffer_[end] == '\n');
  buffer_.erase(0, end == std::string::npos ? end : end + 1);
  if (line && name.ends_with('\r')) name.pop_back();
  return name;
}

std::optional<std::string> ImagePaths::next_name() {
  while (true) {
    while (in_list_) {
      auto name = names_.next();
      in_list_ = name.has_value();
      if (name && !name->empty()) return name;
    }
    if (index_ == paths_.size()) return std::nullopt;
    const std::string& path = paths_[index_++];
    if (path != "-") return path;
    in_list_ = true;
  }
}

std::optional<ImagePaths::Item> ImagePaths::next() {
  while (true) {
    if (tree_) {
      if (auto found = tree_->next()) return found;
      tree_.reset();
    }
    auto path = next_name();
    if (!path) return std::nullopt;
    std::error_code code;
    if (!std::filesystem::is_directory(*path, code)) return Item{*std::move(path), std::nullopt};
    if (!options_.recursive) {
      Error error{ErrorKind::not_a_file, "cannot read image", *path,
                  "it is a folder: use -r for what is in it"};
      return Item{*std::move(path), std::move(error)};
    }
    tree_.emplace(*std::move(path));
  }
}

}  // namespace holisafe::cli
