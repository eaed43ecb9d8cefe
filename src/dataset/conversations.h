// Training data in LLaVA's conversation format: one array of {id, image, conversations, …}, with the
// benchmark's label fields.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataset/problems.h"
#include "dataset/rows.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::dataset {

enum class Speaker : std::uint8_t { human, gpt };

struct Turn {
  Speaker from = Speaker::human;
  std::string_view value;  ///< as it stands in the data, `<image>` included
};

/// Marks an image's place in a human turn.
inline constexpr std::string_view image_placeholder = "<image>";
/// A sample without a guard label.
inline constexpr std::int16_t no_label = -100;

/// One conversation. Views live as long as the RowFile of its ConversationData.
struct Conversation {
  std::size_t row = 0;
  std::string id;  ///< the integer's digits, or the string; empty where the data has none
  std::vector<std::string_view> images;        ///< paths relative to the images folder; empty: text alone
  std::vector<Turn> turns;                     ///< human and gpt in turn, human first, gpt last
  std::int16_t image_safety_label = no_label;  ///< guard class 0-19, or no_label
  std::optional<taxonomy::Combination> type;   ///< where the data says
};

struct ConversationData {
  RowFile file;
  std::vector<Conversation> conversations;  ///< sound rows, in file order
  Problems problems;                        ///< what keeps the others from being used
};

/// Reads a file of conversations. `image` may be absent, null, a path or a list of paths; an `<image>` in the
/// human turns stands for each where they carry any (their number must then be that of the images). `images`,
/// as other tools write it, is read the same way, but needs its `<image>` in the turns. A `system` turn is
/// refused by name. Images are not touched. Errors: those of RowFile::open.
Result<ConversationData> read_conversations(const std::filesystem::path& file);

/// The same for text in memory; `name` stands in errors.
Result<ConversationData> parse_conversations(std::string text, std::string name);

}  // namespace holisafe::dataset
