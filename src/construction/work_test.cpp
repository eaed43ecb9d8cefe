// What a build's database gives back and counts.
#include "construction/work.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "construction/made_work.h"

namespace holisafe::construction {
namespace {

using store::Access;
using taxonomy::Combination;
using testing::ElementsAre;

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

}  // namespace
}  // namespace holisafe::construction
