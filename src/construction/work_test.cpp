// What a build's database gives back, counts, and refuses.
#include "construction/work.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;
using store::Access;
using taxonomy::Combination;
using testing::ElementsAre;
using testing::HasSubstr;

std::string hash_of(char digit) { return std::string(64, digit); }

ImageRow full_image(std::int64_t id) {
  ImageRow out;
  out.id = id;
  out.source = "photos";
  out.path = fmt::format("weapon/{}.png", id);
  out.file = "/photos/" + out.path;
  out.stamp = verdicts::FileStamp{10, -20};
  out.sha256 = hash_of('a');
  out.pixels = hash_of('b');
  out.width = 30;
  out.height = 20;
  out.pdq = hash_of('c');
  out.pdq_quality = 77;
  out.cluster = id;
  out.state = ImageState::near_duplicate;
  out.duplicate_of = 3;
  out.reason = "near-duplicate";
  out.label = 16;
  out.votes = {{"source", "weapon_related_violence"}, {"openai:m", "quarantine"}};
  out.subcategory = 5;
  out.license = "CC0";
  out.origin = "web";
  out.side = Side::bench;
  return out;
}

PairRow full_pair(std::int64_t id, std::int64_t image) {
  PairRow out;
  out.id = id;
  out.image_id = image;
  out.type = Combination::UUU;
  out.subcategory = 16;
  out.instruction = "do";
  out.response = "no";
  out.state = PairState::filtered;
  out.filter = "length";
  out.reason = "too long";
  out.writer = "openai:w";
  out.checker = "openai:c";
  out.rewrites = 2;
  out.prompt_sha256 = hash_of('d');
  out.brought = true;
  out.place = std::string("s\n\xff\n1");
  out.review = Review{"edit", "ann", "before", ""};
  return out;
}

KeptReply reply(std::int64_t subject, Step step, KeptReply::Kind kind) {
  KeptReply out;
  out.subject = subject;
  out.step = step;
  out.by = "openai:w";
  out.kind = kind;
  out.object = "{}";
  out.text = "text";
  out.reason = "why";
  out.prompt_sha256 = hash_of('e');
  out.input_tokens = 7;
  out.output_tokens = 3;
  return out;
}

class WorkFolder : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] Work open(Access access = Access::write) const { return Work::open(folder_, access).value(); }
  [[nodiscard]] std::string refusal(Access access = Access::read) const {
    const auto opened = Work::open(folder_, access);
    return opened ? "" : opened.error().message();
  }
  void by_hand(const std::string& sql) const {
    sqlite3* connection = nullptr;
    ASSERT_EQ(::sqlite3_open((folder_ / Work::file_name).c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(::sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << ::sqlite3_errmsg(connection);
    ::sqlite3_close(connection);
  }

  fs::path folder_ = fs::temp_directory_path() / fmt::format("work_test_{}", ::getpid());
};

TEST_F(WorkFolder, GivesBackImagesAndPairsAsTheyWereWritten) {
  const ImageRow image = full_image(4);
  const PairRow pair = full_pair(9, 4);
  {
    Work work = open();
    ASSERT_TRUE(work.write(std::span(&image, 1)));
    ASSERT_TRUE(work.write(std::span(&pair, 1)));
  }
  const Work work = open(Access::read);
  const auto found = work.image(4).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, image.path);
  EXPECT_EQ(found->file, image.file);
  EXPECT_EQ(found->stamp, image.stamp);
  EXPECT_EQ(found->sha256, image.sha256);
  EXPECT_EQ(found->pixels, image.pixels);
  EXPECT_EQ(found->width, 30);
  EXPECT_EQ(found->height, 20);
  EXPECT_EQ(found->pdq, image.pdq);
  EXPECT_EQ(found->pdq_quality, 77);
  EXPECT_EQ(found->cluster, 4);
  EXPECT_EQ(found->state, ImageState::near_duplicate);
  EXPECT_EQ(found->duplicate_of, 3);
  EXPECT_EQ(found->reason, "near-duplicate");
  EXPECT_EQ(found->label, 16);
  EXPECT_EQ(found->votes, image.votes);
  EXPECT_EQ(found->subcategory, 5);
  EXPECT_EQ(found->license, "CC0");
  EXPECT_EQ(found->origin, "web");
  EXPECT_EQ(found->side, Side::bench);
  EXPECT_EQ(work.image_at("photos", image.path).value()->id, 4);
  EXPECT_FALSE(work.image_at("photo", image.path).value());
  EXPECT_FALSE(work.image(5).value());
  const auto read = work.pair(9).value();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->image_id, 4);
  EXPECT_EQ(read->type, Combination::UUU);
  EXPECT_EQ(read->subcategory, 16);
  EXPECT_EQ(read->instruction, "do");
  EXPECT_EQ(read->response, "no");
  EXPECT_EQ(read->state, PairState::filtered);
  EXPECT_EQ(read->filter, "length");
  EXPECT_EQ(read->reason, "too long");
  EXPECT_EQ(read->writer, "openai:w");
  EXPECT_EQ(read->checker, "openai:c");
  EXPECT_EQ(read->rewrites, 2);
  EXPECT_EQ(read->prompt_sha256, pair.prompt_sha256);
  EXPECT_TRUE(read->brought);
  EXPECT_EQ(read->place, pair.place);
  ASSERT_TRUE(read->review);
  EXPECT_EQ(read->review->decision, "edit");
  EXPECT_EQ(read->review->reviewer, "ann");
  EXPECT_EQ(read->review->before_instruction, "before");
  EXPECT_TRUE(work.has_place(pair.place).value());
  EXPECT_FALSE(work.has_place("s").value());
}

