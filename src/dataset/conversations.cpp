#include "dataset/conversations.h"

#include <fmt/format.h>

#include "dataset/row_elements.h"

namespace holisafe::dataset {
namespace {

std::size_t placeholders(const std::vector<Turn>& turns) {
  std::size_t count = 0;
  for (const Turn& turn : turns) {
    if (turn.from != Speaker::human) continue;
    for (auto at = turn.value.find(image_placeholder); at != std::string_view::npos;
         at = turn.value.find(image_placeholder, at + image_placeholder.size())) {
      ++count;
    }
  }
  return count;
}

class ConversationReading {
 public:
  ConversationReading(std::size_t index, simdjson::dom::element element, Problems& problems)
      : element_(element), problems_(problems) {
    row_.index = index;
    out_.row = index;
  }

  std::optional<Conversation> read() {
    const std::uint64_t before = problems_.count();
    if (element_.get(object_) != simdjson::SUCCESS) {
      wrong_kind("", "an object", element_);
      return std::nullopt;
    }
    RowElements::fill(row_, object_);
    out_.id = row_.id;
    for (const auto& [field, error] : row_.problems) {
      const bool absent_id = field == "id" && error.kind == ErrorKind::missing;
      // Another kind than a string is looked at in read_images().
      const bool image_list = field == "image" && error.kind == ErrorKind::wrong_type;
      if (!image_list && !absent_id) problem(field, error.kind, error.detail);
    }
    read_images();
    read_turns();
    read_labels();
    if (problems_.count() == before) check_placeholders();
    if (problems_.count() != before) return std::nullopt;
    return std::move(out_);
  }

 private:
  void problem(std::string_view field, ErrorKind kind, std::string detail) {
    problems_.add(row_, field, kind, "invalid row", std::move(detail));
  }
  std::optional<simdjson::dom::element> field(std::string_view name) const {
    simdjson::dom::element value;
    if (object_[name].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
    return value;
  }
  void read_images() {
    const auto single = field("image");
    const auto several = field("images");
    if (single && several) problem("images", ErrorKind::unexpected, "the row has `image` too");
    if (several) image_field_ = "images";
    const auto value = several ? several : single;
    if (!value) return;
    std::string_view path;
    simdjson::dom::array list;
    if (value->get(path) == simdjson::SUCCESS) {
      add_image(path);
    } else if (value->get(list) == simdjson::SUCCESS) {
      for (const auto each : list) {
        if (each.get(path) == simdjson::SUCCESS)
          add_image(path);
        else
          wrong_kind(image_field_, "a list of paths", each);
      }
    } else {
      wrong_kind(image_field_, "a path or a list of paths", *value);
    }
  }
  void add_image(std::string_view path) {
    if (path.empty() || path.find('\0') != std::string_view::npos) {
      problem(image_field_, ErrorKind::malformed, "expected a path");
    } else {
      out_.images.push_back(path);
    }
  }
  void read_turns() {
    const auto value = field("conversations");
    simdjson::dom::array list;
    if (!value) {
      problem("conversations", ErrorKind::missing, "expected an array, found nothing");
      return;
    }
    if (value->get(list) != simdjson::SUCCESS) return wrong_kind("conversations", "an array", *value);
    for (const auto each : list) {
      if (!read_turn(each)) return;
    }
    if (out_.turns.empty() || out_.turns.size() % 2 != 0) {
      problem("conversations", ErrorKind::malformed,
              fmt::format("expected pairs of human and gpt turns, found {} turns", out_.turns.size()));
    }
  }
  bool read_turn(simdjson::dom::element element) {
    const std::string name = fmt::format("conversations[{}]", out_.turns.size());
    const Speaker expected = out_.turns.size() % 2 == 0 ? Speaker::human : Speaker::gpt;
    std::string_view from;
    std::string_view value;
    simdjson::dom::object object;
    if (element.get(object) != simdjson::SUCCESS) {
      wrong_kind(name, "an object", element);
      return false;
    }
    if (object["from"].get(from) != simdjson::SUCCESS || object["value"].get(value) != simdjson::SUCCESS) {
      problem(name, ErrorKind::missing, "expected the strings \"from\" and \"value\"");
      return false;
    }
    const std::string_view wanted = expected == Speaker::human ? "human" : "gpt";
    if (from != wanted) {
      problem(name, ErrorKind::mismatch,
              fmt::format("expected a turn from \"{}\", found \"{}\"", wanted, from));
      return false;
    }
    out_.turns.push_back({expected, value});
    return true;
  }
  void read_labels() {
    if (row_.type) out_.type = taxonomy::parse_combination(*row_.type);
    if (!row_.image_safety_label) return;
    const std::int64_t label = *row_.image_safety_label;
    if (label != no_label && (label < 0 || label >= static_cast<std::int64_t>(taxonomy::class_count))) {
      problem("image_safety_label", ErrorKind::out_of_range,
              fmt::format("expected 0 to 19, or -100 for none, found {}", label));
      return;
    }
    out_.image_safety_label = static_cast<std::int16_t>(label);
  }
  void check_placeholders() {
    const std::size_t found = placeholders(out_.turns);
    if (found == 0 && image_field_ == "images" && !out_.images.empty()) {
      problem(
          "images", ErrorKind::missing,
          fmt::format("expected {} <image> in the human turns, one each, found none", out_.images.size()));
    }
    if (found != 0 && found != out_.images.size()) {
      problem("conversations", ErrorKind::mismatch,
              fmt::format("expected {} <image>, as many as images, found {}", out_.images.size(), found));
    }
    if (out_.image_safety_label != no_label && out_.images.empty()) {
      problem("image_safety_label", ErrorKind::unexpected, "the row has no image");
    }
  }
  void wrong_kind(std::string_view name, std::string_view expected, simdjson::dom::element found) {
    problem(name, ErrorKind::wrong_type, fmt::format("expected {}, found {}", expected, kind_of(found)));
  }

  simdjson::dom::element element_;
  simdjson::dom::object object_;
  Row row_;
  Problems& problems_;
  std::string_view image_field_ = "image";  ///< the one that the row has
  Conversation out_;
};

ConversationData from_rows(const RowFile& file) {
  ConversationData data{file, {}, Problems(file.name())};
  std::size_t index = 0;
  for (const auto element : RowElements::of(file)) {
    if (auto read = ConversationReading(index++, element, data.problems).read())
      data.conversations.push_back(std::move(*read));
  }
  return data;
}

}  // namespace

Result<ConversationData> read_conversations(const std::filesystem::path& file) {
  HOLISAFE_TRY(RowFile rows, RowFile::open(file.string()));
  return from_rows(rows);
}

Result<ConversationData> parse_conversations(std::string text, std::string name) {
  HOLISAFE_TRY(RowFile rows, RowFile::parse(std::move(text), std::move(name)));
  return from_rows(rows);
}

}  // namespace holisafe::dataset
