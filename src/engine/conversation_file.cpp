#include "engine/conversation_file.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "checkpoint/checkpoint.h"

namespace holisafe::engine {
namespace {
/// One message being read; errors name it.
class Message {
 public:
  Message(const nlohmann::json& value, std::string where, std::filesystem::path folder)
      : value_(value), where_(std::move(where)), folder_(std::move(folder)) {}

  [[nodiscard]] Result<std::string> text(const nlohmann::json& of, const char* key) const {
    if (!of.is_object()) return wrong("", "an object", of);
    const auto found = of.find(key);
    if (found == of.end())
      return fail(ErrorKind::missing, "cannot read conversation", where_, std::string("no ") + key);
    if (!found->is_string()) return wrong(key, "a string", *found);
    return found->get<std::string>();
  }

  [[nodiscard]] Result<std::string> role() const { return text(value_, "role"); }

  [[nodiscard]] Result<std::vector<chat::Part>> parts() const {
    const auto content = value_.find("content");
    if (content == value_.end())
      return fail(ErrorKind::missing, "cannot read conversation", where_, "no content");
    std::vector<chat::Part> out;
    if (content->is_string()) {
      out.emplace_back(content->get<std::string>());
      return out;
    }
    if (!content->is_array()) return wrong("content", "a string or a list", *content);
    for (const nlohmann::json& each : *content) {
      HOLISAFE_TRY(const std::string type, text(each, "type"));
      if (type == "text") {
        HOLISAFE_TRY(auto words, text(each, "text"));
        out.emplace_back(std::move(words));
      } else if (type == "image") {
        HOLISAFE_TRY(const std::string path, text(each, "path"));
        out.emplace_back(chat::Image{folder_ / path, nullptr});
      } else {
        return unknown("type", "text or image", type);
      }
    }
    return out;
  }

  [[nodiscard]] tl::unexpected<Error> unknown(const char* key, const char* expected,
                                              const std::string& found) const {
    return fail(ErrorKind::unsupported, "cannot read conversation", where_,
                fmt::format("{}: expected {}, found {}", key, expected, found));
  }

 private:
  [[nodiscard]] tl::unexpected<Error> wrong(const char* key, const char* expected,
                                            const nlohmann::json& found) const {
    return fail(
        ErrorKind::wrong_type, "cannot read conversation", where_,
        fmt::format("{}{}expected {}, found {}", key, *key == '\0' ? "" : ": ", expected, found.type_name()));
  }

  const nlohmann::json& value_;
  std::string where_;
  std::filesystem::path folder_;
};

}  // namespace

Result<chat::Conversation> read_conversation(const std::filesystem::path& file) {
  HOLISAFE_TRY(const nlohmann::json document, checkpoint::read_json(file));
  if (!document.is_array())
    return fail(ErrorKind::wrong_type, "cannot read conversation", file.string(),
                fmt::format("expected a list of messages, found {}", document.type_name()));
  chat::Conversation out;
  for (std::size_t i = 0; i < document.size(); ++i) {
    const Message message(document[i], fmt::format("{}: message {}", file.string(), i + 1),
                          file.parent_path());
    HOLISAFE_TRY(const std::string role, message.role());
    HOLISAFE_TRY(auto parts, message.parts());
    if (role == "system" && i == 0) {
      const chat::Turn turn{chat::Role::user, std::move(parts)};
      if (turn.images() > 0) return message.unknown("content", "text in a system message", "an image");
      out.system = turn.text();
    } else if (role == "user" || role == "assistant") {
      out.turns.push_back({role == "user" ? chat::Role::user : chat::Role::assistant, std::move(parts)});
    } else {
      return message.unknown("role", i == 0 ? "system, user or assistant" : "user or assistant", role);
    }
  }
  return out;
}

}  // namespace holisafe::engine