TEST_F(WorkFolder, AnImageIsReplacedByItsIdAndNeverTakesAnothersPlace) {
  Work work = open();
  ImageRow image = full_image(0);
  ASSERT_TRUE(work.write(std::span(&image, 1)));
  image.reason = "other";
  ASSERT_TRUE(work.write(std::span(&image, 1)));
  EXPECT_EQ(work.image_count().value(), 1);
  EXPECT_EQ(work.image(0).value()->reason, "other");
  image.id = 1;
  EXPECT_EQ(work.write(std::span(&image, 1)).error().kind, ErrorKind::duplicate);
  EXPECT_EQ(work.next_image_id().value(), 1);
}

TEST_F(WorkFolder, FiltersTakeWhatTheyNameInTheOrderOfIds) {
  Work work = open();
  const ImageRow image = full_image(0);
  ASSERT_TRUE(work.write(std::span(&image, 1)));
  std::vector<PairRow> pairs;
  for (std::int64_t i = 0; i < 1000; ++i) {
    PairRow pair;
    pair.id = i;
    pair.image_id = 0;
    pair.type = i % 2 == 0 ? Combination::SSS : Combination::SSU;
    pair.subcategory = static_cast<std::size_t>(1 + i % 19);
    pair.state = i % 5 == 0 ? PairState::ready : PairState::planned;
    if (i % 10 == 0) pair.review = Review{"accept", "ann", "", ""};
    pairs.push_back(pair);
  }
  ASSERT_TRUE(work.write(pairs));
  const auto ids = [&](const PairFilter& filter) {
    std::vector<std::int64_t> out;
    EXPECT_TRUE(work.for_each_pair(filter, [&](const PairRow& pair) {
      out.push_back(pair.id);
      return Result<void>();
    }));
    EXPECT_EQ(static_cast<std::int64_t>(filter.limit == 0 ? out.size() : 0),
              filter.limit == 0 ? work.pair_count(filter).value() : 0);
    return out;
  };
  EXPECT_EQ(ids({}).size(), 1000);
  PairFilter ready;
  ready.state = PairState::ready;
  EXPECT_EQ(ids(ready).size(), 200);
  ready.undecided = true;
  ready.after = 15;
  ready.limit = 3;
  EXPECT_THAT(ids(ready), ElementsAre(25, 35, 45));
  ready.subcategory = 1 + 35 % 19;
  EXPECT_EQ(ids(ready).front(), 35);
  PairFilter cell;
  cell.type = Combination::SSU;
  cell.subcategory = 2;
  EXPECT_THAT(ids(cell), testing::Each(testing::Truly([](std::int64_t id) { return id % 38 == 1; })));
  cell.image = 1;
  EXPECT_TRUE(ids(cell).empty());
  const auto rows = work.pairs_with_images(ready).value();
  ASSERT_EQ(rows.size(), 3);
  EXPECT_EQ(rows[2].image.path, image.path);
  EXPECT_THAT(work.pair_types(0, 0).value().at(0), ElementsAre(500, 500, 0, 0, 0));
}

