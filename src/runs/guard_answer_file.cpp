#include "runs/guard_answer_file.h"

#include <fmt/format.h>

#include "base/text.h"
#include "dataset/row_elements.h"
#include "dataset/row_stream.h"

namespace holisafe::runs {
namespace {

using ask::Json;
using guard_formats::GuardFormat;

constexpr const char* no_guard_answer = "cannot take a guard's answer";

/// A row while it is read.
class AnswerRow {
 public:
  AnswerRow(const std::string& file, std::uint64_t line, std::uint64_t row)
      : place_(fmt::format("{}: line {} (row {})", file, line, row)) {}

  [[nodiscard]] Error wrong(std::string_view field, ErrorKind kind, std::string detail) const {
    return {kind, no_guard_answer, field.empty() ? place_ : fmt::format("{}: {}", place_, field),
            std::move(detail)};
  }
  [[nodiscard]] const std::string& place() const { return place_; }

 private:
  std::string place_;
};

/// The row's object, each field once.
Result<void> check_object(const AnswerRow& row, simdjson::dom::element element) {
  simdjson::dom::object object;
  if (element.get(object) != simdjson::SUCCESS) {
    return fail(row.wrong("", ErrorKind::wrong_type,
                          fmt::format("expected an object, found {}", dataset::kind_of(element))));
  }
  dataset::RepeatedFields fields;
  for (const auto& field : object) {
    if (fields.again(field.key))
      return fail(row.wrong(field.key, ErrorKind::duplicate, "expected the field once, found it again"));
  }
  return {};
}

/// The row's image. Nothing where it is one that the data lack and the format names pictures by paths:
/// whoever judged a folder judged all that lies in it.
Result<std::optional<std::size_t>> image_of(const AnswerRow& row, const Json& json, const GuardFormat& format,
                                            const GuardImages& images) {
  const std::string field(format.image_field);
  const Json& value = ask::member(json, field);
  if (!value.is_string()) {
    const bool none = value.is_null();
    return fail(row.wrong(field, none ? ErrorKind::missing : ErrorKind::wrong_type,
                          fmt::format("expected {}, found {}", format.image_ends_path ? "a path" : "an image",
                                      none ? "nothing" : "something else")));
  }
  const auto& name = value.get_ref<const std::string&>();
  const auto found = format.image_ends_path ? images.find_at_end(name) : images.find(name);
  if (found || format.image_ends_path) return found;
  constexpr std::size_t shown = 100;
  return fail(
      row.wrong(field, ErrorKind::unexpected,
                fmt::format("expected an image of {}, found \"{}\"", images.file(), excerpt(name, shown))));
}

/// Whether the output is one of the format.
Result<void> check_output(const AnswerRow& row, const Json& output, const GuardFormat& format, bool scored) {
  const auto reading = format.read(output);
  if (!reading) {
    const Error& error = reading.error();
    const std::string_view dot = format.output_field.empty() || error.where.empty() ? "" : ".";
    return fail(
        row.wrong(fmt::format("{}{}{}", format.output_field, dot, error.where), error.kind, error.detail));
  }
  if (!scored || !*reading || (*reading)->score) return {};
  return fail(row.wrong(format.output_field, ErrorKind::missing,
                        "expected an answer with a score, which --threshold acts on, found none"));
}

}  // namespace

Result<GuardAnswerFile> GuardAnswerFile::open(const std::string& path, const GuardFormat& format) {
  HOLISAFE_TRY(auto file, InputFile::open(path));
  return GuardAnswerFile(std::move(file), format);
}

Result<std::uint64_t> GuardAnswerFile::read(const GuardImages& images, bool scored,
                                            const OnOutput& on_output) const {
  constexpr std::size_t rows_at_once = 64;
  HOLISAFE_TRY(auto stream, dataset::RowStream::open(file_));
  std::vector<std::uint64_t> lines(images.images().size());  // in which an image's answer stands
  std::uint64_t rows = 0;
  std::uint64_t others = 0;
  while (true) {
    HOLISAFE_TRY(const auto piece, stream.next_rows(rows_at_once));
    if (!piece) break;
    const auto texts = piece->row_texts();
    std::size_t index = 0;
    for (const auto element : dataset::RowElements::of(*piece)) {
      const std::uint64_t line = stream.line(index);
      const AnswerRow row(path(), line, ++rows);
      HOLISAFE_CHECK(check_object(row, element));
      const Json json = Json::parse(texts[index++], nullptr, false);
      HOLISAFE_TRY(const auto known, image_of(row, json, *format_, images));
      if (!known) {
        ++others;
        continue;
      }
      const std::size_t image = *known;
      if (lines[image] > 0) {
        return fail(row.wrong(format_->image_field, ErrorKind::duplicate,
                              fmt::format("expected every image once, found {} in line {} too",
                                          images.images()[image].name, lines[image])));
      }
      lines[image] = line;
      const std::string field(format_->output_field);
      if (!field.empty() && !json.contains(field))
        return fail(row.wrong(field, ErrorKind::missing, "expected the guard's answer, found nothing"));
      const Json& output = field.empty() ? json : json[field];
      if (output.is_null()) continue;
      HOLISAFE_CHECK(check_output(row, output, *format_, scored));
      HOLISAFE_CHECK(on_output(image, ask::to_text(output)));
    }
  }
  return others;
}

}  // namespace holisafe::runs
