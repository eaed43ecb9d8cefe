#include "construction/work_tables.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/text.h"
#include "store/columns.h"
#include "store/tables.h"

namespace holisafe::construction {
namespace {

using store::Columns;
using store::largest_integer;

constexpr std::array<std::string_view, 3> reply_kinds{"sound", "declined", "broken"};
constexpr std::array<std::string_view, 3> review_decisions{"accept", "edit", "reject"};

constexpr const char* definitions = R"(
CREATE TABLE images (id INTEGER PRIMARY KEY, source BLOB NOT NULL, path BLOB NOT NULL, file BLOB NOT NULL,
  bytes INTEGER, modified INTEGER, sha256 TEXT NOT NULL, pixels TEXT NOT NULL, width INTEGER NOT NULL,
  height INTEGER NOT NULL, pdq TEXT NOT NULL, pdq_quality INTEGER NOT NULL, cluster INTEGER,
  state TEXT NOT NULL, duplicate_of INTEGER, reason TEXT NOT NULL, label INTEGER, votes TEXT NOT NULL,
  subcategory INTEGER, license TEXT NOT NULL, origin TEXT NOT NULL, side TEXT NOT NULL);
CREATE UNIQUE INDEX images_by_place ON images (source, path);
CREATE INDEX images_by_state ON images (state, id);
CREATE INDEX images_by_cluster ON images (cluster, id);
CREATE INDEX images_by_pixels ON images (pixels, id);
CREATE TABLE looks (image INTEGER PRIMARY KEY, frequencies BLOB NOT NULL, sketch BLOB NOT NULL);
CREATE TABLE pairs (id INTEGER PRIMARY KEY, image INTEGER NOT NULL, type TEXT NOT NULL,
  subcategory INTEGER NOT NULL, state TEXT NOT NULL, filter TEXT NOT NULL, rewrites INTEGER NOT NULL,
  brought INTEGER NOT NULL, writer TEXT NOT NULL, checker TEXT NOT NULL, prompt_sha256 TEXT NOT NULL,
  instruction TEXT NOT NULL, response TEXT NOT NULL, reason TEXT NOT NULL, decision TEXT, reviewer TEXT,
  before_instruction TEXT, before_response TEXT, place BLOB);
CREATE INDEX pairs_by_image ON pairs (image, type, id);
CREATE UNIQUE INDEX pairs_by_place ON pairs (place) WHERE place IS NOT NULL;
CREATE INDEX pairs_by_state ON pairs (state, id, type, subcategory, decision);
CREATE INDEX pairs_by_cell ON pairs (type, subcategory, state, id);
CREATE TABLE replies (of_image INTEGER NOT NULL, subject INTEGER NOT NULL, step TEXT NOT NULL,
  number INTEGER NOT NULL, asked TEXT NOT NULL, kind TEXT NOT NULL, object TEXT NOT NULL, text TEXT NOT NULL,
  reason TEXT NOT NULL, prompt_sha256 TEXT NOT NULL, input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL, PRIMARY KEY (of_image, subject, number));
CREATE TABLE prompts (sha256 TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE decisions (number INTEGER PRIMARY KEY, pair INTEGER, image INTEGER, decision TEXT NOT NULL,
  instruction TEXT NOT NULL, response TEXT NOT NULL, label TEXT NOT NULL, reviewer TEXT NOT NULL,
  note TEXT NOT NULL);
CREATE INDEX decisions_by_pair ON decisions (pair, number);
CREATE TABLE totals (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE batches (asker TEXT NOT NULL, id TEXT NOT NULL, keys TEXT NOT NULL, PRIMARY KEY (asker, id));
)";

/// A number that is -1 where the column is null.
Result<void> read_number(Columns& columns, const char* name, std::int64_t& out) {
  std::optional<std::int64_t> found;
  HOLISAFE_CHECK(columns.integer_or_null(name, 0, largest_integer, found));
  out = found.value_or(-1);
  return {};
}

template <class Number>
Result<void> read_count(Columns& columns, const char* name, std::int64_t most, Number& out) {
  std::int64_t found = 0;
  HOLISAFE_CHECK(columns.integer(name, 0, most, found));
  out = static_cast<Number>(found);
  return {};
}

Result<void> read_class(Columns& columns, const char* name, std::int64_t least,
                        std::optional<std::size_t>& out) {
  std::optional<std::int64_t> found;
  HOLISAFE_CHECK(columns.integer_or_null(name, least, taxonomy::class_count - 1, found));
  out.reset();
  if (found) out = static_cast<std::size_t>(*found);
  return {};
}

template <class Value, class Parse>
Result<void> read_name(Columns& columns, const char* name, Parse parse, Value& out) {
  std::string_view text;
  HOLISAFE_CHECK(columns.text(name, text));
  const std::optional<Value> value = parse(text);
  if (!value) return fail(columns.damaged(name, "one of the names that stand there"));
  out = *value;
  return {};
}

/// SHA-256 or PDQ in hexadecimal, or nothing.
Result<void> read_hash(Columns& columns, const char* name, std::string& out) {
  HOLISAFE_CHECK(columns.text(name, out));
  const bool sound = out.empty() || (out.size() == 2 * Digest().size() &&
                                     out.find_first_not_of("0123456789abcdef") == std::string::npos);
  return sound ? Result<void>() : fail(columns.damaged(name, "64 hexadecimal digits"));
}

Result<void> read_bytes(Columns& columns, const char* name, std::string& out) {
  std::string_view bytes;
  HOLISAFE_CHECK(columns.bytes(name, bytes));
  out = bytes;
  return {};
}

Result<void> read_stamp(Columns& columns, std::optional<verdicts::FileStamp>& out) {
  std::optional<std::int64_t> bytes;
  std::optional<std::int64_t> modified;
  HOLISAFE_CHECK(columns.integer_or_null("bytes", 0, largest_integer, bytes));
  HOLISAFE_CHECK(columns.integer_or_null("modified", -largest_integer, largest_integer, modified));
  out.reset();
  if (bytes && modified) out = verdicts::FileStamp{*bytes, *modified};
  return {};
}

/// `[["BY","LABEL"],…]`
Result<void> read_votes(Columns& columns, std::vector<Vote>& out) {
  nlohmann::json votes;
  HOLISAFE_CHECK(columns.json_or_null("votes", 2, votes));
  const auto is_vote = [](const nlohmann::json& each) {
    return each.is_array() && each.size() == 2 && each[0].is_string() && each[1].is_string();
  };
  out.clear();
  if (!votes.is_array() || !std::all_of(votes.begin(), votes.end(), is_vote))
    return fail(columns.damaged("votes", "who said what"));
  for (const auto& each : votes) out.push_back({each[0].get<std::string>(), each[1].get<std::string>()});
  return {};
}

std::string votes_text(const std::vector<Vote>& votes) {
  auto out = nlohmann::json::array();
  for (const Vote& vote : votes)
    out.push_back(nlohmann::json::array({as_utf8(vote.by), as_utf8(vote.label)}));
  return out.dump();
}

Result<void> read_review(Columns& columns, std::optional<Review>& out) {
  std::optional<std::string> decision;
  HOLISAFE_CHECK(columns.text_or_null("decision", decision));
  if (decision &&
      std::find(review_decisions.begin(), review_decisions.end(), *decision) == review_decisions.end())
    return fail(columns.damaged("decision", "one of the names that stand there"));
  out.reset();
  if (decision) out.emplace().decision = *decision;
  Review none;
  Review& review = out ? *out : none;
  for (const auto& [name, text] : {std::pair<const char*, std::string&>{"reviewer", review.reviewer},
                                   {"before_instruction", review.before_instruction},
                                   {"before_response", review.before_response}}) {
    std::optional<std::string> found;
    HOLISAFE_CHECK(columns.text_or_null(name, found));
    text = std::move(found).value_or("");
  }
  return {};
}

std::optional<std::int64_t> or_null(std::int64_t number) {
  return number < 0 ? std::nullopt : std::optional(number);
}
std::optional<std::int64_t> or_null(const std::optional<std::size_t>& label) {
  return label ? std::optional(static_cast<std::int64_t>(*label)) : std::nullopt;
}

std::optional<KeptReply::Kind> parse_kind(std::string_view text) {
  const auto* const at = std::find(reply_kinds.begin(), reply_kinds.end(), text);
  if (at == reply_kinds.end()) return std::nullopt;
  return static_cast<KeptReply::Kind>(at - reply_kinds.begin());
}

}  // namespace

std::string build_tables() { return store::lasting_tables() + definitions; }

Result<void> make_build_tables(const store::Database& database) {
  HOLISAFE_TRY(store::Transaction transaction, store::Transaction::begin(database));
  HOLISAFE_CHECK(
      database.run(fmt::format("{} PRAGMA user_version = {};", build_tables(), build_version).c_str()));
  return transaction.commit();
}

std::string places_for(std::string_view columns) {
  std::string out = "?";
  for (const char c : columns) {
    if (c == ',') out += ", ?";
  }
  return out;
}

Result<void> read_image(const store::Statement& statement, ImageRow& out) {
  constexpr int most_side = std::numeric_limits<int>::max();
  Columns columns(statement, "images", std::nullopt);
  HOLISAFE_CHECK(columns.integer("id", 0, largest_integer, out.id));
  HOLISAFE_CHECK(read_bytes(columns, "source", out.source));
  HOLISAFE_CHECK(read_bytes(columns, "path", out.path));
  HOLISAFE_CHECK(read_bytes(columns, "file", out.file));
  HOLISAFE_CHECK(read_stamp(columns, out.stamp));
  HOLISAFE_CHECK(read_hash(columns, "sha256", out.sha256));
  HOLISAFE_CHECK(read_hash(columns, "pixels", out.pixels));
  HOLISAFE_CHECK(read_count(columns, "width", most_side, out.width));
  HOLISAFE_CHECK(read_count(columns, "height", most_side, out.height));
  HOLISAFE_CHECK(read_hash(columns, "pdq", out.pdq));
  HOLISAFE_CHECK(read_count(columns, "pdq_quality", 100, out.pdq_quality));
  HOLISAFE_CHECK(read_number(columns, "cluster", out.cluster));
  HOLISAFE_CHECK(read_name(columns, "state", parse_image_state, out.state));
  HOLISAFE_CHECK(read_number(columns, "duplicate_of", out.duplicate_of));
  HOLISAFE_CHECK(columns.text("reason", out.reason));
  HOLISAFE_CHECK(read_class(columns, "label", 0, out.label));
  HOLISAFE_CHECK(read_votes(columns, out.votes));
  HOLISAFE_CHECK(read_class(columns, "subcategory", 1, out.subcategory));
  HOLISAFE_CHECK(columns.text("license", out.license));
  HOLISAFE_CHECK(columns.text("origin", out.origin));
  return read_name(columns, "side", parse_side, out.side);
}

void bind_image(store::Statement& statement, const ImageRow& image) {
  statement.bind(image.id).bind_bytes(image.source).bind_bytes(image.path).bind_bytes(image.file);
  statement.bind_or_null(image.stamp ? std::optional(image.stamp->bytes) : std::nullopt);
  statement.bind_or_null(image.stamp ? std::optional(image.stamp->modified) : std::nullopt);
  statement.bind(image.sha256).bind(image.pixels).bind(std::int64_t{image.width});
  statement.bind(std::int64_t{image.height}).bind(image.pdq).bind(std::int64_t{image.pdq_quality});
  statement.bind_or_null(or_null(image.cluster)).bind(name(image.state));
  statement.bind_or_null(or_null(image.duplicate_of)).bind(as_utf8(image.reason));
  statement.bind_or_null(or_null(image.label)).bind(votes_text(image.votes));
  statement.bind_or_null(or_null(image.subcategory)).bind(as_utf8(image.license));
  statement.bind(as_utf8(image.origin)).bind(name(image.side));
}

Result<void> read_pair(const store::Statement& statement, PairRow& out) {
  Columns columns(statement, "pairs", std::nullopt);
  HOLISAFE_CHECK(columns.integer("id", 0, largest_integer, out.id));
  HOLISAFE_CHECK(columns.integer("image", 0, largest_integer, out.image_id));
  HOLISAFE_CHECK(read_name(columns, "type", taxonomy::parse_combination, out.type));
  std::int64_t subcategory = 0;
  HOLISAFE_CHECK(columns.integer("subcategory", 0, taxonomy::class_count - 1, subcategory));
  out.subcategory = static_cast<std::size_t>(subcategory);
  HOLISAFE_CHECK(read_name(columns, "state", parse_pair_state, out.state));
  HOLISAFE_CHECK(columns.text("filter", out.filter));
  HOLISAFE_CHECK(read_count(columns, "rewrites", std::numeric_limits<unsigned>::max(), out.rewrites));
  HOLISAFE_CHECK(read_count(columns, "brought", 1, out.brought));
  HOLISAFE_CHECK(columns.text("writer", out.writer));
  HOLISAFE_CHECK(columns.text("checker", out.checker));
  HOLISAFE_CHECK(read_hash(columns, "prompt_sha256", out.prompt_sha256));
  HOLISAFE_CHECK(columns.text("instruction", out.instruction));
  HOLISAFE_CHECK(columns.text("response", out.response));
  HOLISAFE_CHECK(columns.text("reason", out.reason));
  HOLISAFE_CHECK(read_review(columns, out.review));
  out.place.clear();
  if (statement.is_null(statement.columns() - 1)) return {};
  return read_bytes(columns, "place", out.place);
}

void bind_pair(store::Statement& statement, const PairRow& pair) {
  statement.bind(pair.id).bind(pair.image_id).bind(taxonomy::name(pair.type));
  statement.bind(static_cast<std::int64_t>(pair.subcategory)).bind(name(pair.state));
  statement.bind(as_utf8(pair.filter)).bind(std::int64_t{pair.rewrites});
  statement.bind(std::int64_t{pair.brought ? 1 : 0}).bind(as_utf8(pair.writer)).bind(as_utf8(pair.checker));
  statement.bind(pair.prompt_sha256).bind(as_utf8(pair.instruction)).bind(as_utf8(pair.response));
  statement.bind(as_utf8(pair.reason));
  const auto text = [&](std::string Review::*field) {
    return pair.review ? std::optional(as_utf8(*pair.review.*field)) : std::nullopt;
  };
  statement.bind_or_null(text(&Review::decision)).bind_or_null(text(&Review::reviewer));
  statement.bind_or_null(text(&Review::before_instruction)).bind_or_null(text(&Review::before_response));
  if (pair.place.empty()) {
    statement.bind_or_null(std::optional<std::int64_t>());
  } else {
    statement.bind_bytes(pair.place);
  }
}

Result<void> read_reply(const store::Statement& statement, KeptReply& out) {
  Columns columns(statement, "replies", std::nullopt);
  HOLISAFE_CHECK(columns.integer("subject", 0, largest_integer, out.subject));
  HOLISAFE_CHECK(read_name(columns, "step", parse_step, out.step));
  HOLISAFE_CHECK(columns.integer("number", 0, largest_integer, out.number));
  HOLISAFE_CHECK(columns.text("asked", out.by));
  HOLISAFE_CHECK(read_name(columns, "kind", parse_kind, out.kind));
  HOLISAFE_CHECK(columns.text("object", out.object));
  HOLISAFE_CHECK(columns.text("text", out.text));
  HOLISAFE_CHECK(columns.text("reason", out.reason));
  HOLISAFE_CHECK(read_hash(columns, "prompt_sha256", out.prompt_sha256));
  HOLISAFE_CHECK(read_count(columns, "input_tokens", largest_integer, out.input_tokens));
  return read_count(columns, "output_tokens", largest_integer, out.output_tokens);
}

void bind_reply(store::Statement& statement, const KeptReply& reply) {
  statement.bind(reply.subject).bind(name(reply.step)).bind(reply.number).bind(as_utf8(reply.by));
  statement.bind(reply_kinds[static_cast<std::size_t>(reply.kind)]).bind(as_utf8(reply.object));
  statement.bind(as_utf8(reply.text)).bind(as_utf8(reply.reason)).bind(reply.prompt_sha256);
  statement.bind(static_cast<std::int64_t>(reply.input_tokens));
  statement.bind(static_cast<std::int64_t>(reply.output_tokens));
}

Result<void> read_decision(const store::Statement& statement, Decision& out) {
  Columns columns(statement, "decisions", std::nullopt);
  HOLISAFE_CHECK(columns.integer("number", 0, largest_integer, out.number));
  HOLISAFE_CHECK(read_number(columns, "pair", out.pair_id));
  HOLISAFE_CHECK(read_number(columns, "image", out.image_id));
  for (const auto& [name, text] : {std::pair<const char*, std::string&>{"decision", out.decision},
                                   {"instruction", out.instruction},
                                   {"response", out.response},
                                   {"label", out.label},
                                   {"reviewer", out.reviewer},
                                   {"note", out.note}})
    HOLISAFE_CHECK(columns.text(name, text));
  return {};
}

void bind_decision(store::Statement& statement, const Decision& decision) {
  statement.bind(decision.number).bind_or_null(or_null(decision.pair_id));
  statement.bind_or_null(or_null(decision.image_id));
  for (const std::string* text : {&decision.decision, &decision.instruction, &decision.response,
                                  &decision.label, &decision.reviewer, &decision.note})
    statement.bind(as_utf8(*text));
}

}  // namespace holisafe::construction