TEST_F(WorkFolder, AVisitorMayWrite) {
  Work work = open();
  std::vector<PairRow> pairs(600);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i].id = static_cast<std::int64_t>(i);
    pairs[i].image_id = 0;
  }
  ASSERT_TRUE(work.write(pairs));
  PairFilter planned;
  planned.state = PairState::planned;
  ASSERT_TRUE(work.for_each_pair(planned, [&](PairRow pair) {
    pair.state = PairState::ready;
    return work.write(std::span(&pair, 1));
  }));
  EXPECT_EQ(work.pair_count(planned).value(), 0);
  const auto cells = work.pair_cells().value();
  ASSERT_EQ(cells.size(), 1);
  EXPECT_EQ(cells[0].pairs, 600);
  EXPECT_EQ(cells[0].state, PairState::ready);
}

TEST_F(WorkFolder, RepliesAreNumberedAndCounted) {
  Work work = open();
  using Kind = KeptReply::Kind;
  const std::vector<KeptReply> replies{
      reply(5, Step::write, Kind::broken), reply(5, Step::write, Kind::sound),
      reply(6, Step::text_check, Kind::sound), reply(5, Step::label, Kind::sound)};
  const PairRow pair = full_pair(5, 0);
  ASSERT_TRUE(work.keep(replies, std::span(&pair, 1), {}));
  ASSERT_TRUE(work.keep(std::vector{reply(5, Step::check, Kind::declined)}, {}, {}));
  const auto of_pair = work.replies_of_pair(5).value();
  ASSERT_EQ(of_pair.size(), 3);
  EXPECT_EQ(of_pair[0].kind, Kind::broken);
  EXPECT_EQ(of_pair[2].number, 2);
  EXPECT_EQ(of_pair[2].step, Step::check);
  EXPECT_EQ(of_pair[2].kind, Kind::declined);
  EXPECT_EQ(of_pair[1].by, "openai:w");
  EXPECT_EQ(of_pair[1].text, "text");
  EXPECT_EQ(work.replies_of_image(5).value().size(), 1);
  EXPECT_EQ(work.pair(5).value()->reason, "too long");
  ASSERT_TRUE(work.add_faults({1, 2, 3, 4, 5}));
  ASSERT_TRUE(work.add_faults({1, 0, 0, 0, 0}));
  const Totals totals = work.totals().value();
  using Calls = std::vector<std::pair<std::string, std::uint64_t>>;
  EXPECT_EQ(totals.calls, (Calls{{"label", 1}, {"write", 2}, {"check", 2}, {"answer", 0}}));
  EXPECT_EQ(totals.input_tokens, 35);
  EXPECT_EQ(totals.output_tokens, 15);
  EXPECT_EQ(totals.faults.turned_away, 2);
  EXPECT_EQ(totals.faults.malformed, 5);
}

TEST_F(WorkFolder, WhatFailsLeavesNothingOfWhatWasWrittenTogether) {
  Work work = open();
  const ImageRow image = full_image(0);
  ImageRow other = full_image(1);
  other.path = image.path;
  EXPECT_FALSE(
      work.keep(std::vector{reply(0, Step::label, KeptReply::Kind::sound)}, {}, std::vector{image, other}));
  EXPECT_EQ(work.image_count().value(), 0);
  EXPECT_TRUE(work.replies_of_image(0).value().empty());
  EXPECT_EQ(work.totals().value().input_tokens, 0);
  EXPECT_FALSE(work.together([&]() -> Result<void> {
    HOLISAFE_CHECK(work.write(std::span(&image, 1)));
    HOLISAFE_CHECK(work.together([&] { return work.put_value("language", "en"); }));
    return fail(ErrorKind::interrupted, "stopped");
  }));
  EXPECT_EQ(work.image_count().value(), 0);
  EXPECT_FALSE(work.value("language").value());
}

