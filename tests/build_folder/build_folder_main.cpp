// Fills the folder of a build without asking anybody, for tests of what is done with one.
//
//   build_folder WORK < ROWS
//
// ROWS are objects in lines: {"image": {…}} and {"pair": {…}} with the fields of construction::ImageRow and
// PairRow, where what is absent keeps its default; {"declined": {"pair", "by"}}; {"checked": {"pair", "step",
// "by", "object"}}; {"prompt": TEXT}; {"value": [KEY, VALUE]}.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/hash.h"
#include "construction/files.h"
#include "construction/work.h"

namespace {

using namespace holisafe;
using namespace holisafe::construction;
using nlohmann::json;

construction::Side parse_side_name(const std::string& text) {
  for (const Side side : {Side::train, Side::bench}) {
    if (text == construction::name(side)) return side;
  }
  return Side::none;
}

ImageRow image_of(const json& row) {
  ImageRow out;
  out.id = row.at("id").get<std::int64_t>();
  out.source = row.value("source", "photos");
  out.path = row.at("path").get<std::string>();
  out.file = row.at("file").get<std::string>();
  out.sha256 = row.at("sha256").get<std::string>();
  out.width = row.value("width", 64);
  out.height = row.value("height", 64);
  out.cluster = row.value("cluster", out.id);
  out.state = parse_image_state(row.value("state", "kept")).value();
  if (const auto label = row.find("label"); label != row.end() && !label->is_null())
    out.label = label->get<std::size_t>();
  for (const auto& vote : row.value("labels", json::array()))
    out.votes.push_back({vote.at(0).get<std::string>(), vote.at(1).get<std::string>()});
  out.reason = row.value("reason", "");
  out.license = row.value("license", "");
  out.side = parse_side_name(row.value("side", ""));
  return out;
}

PairRow pair_of(const json& row) {
  PairRow out;
  out.id = row.at("id").get<std::int64_t>();
  out.image_id = row.at("image").get<std::int64_t>();
  out.type = taxonomy::parse_combination(row.at("type").get<std::string>()).value();
  out.subcategory = row.at("subcategory").get<std::size_t>();
  out.instruction = row.value("instruction", "");
  out.response = row.value("response", "");
  out.state = parse_pair_state(row.value("state", "ready")).value();
  out.filter = row.value("filter", "");
  out.reason = row.value("reason", "");
  out.writer = row.value("writer", "");
  out.checker = row.value("checker", "");
  out.prompt_sha256 = row.value("prompt_sha256", "");
  if (const auto review = row.find("review"); review != row.end()) {
    out.review = Review{review->at("decision").get<std::string>(), review->at("reviewer").get<std::string>(),
                        review->value("before_instruction", ""), review->value("before_response", "")};
  }
  return out;
}

class Filling {
 public:
  explicit Filling(Work& work) : work_(work) {}

  Result<void> add(const json& row) {
    if (row.contains("image")) images_.push_back(image_of(row["image"]));
    if (row.contains("pair")) pairs_.push_back(pair_of(row["pair"]));
    if (row.contains("declined")) {
      KeptReply reply;
      reply.subject = row["declined"].at("pair").get<std::int64_t>();
      reply.by = row["declined"].at("by").get<std::string>();
      reply.kind = KeptReply::Kind::declined;
      HOLISAFE_CHECK(work_.keep(std::vector{reply}, {}, {}));
    }
    if (row.contains("checked")) {
      const json& checked = row["checked"];
      KeptReply reply;
      reply.subject = checked.at("pair").get<std::int64_t>();
      reply.step = parse_step(checked.at("step").get<std::string>()).value();
      reply.by = checked.at("by").get<std::string>();
      reply.object = checked.at("object").dump();
      HOLISAFE_CHECK(work_.keep(std::vector{reply}, {}, {}));
    }
    if (row.contains("prompt")) {
      const auto text = row["prompt"].get<std::string>();
      HOLISAFE_CHECK(work_.put_prompt(hex(sha256(text)), text));
    }
    if (row.contains("value"))
      HOLISAFE_CHECK(
          work_.put_value(row["value"].at(0).get<std::string>(), row["value"].at(1).get<std::string>()));
    constexpr std::size_t together = 5000;
    return images_.size() + pairs_.size() < together ? Result<void>() : flush();
  }

  Result<void> flush() {
    HOLISAFE_CHECK(work_.write(images_));
    HOLISAFE_CHECK(work_.write(pairs_));
    images_.clear();
    pairs_.clear();
    return {};
  }

 private:
  Work& work_;
  std::vector<ImageRow> images_;
  std::vector<PairRow> pairs_;
};

Result<void> fill(const std::string& folder) {
  HOLISAFE_TRY(Work work, Work::open(folder, store::Access::write));
  Filling filling(work);
  for (std::string line; std::getline(std::cin, line);) HOLISAFE_CHECK(filling.add(json::parse(line)));
  HOLISAFE_CHECK(filling.flush());
  return write_files(work);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto done = fill(argv[1]);
  if (done) return 0;
  fmt::print(stderr, "{}\n", done.error().message());
  return 2;
}
