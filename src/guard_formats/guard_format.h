// The formats that guard models answer in: how one is asked about an image, and how what it said is read. One
// file a format, one line in the table (guard_formats.cpp).
//
//   const GuardFormat* format = find("llama-guard");
//   HOLISAFE_TRY(const Reading reading, format->read(output));
//   if (reading) count(reading->flagged); else ++unjudged;
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "ask/provider.h"
#include "base/result.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::guard_formats {

using ask::Json;

/// What a guard said of one image.
struct Finding {
  std::optional<bool> flagged;  ///< the guard's own decision; nothing: its format has none but a score
  std::optional<double> score;  ///< of being unsafe, 0 to 1
  /// Probabilities of the 20 classes; of this program's own guards alone.
  std::optional<std::array<double, taxonomy::class_count>> classes;
  std::vector<std::string> categories;  ///< that the guard named, in its own words: "S1"
};

/// Why an image stays unjudged though an answer came.
struct Unread {
  std::string why;    ///< the same for all such answers
  std::string found;  ///< of this answer, on one line; may be empty
};
using Reading = tl::expected<Finding, Unread>;

/// One question about an image.
struct Prompt {
  std::string name;  ///< of its policy; empty where an image has one question
  std::string text;  ///< behind the image; empty: the image alone
};

/// What `--policy` holds.
struct Policy {
  std::string text;
  std::string where;  ///< its file, for messages
};

/// How a guard is asked. Greedy; every image of the data with each prompt.
struct Request {
  /// The API. The text of its replies is an output as JSON: what read() takes, or gather() for a prompt.
  const ask::Provider& (*provider)() = nullptr;
  unsigned max_new_tokens = 0;
  bool needs_policy = false;
  /// The questions about an image, at least one. Errors: malformed, missing, wrong_type (a policy that is not
  /// as the format needs it).
  Result<std::vector<Prompt>> (*prompts)(const Policy& policy) = nullptr;
  /// The outputs of an image's prompts, in their order, as the one output that read() takes; or why there is
  /// none.
  tl::expected<Json, Unread> (*gather)(std::span<const Prompt> prompts,
                                       std::span<const Json> outputs) = nullptr;
};

/// A line of the table. Static lifetime.
struct GuardFormat {
  std::string_view name;
  std::string_view title;                    ///< whose answers they are
  std::string_view image_field = "image";    ///< of a row in a file of answers
  bool image_ends_path = false;              ///< that field holds a path that ends with the image's
  std::string_view output_field = "output";  ///< empty: the output is the row itself
  bool scores = true;                        ///< whether answers can have scores
  std::optional<double> threshold = {};      ///< flagged from this score on: a guard without its own decision
  /// Reads an output. Errors, with the field within it: missing, wrong_type, out_of_range (it is none of this
  /// format, whatever the guard meant).
  Result<Reading> (*read)(const Json& output) = nullptr;
  std::optional<Request> request = {};  ///< nothing: such answers come as files alone
};

/// The table.
std::span<const GuardFormat* const> all();
/// nullptr where there is none.
const GuardFormat* find(std::string_view name);
std::vector<std::string> names();

}  // namespace holisafe::guard_formats