TEST_F(WorkFolder, PromptsBatchesAndDecisionsAreKept) {
  Work work = open();
  ASSERT_TRUE(work.put_prompt(hash_of('2'), "two"));
  ASSERT_TRUE(work.put_prompt(hash_of('1'), "one"));
  ASSERT_TRUE(work.put_prompt(hash_of('1'), "one"));
  std::vector<std::string> prompts;
  ASSERT_TRUE(work.for_each_prompt([&](std::string_view, std::string_view text) {
    prompts.emplace_back(text);
    return Result<void>();
  }));
  EXPECT_THAT(prompts, ElementsAre("one", "two"));
  ASSERT_TRUE(work.add_batch("openai:w", {"b2", {3, 4}}));
  ASSERT_TRUE(work.add_batch("openai:w", {"b1", {1}}));
  ASSERT_TRUE(work.add_batch("openai:c", {"b1", {9}}));
  ASSERT_TRUE(work.forget_batch("openai:w", "b1"));
  const auto batches = work.open_batches("openai:w").value();
  ASSERT_EQ(batches.size(), 1);
  EXPECT_THAT(batches[0].keys, ElementsAre(3, 4));
  Decision decision;
  decision.pair_id = 7;
  decision.decision = "accept";
  decision.reviewer = "ann";
  const PairRow pair = full_pair(7, 0);
  ASSERT_TRUE(work.decide(decision, std::span(&pair, 1), {}));
  decision.decision = "undo";
  ASSERT_TRUE(work.decide(decision, {}, {}));
  Decision of_image;
  of_image.image_id = 0;
  of_image.decision = "label";
  of_image.label = "safe";
  const ImageRow image = full_image(0);
  ASSERT_TRUE(work.decide(of_image, {}, std::span(&image, 1)));
  const auto decisions = work.decisions_of_pair(7).value();
  ASSERT_EQ(decisions.size(), 2);
  EXPECT_EQ(decisions[1].number, 1);
  EXPECT_EQ(decisions[1].decision, "undo");
  EXPECT_EQ(decisions[1].image_id, -1);
  EXPECT_TRUE(work.image(0).value());
}

TEST_F(WorkFolder, SidesAreOfWholeClusters) {
  Work work = open();
  std::vector<ImageRow> images;
  for (std::int64_t i = 0; i < 4; ++i) {
    images.push_back(full_image(i));
    images.back().cluster = i / 2 * 2;
  }
  images[3].cluster = -1;
  ASSERT_TRUE(work.write(images));
  const std::vector<std::pair<std::int64_t, Side>> sides{{0, Side::train}};
  ASSERT_TRUE(work.write_sides(sides));
  EXPECT_EQ(work.image(1).value()->side, Side::train);
  EXPECT_EQ(work.image(2).value()->side, Side::none);
  EXPECT_EQ(work.cluster_count().value(), 2);
  using Copies = std::vector<std::pair<std::int64_t, std::int64_t>>;
  EXPECT_EQ(work.equal_pixels().value(), (Copies{{1, 0}, {2, 0}, {3, 0}}));
  EXPECT_EQ(work.image_states().value()[static_cast<std::size_t>(ImageState::near_duplicate)], 4);
}

TEST_F(WorkFolder, AnIdentityIsRememberedAndMayGrow) {
  Work work = open();
  ASSERT_TRUE(work.require_same("build", {{"sources", "a"}}));
  ASSERT_TRUE(work.require_same("build", {{"seed", "1"}}));
  ASSERT_TRUE(work.require_same("build", {{"sources", "a"}, {"seed", "1"}}));
  const auto other = work.require_same("build", {{"sources", "a"}, {"seed", "2"}});
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message(), HasSubstr("seed: expected \"1\", found \"2\""));
  EXPECT_TRUE(work.check_same("build", {{"types", "SSS"}}));
}

TEST_F(WorkFolder, ATemporaryOneLeavesNothing) {
  const auto left = [] {
    std::size_t out = 0;
    for (const auto& entry : fs::directory_iterator(fs::temp_directory_path()))
      out += entry.path().filename().string().starts_with("holisafe-") ? 1U : 0U;
    return out;
  };
  const std::size_t before = left();
  Work work = Work::temporary().value();
  EXPECT_EQ(left(), before);
  for (std::int64_t i = 0; i < 3000; ++i) {
    const Look look{i, "f", std::string(5000, 's')};
    ASSERT_TRUE(work.write(std::span(&look, 1)));
  }
  EXPECT_EQ(work.look(2999).value()->sketch.size(), 5000);
}

