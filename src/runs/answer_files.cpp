#include "runs/answer_files.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace holisafe::runs {
namespace {

using dataset::FieldRows;
using dataset::FieldValue;
using Kind = FieldValue::Kind;

constexpr const char* no_answer = "cannot take an answer";

/// Of lmms-eval's samples.
constexpr const char* position_field = "doc_id";
constexpr const char* question_field = "input";
constexpr const char* sample_answer = "filtered_resps";

constexpr std::array<const char*, 4> answer_names = {"prediction", "response", "answer", "output"};

std::vector<std::string> named_or(const std::string& named, std::vector<std::string> otherwise) {
  return named.empty() ? std::move(otherwise) : std::vector<std::string>{named};
}

/// All of these names once.
std::vector<std::string> joined(std::initializer_list<std::vector<std::string>> lists) {
  std::vector<std::string> out;
  for (const auto& list : lists) {
    for (const auto& name : list) {
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    }
  }
  return out;
}

Error wrong(const FieldRows& rows, const std::string& field, ErrorKind kind, std::string detail) {
  return {kind, no_answer, rows.where(field), std::move(detail)};
}

Error wrong_kind(const FieldRows& rows, const std::string& field, const char* expected,
                 const FieldValue& value) {
  const bool none = value.kind == Kind::absent || value.kind == Kind::null;
  return wrong(rows, field, none ? ErrorKind::missing : ErrorKind::wrong_type,
               fmt::format("expected {}, found {}", expected, value.found));
}

}  // namespace

std::size_t AnswerFiles::number(std::string_view name) const {
  return static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
}

Result<AnswerFiles> AnswerFiles::open(std::span<const std::string> paths,
                                      const benchmarks::Benchmark& benchmark, const AnswerFields& fields) {
  const auto ids = named_or(fields.id, joined({{std::string(benchmark.id_field)}, {"id"}}));
  const auto answers = named_or(fields.answer, {answer_names.begin(), answer_names.end()});
  AnswerFiles out;
  out.names_ = joined({ids, answers, {position_field, question_field, sample_answer}});
  for (const auto& path : paths) {
    HOLISAFE_TRY(auto file, InputFile::open(path));
    HOLISAFE_TRY(auto rows, FieldRows::open(std::move(file), out.names_));
    out.files_.push_back({std::move(rows), fields.id.empty()});
  }
  HOLISAFE_CHECK(out.look_through(ids, answers));
  out.of_samples_ = {out.number(position_field),
                     out.number(fields.answer.empty() ? sample_answer : fields.answer)};
  const bool any_samples =
      std::any_of(out.files_.begin(), out.files_.end(), [](const File& file) { return file.samples; });
  const bool all_samples =
      std::all_of(out.files_.begin(), out.files_.end(), [](const File& file) { return file.samples; });
  if (any_samples) {
    out.note_ =
        fmt::format("samples of lmms-eval: rows join by their position, \"{}\", answers are in \"{}\"",
                    position_field, out.names_[out.of_samples_.answer]);
  }
  if (!all_samples && (fields.id.empty() || fields.answer.empty())) {
    out.note_ += fmt::format("{}rows join by \"{}\", answers are in \"{}\"", any_samples ? "; others: " : "",
                             out.names_[out.by_id_.id], out.names_[out.by_id_.answer]);
  }
  return out;
}

/// Finds out which files are lmms-eval's, and which fields the others have.
Result<void> AnswerFiles::look_through(const std::vector<std::string>& ids,
                                       const std::vector<std::string>& answers) {
  std::vector<bool> there(names_.size());
  bool others = false;
  for (File& file : files_) {
    HOLISAFE_TRY(bool found, file.rows.next());
    if (!found)
      return fail(ErrorKind::missing, "no rows", file.rows.file().path().string(),
                  "expected answers, found none");
    for (const char* field : {position_field, sample_answer})
      file.samples = file.samples && file.rows.value(number(field)).kind != Kind::absent;
    others = others || !file.samples;
    for (; found && !file.samples;) {
      for (std::size_t i = 0; i < names_.size(); ++i)
        there[i] = there[i] || file.rows.value(i).kind != Kind::absent;
      HOLISAFE_TRY(found, file.rows.next());
    }
    file.rows.rewind();
  }
  if (!others) return {};
  HOLISAFE_TRY(by_id_.id, first_there(ids, there, "an id", "--id-field"));
  HOLISAFE_TRY(by_id_.answer, first_there(answers, there, "an answer", "--answer-field"));
  return {};
}

Result<std::size_t> AnswerFiles::first_there(const std::vector<std::string>& names,
                                             const std::vector<bool>& there, const char* what_it_is,
                                             const char* flag) const {
  for (const auto& name : names) {
    if (there[number(name)]) return number(name);
  }
  const auto place =
      std::find_if(files_.begin(), files_.end(), [](const File& file) { return !file.samples; });
  FieldRows rows = place->rows;
  rows.rewind();
  HOLISAFE_TRY([[maybe_unused]] const bool found, rows.next());
  std::string error_where = rows.where(names.size() == 1 ? names.front() : "");
  std::string detail = fmt::format("expected {} under {} ({}), found fields {}", what_it_is,
                                   fmt::join(names, ", "), flag, rows.field_names());
  rows.rewind();
  return fail(ErrorKind::missing, no_answer, std::move(error_where), std::move(detail));
}

