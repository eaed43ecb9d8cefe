#include "benchmarks/open_set.h"

#include <fmt/format.h>

namespace holisafe::benchmarks {
namespace {

/// Whether the set's files are there and their first row is one of its rows.
bool lies_in(const Benchmark& benchmark, const std::filesystem::path& folder) {
  const auto rows = benchmark.open({folder});
  if (!rows) return false;
  const auto first = (*rows)->next(1);
  return first && !first->empty();
}

/// What is wrong with a set's own files says itself what it is: only where none were found.
Error name_other_set(Error error, const Benchmark& benchmark, const DataPlace& data) {
  std::error_code code;
  if (error.kind != ErrorKind::not_found || !std::filesystem::is_directory(data.path, code)) return error;
  std::vector<std::string_view> found;
  for (const Benchmark* each : all()) {
    if (each != &benchmark && lies_in(*each, data.path)) found.push_back(each->name);
  }
  if (!found.empty())
    error.detail +=
        fmt::format("{}{} lies there", error.detail.empty() ? "" : "; ", fmt::join(found, " or "));
  return error;
}

}  // namespace

Result<std::unique_ptr<Rows>> open_set(const Benchmark& benchmark, const DataPlace& data) {
  auto rows = benchmark.open(data);
  if (!rows) return fail(name_other_set(std::move(rows).error(), benchmark, data));
  return rows;
}

Result<Contents> read_set(const Benchmark& benchmark, const DataPlace& data, const OnItem& on_item) {
  auto contents = benchmark.read_all(data, on_item);
  if (!contents) return fail(name_other_set(std::move(contents).error(), benchmark, data));
  return contents;
}

}  // namespace holisafe::benchmarks