TEST_F(WorkFolder, OnlyOneWritesAndReadersSeeWhatWasCommitted) {
  Work work = open();
  EXPECT_THAT(refusal(Access::write), HasSubstr("run in use"));
  const ImageRow image = full_image(0);
  ASSERT_TRUE(work.write(std::span(&image, 1)));
  EXPECT_TRUE(open(Access::read).image(0).value());
}

TEST_F(WorkFolder, OthersFoldersAndTablesAreRefused) {
  EXPECT_THAT(refusal(), HasSubstr("no build"));
  {
    Work work = open();
    const ImageRow image = full_image(0);
    ASSERT_TRUE(work.write(std::span(&image, 1)));
  }
  EXPECT_EQ(refusal(), "");
  by_hand("CREATE TRIGGER more AFTER INSERT ON pairs BEGIN DELETE FROM images; END");
  EXPECT_THAT(refusal(), HasSubstr("trigger more"));
  by_hand("DROP TRIGGER more; PRAGMA user_version = 2");
  EXPECT_THAT(refusal(), HasSubstr("expected version 1, found 2"));
  by_hand("PRAGMA user_version = 1; DROP INDEX pairs_by_cell");
  EXPECT_THAT(refusal(), HasSubstr("pairs_by_cell"));
  fs::remove_all(folder_);
  fs::create_directories(folder_);
  std::ofstream(folder_ / "run.db") << "";
  EXPECT_THAT(refusal(Access::write), HasSubstr("found a run's"));
}

TEST_F(WorkFolder, ValuesThatAreNeverWrittenAreNamed) {
  for (const auto& [sql, named] : std::initializer_list<std::pair<const char*, const char*>>{
           {"UPDATE images SET state = 'odd'", "images.state"},
           {"UPDATE images SET label = 20", "images.label"},
           {"UPDATE images SET votes = '[[1,2]]'", "images.votes"},
           {"UPDATE images SET votes = '[[[[['", "images.votes"},
           {"UPDATE images SET sha256 = 'A'", "images.sha256"},
           {"UPDATE images SET path = 'text'", "images.path"},
           {"UPDATE images SET cluster = -1", "images.cluster"},
           {"UPDATE images SET side = 'left'", "images.side"},
           {"UPDATE pairs SET type = 'SUS'", "pairs.type"},
           {"UPDATE pairs SET subcategory = 20", "pairs.subcategory"},
           {"UPDATE pairs SET decision = 'maybe'", "pairs.decision"},
           {"UPDATE pairs SET brought = 2", "pairs.brought"},
           {"UPDATE pairs SET place = 'text'", "pairs.place"},
           {"UPDATE replies SET kind = 'odd'", "replies.kind"},
           {"UPDATE replies SET step = 'odd'", "replies.step"},
           {"UPDATE batches SET keys = '[\"a\"]'", "batches.keys"},
           {"UPDATE totals SET count = 'x'", "totals.count"}}) {
    SetUp();
    {
      Work work = open();
      const ImageRow image = full_image(0);
      const PairRow pair = full_pair(0, 0);
      ASSERT_TRUE(work.keep(std::vector{reply(0, Step::write, KeptReply::Kind::sound)}, std::span(&pair, 1),
                            std::span(&image, 1)));
      ASSERT_TRUE(work.add_batch("a", {"b", {1}}));
    }
    by_hand(sql);
    const Work work = open(Access::read);
    const auto nothing = [](const auto&) { return Result<void>(); };
    std::string said;
    const auto note = [&](const auto& result) {
      if (!result) said += result.error().message();
    };
    note(work.for_each_image(nothing));
    note(work.for_each_pair({}, nothing));
    note(work.replies_of_pair(0));
    note(work.open_batches("a"));
    note(work.totals());
    EXPECT_THAT(said, testing::AllOf(HasSubstr("damaged run store"), HasSubstr(named))) << sql;
  }
}

}  // namespace
}  // namespace holisafe::construction
