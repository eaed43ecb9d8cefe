#include "cli/image_paths.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <span>
#include <string_view>

#include <poll.h>
#include <unistd.h>

#include "base/file.h"
#include "image/image.h"

namespace holisafe::cli {
namespace {

namespace fs = std::filesystem;

constexpr int poll_milliseconds = 200;

bool has_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<std::string_view, 6> known{".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif"};
  return std::find(known.begin(), known.end(), extension) != known.end();
}

bool has_image_content(const fs::path& path) {
  std::array<char, 64> head{};
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), head.size());
  const std::span bytes(reinterpret_cast<const std::byte*>(head.data()),
                        static_cast<std::size_t>(file.gcount()));
  return image::detect(bytes).has_value();
}

Result<std::deque<std::string>> pictures_beneath(const std::string& folder) {
  std::deque<std::string> out;
  std::error_code code;
  fs::recursive_directory_iterator entries(folder, code);
  for (; !code && entries != fs::recursive_directory_iterator(); entries.increment(code)) {
    std::error_code ignored;
    if (!entries->is_regular_file(ignored)) continue;
    if (has_image_name(entries->path()) || has_image_content(entries->path()))
      out.push_back(entries->path().string());
  }
  if (code) return fail(system_error("cannot read folder", folder, code.value()));
  if (out.empty())
    return fail(ErrorKind::missing, "no pictures in folder", folder, "expected JPEG, PNG, WebP or GIF files");
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

bool LineReader::fill() {
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

std::optional<std::string> LineReader::next() {
  std::size_t end = buffer_.find('\n');
  while (end == std::string::npos && !at_end_) {
    at_end_ = !fill();
    end = buffer_.find('\n');
  }
  if (end == std::string::npos && buffer_.empty()) return std::nullopt;
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end == std::string::npos ? end : end + 1);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

ImagePaths::Item ImagePaths::take(const std::string& path) {
  std::error_code code;
  if (!fs::is_directory(path, code)) return {path, std::nullopt};
  if (!recursive_)
    return {path, Error{ErrorKind::not_a_file, "cannot read image", path,
                        "it is a folder: use -r for what is in it"}};
  auto files = pictures_beneath(path);
  if (!files) return {path, files.error()};
  folder_files_ = *std::move(files);
  std::string first = std::move(folder_files_.front());
  folder_files_.pop_front();
  return {std::move(first), std::nullopt};
}

std::optional<ImagePaths::Item> ImagePaths::next() {
  if (!folder_files_.empty()) {
    std::string file = std::move(folder_files_.front());
    folder_files_.pop_front();
    return Item{std::move(file), std::nullopt};
  }
  while (in_list_) {
    auto line = lines_.next();
    in_list_ = line.has_value();
    if (line && !line->empty()) return take(*line);
  }
  if (index_ == paths_.size()) return std::nullopt;
  const std::string& path = paths_[index_++];
  if (path != "-") return take(path);
  in_list_ = true;
  return next();
}

}  // namespace holisafe::cli