/// The row of the data that the file's row is about.
Result<std::size_t> AnswerFiles::row_of(const File& file, const RowIndex& rows) const {
  const std::size_t field = file.samples ? of_samples_.id : by_id_.id;
  const FieldValue& id = file.rows.value(field);
  const bool named =
      id.kind == Kind::integer || id.kind == Kind::cell || (!file.samples && id.kind == Kind::text);
  if (!named) {
    return fail(
        wrong_kind(file.rows, names_[field], file.samples ? "an integer" : "an integer or a string", id));
  }
  if (!file.samples) {
    if (const auto row = rows.find(id)) return *row;
    return fail(wrong(file.rows, names_[field], ErrorKind::unexpected,
                      fmt::format("expected an id of {}, found \"{}\"", rows.data(), excerpt(id.text, 100))));
  }
  std::size_t position = 0;
  const char* end = id.text.data() + id.text.size();
  const auto read = std::from_chars(id.text.data(), end, position);
  if (read.ec != std::errc() || read.ptr != end || position >= rows.rows()) {
    return fail(wrong(file.rows, names_[field], ErrorKind::unexpected,
                      fmt::format("expected a position from 0 to {} in {}, found \"{}\"", rows.rows() - 1,
                                  rows.data(), excerpt(id.text, 100))));
  }
  return position;
}

Result<void> AnswerFiles::check_question(const File& file, const RowIndex& rows, std::size_t row) const {
  const std::size_t field = number(question_field);
  const FieldValue& question = file.rows.value(field);
  if (question.kind != Kind::text && question.kind != Kind::cell)
    return fail(wrong_kind(file.rows, question_field, "a string", question));
  if (rows.asks(row, question.text)) return {};
  return fail(wrong(file.rows, question_field, ErrorKind::mismatch,
                    fmt::format("expected the question of row {} (index {}) of {}, found \"{}\"", row + 1,
                                row, rows.data(), excerpt(question.text, 100))));
}

Result<std::optional<std::string>> AnswerFiles::answer_of(const File& file) const {
  const std::size_t field = file.samples ? of_samples_.answer : by_id_.answer;
  const FieldValue& answer = file.rows.value(field);
  if (answer.kind == Kind::null) return std::optional<std::string>();
  if (answer.kind == Kind::text || answer.kind == Kind::cell ||
      (file.samples && answer.kind == Kind::one_text))
    return std::optional(answer.text);
  return fail(wrong_kind(file.rows, names_[field], "a string", answer));
}

Error AnswerFiles::twice(const File& file, Place before) const {
  const FieldRows& rows = file.rows;
  const std::size_t field = file.samples ? of_samples_.id : by_id_.id;
  return wrong(rows, names_[field], ErrorKind::duplicate,
               fmt::format("expected every row once, found \"{}\" in {}: line {} too",
                           excerpt(rows.value(field).text, 100),
                           files_[before.file - 1].rows.file().path().string(), before.line));
}

Result<void> AnswerFiles::read(const RowIndex& rows, const OnAnswer& on_answer) {
  std::vector<Place> places(rows.rows());
  for (std::size_t i = 0; i < files_.size(); ++i) {
    File& file = files_[i];
    file.rows.rewind();
    while (true) {
      HOLISAFE_TRY(const bool found, file.rows.next());
      if (!found) break;
      HOLISAFE_TRY(const std::size_t row, row_of(file, rows));
      if (places[row].file > 0) return fail(twice(file, places[row]));
      places[row] = {static_cast<std::uint32_t>(i + 1), file.rows.line()};
      if (file.samples) HOLISAFE_CHECK(check_question(file, rows, row));
      HOLISAFE_TRY(const auto answer, answer_of(file));
      HOLISAFE_CHECK(on_answer(row, answer));
    }
  }
  return {};
}

std::string AnswerFiles::answer_fields() const {
  std::vector<std::string> out;
  for (const File& file : files_) {
    const auto& name = names_[file.samples ? of_samples_.answer : by_id_.answer];
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return fmt::format("{}", fmt::join(out, ", "));
}

Result<std::vector<std::string>> AnswerFiles::sha256() const {
  std::vector<std::string> out;
  for (const File& file : files_) {
    HOLISAFE_TRY(const Digest digest, file.rows.file().sha256());
    out.push_back(hex(digest));
  }
  return out;
}

std::string AnswerFiles::names() const {
  constexpr std::size_t most_shown = 3;
  std::string out;
  for (std::size_t i = 0; i < std::min(files_.size(), most_shown); ++i)
    out += (i == 0 ? "" : ", ") + files_[i].rows.file().path().string();
  if (files_.size() > most_shown) out += fmt::format(" and {} more", files_.size() - most_shown);
  return out;
}

}  // namespace holisafe::runs
