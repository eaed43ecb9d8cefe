// The tables of a build's database, and the columns of their rows in the order in which queries of this layer
// select and bind them.
//
// images, looks: a picture and what it looks like. pairs: what is planned, and what became of it, with what a
// person decided last. replies: what was asked, by subject (a pair, or an image where `of_image` is 1).
// prompts by their hash. decisions as they were made. totals: counts of all runs. batches: under way.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "construction/work.h"
#include "store/database.h"

namespace holisafe::construction {

inline constexpr std::int64_t build_version = 1;

/// Whose pages are looked at when a build is opened. Replies and looks, which are most of it, are not: SQLite
/// looks at their pages as it does.
inline constexpr std::array checked_build_tables{"identities", "key_values", "images",
                                                 "pairs",      "totals",     "batches"};

/// SQL that makes the tables of this version.
std::string build_tables();
/// In an empty database. One transaction.
Result<void> make_build_tables(const store::Database& database);

inline constexpr const char* image_columns =
    "images.id, images.source, images.path, images.file, images.bytes, images.modified, images.sha256, "
    "images.pixels, images.width, images.height, images.pdq, images.pdq_quality, images.cluster, "
    "images.state, images.duplicate_of, images.reason, images.label, images.votes, images.subcategory, "
    "images.license, images.origin, images.side";
inline constexpr const char* pair_columns =
    "pairs.id, pairs.image, pairs.type, pairs.subcategory, pairs.state, pairs.filter, pairs.rewrites, "
    "pairs.brought, pairs.writer, pairs.checker, pairs.prompt_sha256, pairs.instruction, pairs.response, "
    "pairs.reason, pairs.decision, pairs.reviewer, pairs.before_instruction, pairs.before_response, "
    "pairs.place";
inline constexpr const char* reply_columns =
    "replies.subject, replies.step, replies.number, replies.asked, replies.kind, replies.object, "
    "replies.text, replies.reason, replies.prompt_sha256, replies.input_tokens, replies.output_tokens";
inline constexpr const char* decision_columns =
    "decisions.number, decisions.pair, decisions.image, decisions.decision, decisions.instruction, "
    "decisions.response, decisions.label, decisions.reviewer, decisions.note";

/// Errors of these: malformed, where a column holds what this program never writes.
Result<void> read_image(const store::Statement& statement, ImageRow& out);
Result<void> read_pair(const store::Statement& statement, PairRow& out);
Result<void> read_reply(const store::Statement& statement, KeptReply& out);
Result<void> read_decision(const store::Statement& statement, Decision& out);

/// "?, ?, …" for as many columns as stand in a list of them.
std::string places_for(std::string_view columns);

/// Binds the columns of a row; bytes that are no UTF-8 become U+FFFD, but in places of files.
void bind_image(store::Statement& statement, const ImageRow& image);
void bind_pair(store::Statement& statement, const PairRow& pair);
void bind_reply(store::Statement& statement, const KeptReply& reply);
void bind_decision(store::Statement& statement, const Decision& decision);

/// All rows of a statement, read by `read`.
template <class Row>
Result<std::vector<Row>> rows_of(store::Statement& statement,
                                 Result<void> (*read)(const store::Statement&, Row&)) {
  std::vector<Row> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    HOLISAFE_CHECK(read(statement, out.emplace_back()));
  }
}

}  // namespace holisafe::construction
