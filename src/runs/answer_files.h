// Answers that were made elsewhere: files of rows (JSON array, JSON lines, CSV with a head) that join a
// benchmark's data by id, and the samples files of lmms-eval, which join by position.
//
//   HOLISAFE_TRY(AnswerFiles files, AnswerFiles::open(paths, benchmark, {}));
//   HOLISAFE_CHECK(files.read(index, [&](std::size_t row, const auto& answer) { … }));
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "benchmarks/benchmark.h"
#include "dataset/field_rows.h"
#include "runs/row_index.h"

namespace holisafe::runs {

/// Which fields hold what. Empty: of the id the benchmark's own or `id`, of the answer the first of
/// `prediction`, `response`, `answer` and `output` that a row has.
struct AnswerFields {
  std::string id;
  std::string answer;
};

/// The position of a row of the data, and its answer: nothing where the file has the row and says null.
using OnAnswer = std::function<Result<void>(std::size_t position, const std::optional<std::string>& answer)>;

/// Several files are parts of one run. Movable; one thread at a time.
class AnswerFiles {
 public:
  /// Looks through all files for their fields. A file whose first row has `doc_id` and `filtered_resps` is
  /// one of lmms-eval's samples, unless a field for the id is named. Errors: those of dataset::FieldRows;
  /// missing (a file without rows; no field for id or answer).
  static Result<AnswerFiles> open(std::span<const std::string> paths, const benchmarks::Benchmark& benchmark,
                                  const AnswerFields& fields);

  /// Reads all rows of all files, which may be done again. Errors, each with file, line and field: missing,
  /// wrong_type (an id, an answer); unexpected (an id or position that the data lack); duplicate (a row of
  /// the data twice, in any of the files); mismatch (a sample of lmms-eval whose `input` is not the question
  /// of its row); those of `on_answer`.
  Result<void> read(const RowIndex& rows, const OnAnswer& on_answer);

  /// What was taken for the fields that nobody named: "rows join by \"id\", answers are in \"response\"".
  [[nodiscard]] const std::string& note() const { return note_; }
  /// The fields that hold the answers: `prediction`, `filtered_resps`.
  [[nodiscard]] std::string answer_fields() const;
  /// Lower-case hexadecimal SHA-256 of each file. Errors: io.
  [[nodiscard]] Result<std::vector<std::string>> sha256() const;
  /// Their names, as many as fit into a message.
  [[nodiscard]] std::string names() const;

 private:
  struct File {
    dataset::FieldRows rows;
    bool samples = false;
  };
  /// Numbers of fields among those that are read.
  struct Fields {
    std::size_t id = 0;
    std::size_t answer = 0;
  };
  /// A file and a line in it.
  struct Place {
    std::uint32_t file = 0;  ///< its number, from 1; 0: none
    std::uint64_t line = 0;
  };

  Result<void> look_through(const std::vector<std::string>& ids, const std::vector<std::string>& answers);
  [[nodiscard]] std::size_t number(std::string_view name) const;
  Result<std::size_t> first_there(const std::vector<std::string>& names, const std::vector<bool>& there,
                                  const char* what, const char* flag) const;
  Result<std::size_t> row_of(const File& file, const RowIndex& rows) const;
  [[nodiscard]] Result<void> check_question(const File& file, const RowIndex& rows, std::size_t row) const;
  [[nodiscard]] Result<std::optional<std::string>> answer_of(const File& file) const;
  [[nodiscard]] Error twice(const File& file, Place before) const;

  std::vector<std::string> names_;
  std::vector<File> files_;
  Fields by_id_;
  Fields of_samples_;
  std::string note_;
};

}  // namespace holisafe::runs
