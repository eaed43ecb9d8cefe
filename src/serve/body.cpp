// Strict JSON: what two parsers could read differently is refused, since the upstream has another one.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "serve/long_texts.h"
#include "serve/request.h"

namespace holisafe::serve {
namespace {

constexpr std::size_t most_levels = 64;
/// A value takes some 100 bytes of memory and two of the body.
constexpr std::size_t most_values = std::size_t{1} << 18;

/// Builds the document as the parser comes along. Lists and objects are made when they end, so that no value
/// is copied and the place of the one at hand is known.
class Builder {
 public:
  explicit Builder(const Shortened& body) : body_(body) {}

  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(number_integer_t value) { return put(value); }
  bool number_unsigned(number_unsigned_t value) { return put(value); }
  bool number_float(number_float_t value, const string_t& text) {
    // Integers that do not fit come here, rounded.
    if (text.find_first_of(".eE") == string_t::npos)
      return stop(Code::invalid_value, "expected integers of at most 64 bits, found a larger one", path());
    return put(value);
  }
  bool string(string_t& value) { return put(whole(value)); }
  bool binary(binary_t& /*value*/) { return false; }

  bool start_object(std::size_t /*members*/) { return open(true); }
  bool start_array(std::size_t /*elements*/) { return open(false); }
  bool key(string_t& name) {
    open_.back().members.emplace_back(whole(name), nullptr);
    return true;
  }

  bool end_object() {
    auto& members = open_.back().members;
    if (const std::string* twice = repeated_key(members)) {
      const std::string name = *twice;
      open_.pop_back();
      return stop(Code::duplicate_key, "expected each member once in an object, found one twice",
                  joined(path(), name));
    }
    Json::object_t out;
    out.reserve(members.size());
    for (auto& [name, value] : members) out.emplace_back(std::move(name), std::move(value));
    open_.pop_back();
    return put(std::move(out));
  }

  bool end_array() {
    Json::array_t out = std::move(open_.back().elements);
    open_.pop_back();
    return put(std::move(out));
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::json::exception& error) {
    constexpr int out_of_range = 406;  // nlohmann-json's number for a number beyond what a double holds
    if (error.id == out_of_range)
      return stop(Code::invalid_value, "expected numbers that a double holds, found a larger one", path());
    return stop(Code::invalid_json,
                fmt::format("expected JSON, found a fault at byte {}", body_.place_of(position)), {});
  }

  Answer<Json> take() && {
    if (fault_) return tl::unexpected<Fault>(*std::move(fault_));
    return std::move(document_);
  }

 private:
  using Members = std::vector<std::pair<std::string, Json>>;

  /// A list or object that has not ended; of an object the last member may wait for its value.
  struct Open {
    bool is_object = false;
    Members members;
    Json::array_t elements;
  };

  /// A string as it stands in the body.
  std::string whole(string_t& found) {
    const std::size_t ordinal = strings_++;
    if (next_ == body_.texts.size() || body_.texts[next_].ordinal != ordinal) return std::move(found);
    return std::string(body_.texts[next_++].text);
  }

  static const std::string* repeated_key(const Members& members) {
    std::vector<const std::string*> names;
    names.reserve(members.size());
    for (const auto& [name, value] : members) names.push_back(&name);
    std::sort(names.begin(), names.end(), [](const auto* a, const auto* b) { return *a < *b; });
    const auto twice =
        std::adjacent_find(names.begin(), names.end(), [](const auto* a, const auto* b) { return *a == *b; });
    return twice == names.end() ? nullptr : *twice;
  }

  static std::string joined(std::string path, std::string_view name) {
    constexpr std::size_t shown = 64;
    if (!path.empty()) path += '.';
    return path += excerpt(name, shown);
  }

  /// Where the value at hand stands.
  [[nodiscard]] std::string path() const {
    std::string out;
    for (const Open& each : open_) {
      if (!each.is_object) {
        out += fmt::format("[{}]", each.elements.size());
      } else if (!each.members.empty()) {
        out = joined(std::move(out), each.members.back().first);
      }
    }
    return out;
  }

  bool open(bool is_object) {
    if (open_.size() == most_levels)
      return stop(Code::invalid_json,
                  fmt::format("expected JSON of at most {} levels, found more", most_levels), {});
    open_.push_back({is_object, {}, {}});
    return true;
  }

  template <class Value>
  bool put(Value&& value) {
    if (++values_ > most_values)
      return stop(Code::request_too_large,
                  fmt::format("expected JSON of at most {} values, found more", most_values), {});
    if (open_.empty()) {
      document_ = std::forward<Value>(value);
    } else if (open_.back().is_object) {
      open_.back().members.back().second = std::forward<Value>(value);
    } else {
      open_.back().elements.emplace_back(std::forward<Value>(value));
    }
    return true;
  }

  bool stop(Code code, std::string message, std::optional<std::string> param) {
    if (param && param->empty()) param.reset();
    fault_ = Fault{code, std::move(message), std::move(param)};
    return false;
  }

  const Shortened& body_;
  std::size_t strings_ = 0;  ///< met so far
  std::size_t next_ = 0;     ///< of the long ones
  Json document_;
  std::vector<Open> open_;
  std::size_t values_ = 0;
  std::optional<Fault> fault_;
};

/// What the parser would take, though it is no JSON.
std::optional<std::size_t> odd_byte(std::string_view body) {
  if (body.starts_with(byte_order_mark)) return 0;
  const auto end = body.find('\0');  // to the parser the end of the text
  return end == std::string_view::npos ? std::nullopt : std::optional(end);
}

}  // namespace

Answer<Json> parse_body(std::string_view body) {
  if (const auto place = odd_byte(body))
    return refuse(Code::invalid_json, fmt::format("expected JSON, found a fault at byte {}", *place));
  const Shortened short_one = shortened(body);
  Builder builder(short_one);
  Json::sax_parse(short_one.short_body, &builder);
  return std::move(builder).take();
}

}  // namespace holisafe::serve
