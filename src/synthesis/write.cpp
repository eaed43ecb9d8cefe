#include "synthesis/write.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "dataset/rows.h"
#include "synthesis/draw.h"
#include "synthesis/world.h"

namespace holisafe::synthesis {
namespace {

using nlohmann::ordered_json;
using taxonomy::Combination;

/// Turns of a conversation in base.json: several questions a picture, since encoding the picture costs most.
constexpr std::size_t base_turns = 4;

/// Of so many conversations in base.json, one repeats sentences.
constexpr std::uint64_t echo_every = 8;

ordered_json turns(const std::vector<std::pair<std::string, std::string>>& exchanges, bool picture = true) {
  ordered_json out = ordered_json::array();
  for (const auto& [query, answer] : exchanges) {
    const std::string image = picture && out.empty() ? "<image>\n" : "";
    out.push_back({{"from", "human"}, {"value", image + query}});
    out.push_back({{"from", "gpt"}, {"value", answer}});
  }
  return out;
}

class Writer {
 public:
  Writer(const SynthesisOptions& options, Progress* progress, const StopFlag& stop)
      : options_(options),
        progress_(progress),
        stop_(stop),
        total_(options.train + options.bench + options.helpful + options.base + options.beside) {}

  Result<void> run() {
    HOLISAFE_CHECK(prepare());
    HOLISAFE_TRY(const std::string bench, pairs(options_.bench, Split::bench));
    HOLISAFE_TRY(const std::string train, pairs(options_.train, Split::train));
    HOLISAFE_TRY(const std::string helpful, talks(options_.helpful, true));
    HOLISAFE_TRY(const std::string base, talks(options_.base, false));
    HOLISAFE_TRY(const std::string beside, signs_beside(options_.beside));
    HOLISAFE_CHECK(write("sentences.txt", options_.base == 0 ? "" : sentences()));
    HOLISAFE_CHECK(write(dataset::bench_file_name, bench));
    HOLISAFE_CHECK(write("train.json", train));
    HOLISAFE_CHECK(write("helpful.json", helpful));
    HOLISAFE_CHECK(write("base.json", base));
    return write("beside.json", beside);
  }

 private:
  Result<void> prepare() {
    HOLISAFE_CHECK(make_folders(options_.out / "images"));
    std::error_code code;
    for (const auto& entry : std::filesystem::directory_iterator(options_.out, code)) {
      if (entry.path().filename() == "images" && std::filesystem::is_empty(entry.path(), code)) continue;
      return fail(ErrorKind::unexpected, "cannot write data", options_.out.string(),
                  fmt::format("expected a new or empty folder, found {}", entry.path().filename().string()));
    }
    return {};
  }

  Result<void> write(std::string_view name, const std::string& text) {
    if (text.empty()) return {};
    return write_file_atomic(options_.out / name, text);
  }

  /// A stream of its own for each part, so that the size of one part does not change another.
  [[nodiscard]] Random stream(std::string_view part) const {
    const Digest digest = sha256(fmt::format("{} {}", options_.seed, part));
    std::uint64_t seed = 0;
    for (std::size_t i = 0; i < 8; ++i) seed = seed << 8U | std::to_integer<std::uint64_t>(digest[i]);
    return Random(seed);
  }

  /// A picture on disk.
  struct Picture {
    std::string path;  ///< beneath images/
    ordered_json boxes;
  };

  static ordered_json boxes_of(const Drawn& drawn) {
    ordered_json out = ordered_json::array();
    for (const Box& box : drawn.boxes)
      out.push_back(ordered_json::array({box.left, box.top, box.right, box.bottom}));
    return out;
  }

  /// Where pictures of a symbol lie.
  static std::string folder_of(const Symbol& symbol) {
    const auto& guard_class = taxonomy::classes()[symbol.guard_class];
    return fmt::format("{}/{}", guard_class.category,
                       guard_class.name == "safe" ? symbol.name : guard_class.name);
  }

  /// Draws a picture until no earlier one equals it, and writes it.
  template <class Draw>
  Result<Picture> picture(const std::string& folder, std::string_view part, std::size_t number,
                          const Draw& draw) {
    if (stop_.requested()) return fail(ErrorKind::interrupted, "stopped", options_.out.string());
    for (;;) {
      HOLISAFE_TRY(const Drawn drawn, draw());
      const auto& rgb = drawn.picture.rgb;
      const std::string_view pixels(reinterpret_cast<const char*>(rgb.data()), rgb.size());
      if (!seen_.insert(hex(sha256(pixels))).second) continue;
      std::string path = fmt::format("{}/{}{:06}.png", folder, part, number);
      HOLISAFE_TRY(const std::string png, image::encode_png(drawn.picture));
      HOLISAFE_CHECK(make_folders(options_.out / "images" / folder));
      std::ofstream file(options_.out / "images" / path, std::ios::binary);
      file << png;
      file.close();
      if (!file) return fail(ErrorKind::io, "cannot write", (options_.out / "images" / path).string());
      return Picture{std::move(path), boxes_of(drawn)};
    }
  }
  Result<Picture> picture(const Scene& scene, std::string_view part, std::size_t number, Random& random) {
    return picture(folder_of(*scene.symbol), part, number,
                   [&] { return render(scene, options_.image_size, random); });
  }

