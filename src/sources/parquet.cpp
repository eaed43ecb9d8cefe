#include "sources/parquet.h"

#include "base/module.h"

namespace holisafe::sources {
namespace {

#ifdef HOLISAFE_BUILT_WITH_ARROW
constexpr const char* built_with = HOLISAFE_BUILT_WITH_ARROW;
#else
constexpr const char* built_with = nullptr;
#endif

constexpr Module parquet{
    .file = "holisafe_parquet.so",
    .needed_by = "reading Parquet needs Arrow",
    .as_built =
        "a build with Arrow (-DHOLISAFE_PARQUET=ON, and the pyarrow wheel that `make setup` installs)",
    .library = "Arrow",
    .library_file = "libparquet.so." HOLISAFE_ARROW_SONAME,
    .library_parts = {{"libparquet", "libarrow"}},
    .variable = "HOLISAFE_ARROW_DIR",
    .built_with = built_with,
    .hint = "the folder pyarrow of the wheel"};

Result<const ParquetModule*> parquet_module() {
  static const Result<const void*> module = load_module(parquet, "holisafe_parquet_module");
  if (!module) return fail(module.error());
  return static_cast<const ParquetModule*>(*module);
}

}  // namespace

Result<std::unique_ptr<RowSource>> open_parquet(InputFile file, const RowOptions& options) {
  const auto module = parquet_module();
  if (!module) {
    return fail(module.error().kind, "cannot read Parquet", file.path().string(), module.error().message());
  }
  return (*module)->open(std::move(file), options);
}

}  // namespace holisafe::sources