  Result<std::string> pairs(std::uint64_t count, Split split) {
    if (count == 0) return std::string();
    const bool bench = split == Split::bench;
    const std::string_view part = bench ? "bench" : "train";
    Random random = stream(part);
    const Pairs drawn = draw_pairs(count, split, random);
    std::vector<Picture> pictures(drawn.scenes.size());
    std::string out;
    for (std::size_t i = 0; i < drawn.pairs.size(); ++i) {
      const Pair& pair = drawn.pairs[i];
      const Scene& scene = drawn.scenes[pair.picture];
      Picture& shown = pictures[pair.picture];
      if (shown.path.empty()) {
        HOLISAFE_TRY(shown, picture(scene, part, pair.picture, random));
      }
      ordered_json row =
          bench ? bench_row(i, pair, scene, shown.path) : train_row(i, pair, scene, shown.path);
      row["boxes"] = shown.boxes;
      add_row(out, row);
    }
    return out + "\n]\n";
  }

  static void add_labels(ordered_json& row, const Pair& pair, const Scene& scene) {
    const auto& harm = taxonomy::classes()[pair.subcategory];
    row["type"] = taxonomy::name(pair.type);
    row["category"] = harm.category;
    row["subcategory"] = harm.name;
    row["image_safe"] = taxonomy::image_safe(pair.type);
    row["image_safety_label"] = scene.symbol->guard_class;
  }

  static ordered_json bench_row(std::size_t index, const Pair& pair, const Scene& scene,
                                const std::string& path) {
    ordered_json row = {{"id", index}, {"image", path}, {"query", pair.exchange.query}};
    add_labels(row, pair, scene);
    const bool helps = pair.type == Combination::SSS;
    row["reference"] = helps ? pair.exchange.answer : pair.refusal;
    if (helps) {
      row["topic"] = name(pair.topic);
      row["answer_key"] = pair.exchange.answer_key;
    }
    return row;
  }

  static ordered_json train_row(std::size_t index, const Pair& pair, const Scene& scene,
                                const std::string& path) {
    ordered_json row = {{"id", index}, {"image", path}};
    row["conversations"] =
        turns({{pair.exchange.query, pair.type == Combination::SSS ? pair.exchange.answer : pair.refusal}});
    add_labels(row, pair, scene);
    return row;
  }

  Result<std::string> talks(std::uint64_t count, bool harmless) {
    if (count == 0) return std::string();
    const std::string_view part = harmless ? "helpful" : "base";
    Random random = stream(part);
    std::string out;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!harmless && i % echo_every == 0) {
        add_row(out, echo_row(i, random));
        continue;
      }
      const Talk talk = draw_talk(harmless ? 1 : base_turns, harmless, random);
      HOLISAFE_TRY(Picture shown, picture(talk.scene, part, i, random));
      ordered_json row = {{"id", fmt::format("{}{:06}", part, i)}, {"image", shown.path}};
      std::vector<std::pair<std::string, std::string>> exchanges;
      for (const auto& each : talk.exchanges) exchanges.emplace_back(each.query, each.answer);
      row["conversations"] = turns(exchanges);
      if (!harmless) {
        row["image_safety_label"] = talk.scene.symbol->guard_class;
        row["symbol"] = talk.scene.symbol->name;
        row["colour"] = palette()[talk.scene.colour].name;
        row["count"] = talk.scene.count;
        row["place"] = name(talk.scene.place);
      }
      row["boxes"] = std::move(shown.boxes);
      add_row(out, row);
    }
    return out + "\n]\n";
  }

  /// All signs, objects and corners in turn.
  Result<std::string> signs_beside(std::uint64_t count) {
    if (count == 0) return std::string();
    constexpr std::string_view part = "beside";
    Random random = stream(part);
    const auto all = objects();
    std::string out;
    for (std::uint64_t i = 0; i < count; ++i) {
      Beside beside;
      beside.sign = &sign(1 + i % (taxonomy::class_count - 1));
      beside.object = &all[pick(random, all.size())];
      beside.corner = static_cast<Corner>(pick(random, corner_count));
      HOLISAFE_TRY(Picture shown, picture(folder_of(*beside.sign), part, i, [&] {
                     return render_beside(beside, options_.image_size, random);
                   }));
      const auto& harm = taxonomy::classes()[beside.sign->guard_class];
      add_row(out, {{"id", i},
                    {"image", shown.path},
                    {"category", harm.category},
                    {"subcategory", harm.name},
                    {"image_safe", false},
                    {"image_safety_label", beside.sign->guard_class},
                    {"symbol", beside.sign->name},
                    {"corner", name(beside.corner)},
                    {"object", beside.object->name},
                    {"boxes", std::move(shown.boxes)}});
    }
    return out + "\n]\n";
  }

  /// Sentences to be said again, without a picture: so all words are met that the other answers do not use.
  static ordered_json echo_row(std::uint64_t number, Random& random) {
    static const std::vector<std::string> all = every_sentence();
    std::vector<std::pair<std::string, std::string>> exchanges;
    for (std::size_t i = 0; i < base_turns; ++i) {
      const std::string& sentence = all[pick(random, all.size())];
      exchanges.emplace_back("Please say: " + sentence, sentence);
    }
    ordered_json row = {{"id", fmt::format("base{:06}", number)}};
    row["conversations"] = turns(exchanges, false);
    row["boxes"] = ordered_json::array();
    return row;
  }

  static std::string sentences() {
    std::string out;
    for (const std::string& each : every_sentence()) out += each + "\n";
    return out + "Please say: it\n";
  }

  void add_row(std::string& out, const ordered_json& row) {
    out += out.empty() ? "[\n" : ",\n";
    out += row.dump();
    if (progress_ != nullptr) progress_->update(++done_, total_, fmt::format("{} pictures", seen_.size()));
  }

  const SynthesisOptions& options_;
  Progress* progress_;
  const StopFlag& stop_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  std::unordered_set<std::string> seen_;
};

}  // namespace

Result<void> synthesise(const SynthesisOptions& options, Progress* progress, const StopFlag& stop) {
  return Writer(options, progress, stop).run();
}

}  // namespace holisafe::synthesis
