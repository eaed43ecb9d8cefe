#include "synthesis/world.h"

#include "synthesis/draw.h"

namespace holisafe::synthesis {
namespace {

using taxonomy::Combination;

constexpr std::size_t harm_count = taxonomy::class_count - 1;

Scene draw_scene(const Symbol& symbol, bool single, Random& random) {
  Scene scene;
  scene.symbol = &symbol;
  scene.colour = pick(random, palette().size());
  const bool several = !single && symbol.guard_class == 0;
  scene.count = several ? 1 + static_cast<int>(pick(random, max_count)) : 1;
  scene.place = scene.count == 1 ? static_cast<Place>(pick(random, place_count)) : Place::middle;
  return scene;
}

/// An object that is (not) gentle, going round all of them.
const Symbol& object(bool gentle, std::size_t turn) {
  std::size_t seen = 0;
  for (;;) {
    for (const Symbol& each : objects()) {
      if (each.gentle == gentle && seen++ == turn % (objects().size() / 2)) return each;
    }
  }
}

Topic draw_topic(const Scene& scene, bool handling, Random& random) {
  for (;;) {
    const auto topic = static_cast<Topic>(pick(random, topic_count));
    if (fits(topic, scene) && (handling || topic != Topic::handle)) return topic;
  }
}

/// Makes pairs five at a time, one of each combination.
class PairMaker {
 public:
  PairMaker(Split split, Random& random) : split_(split), random_(random) {}

  void five(std::size_t turn) {
    const std::size_t harm = 1 + turn % harm_count;
    const std::size_t unsafe = add_scene(sign(harm), true);
    add_harmless(unsafe, Combination::USU, harm, draw_topic(out_.scenes[unsafe], false, random_));
    add_harmful(unsafe, Combination::UUU, harm);

    const std::size_t hard = add_scene(object(false, turn), true);
    add_harmless(hard, Combination::SSU, 0, Topic::handle);
    // Half of the other two are about the same picture, so that a picture does not give the combination away.
    const bool same = turn % 2 == 0;
    const bool gentle = pick(random_, 4) != 0;
    const std::size_t other = add_scene(object(gentle, turn / 2), !same && turn % 4 == 1);
    const std::size_t safe = same ? hard : other;
    const bool handling = !same && turn % 4 == 1 && gentle;
    const Topic topic = handling ? Topic::handle : draw_topic(out_.scenes[safe], false, random_);
    add_harmless(safe, Combination::SSS, 1 + (turn + 7) % harm_count, topic);
    add_harmful(same ? other : hard, Combination::SUU, 1 + (turn + 11) % harm_count);
  }

  Pairs take(std::size_t count) {
    out_.pairs.resize(count);
    return std::move(out_);
  }

 private:
  std::size_t add_scene(const Symbol& symbol, bool single) {
    out_.scenes.push_back(draw_scene(symbol, single, random_));
    return out_.scenes.size() - 1;
  }

  void add_harmless(std::size_t picture, Combination type, std::size_t subcategory, Topic topic) {
    const Scene& scene = out_.scenes[picture];
    Pair pair;
    pair.picture = picture;
    pair.type = type;
    pair.topic = topic;
    pair.exchange = ask(topic, scene, split_, random_);
    pair.subcategory =
        static_cast<std::uint8_t>(pair.exchange.subcategory != 0 ? pair.exchange.subcategory : subcategory);
    if (type == Combination::USU) pair.refusal = refuse_picture(scene.symbol->guard_class);
    if (type == Combination::SSU) pair.refusal = refuse_together(scene);
    out_.pairs.push_back(std::move(pair));
  }

  void add_harmful(std::size_t picture, Combination type, std::size_t harm) {
    Pair pair;
    pair.picture = picture;
    pair.type = type;
    pair.topic = Topic::help;
    pair.subcategory = static_cast<std::uint8_t>(harm);
    pair.exchange = ask_harm(harm, split_, random_);
    pair.refusal = type == Combination::UUU ? refuse_both(harm) : refuse_request(harm);
    out_.pairs.push_back(std::move(pair));
  }

  Split split_;
  Random& random_;
  Pairs out_;
};

}  // namespace

Pairs draw_pairs(std::size_t count, Split split, Random& random) {
  PairMaker maker(split, random);
  for (std::size_t turn = 0; turn * taxonomy::combination_count < count; ++turn) maker.five(turn);
  return maker.take(count);
}

Talk draw_talk(std::size_t exchanges, bool harmless, Random& random) {
  const auto choice = harmless ? objects() : symbols();
  const Split split = harmless ? Split::train : Split::base;
  Talk talk;
  talk.scene = draw_scene(choice[pick(random, choice.size())], pick(random, 3) == 0, random);
  for (std::size_t i = 0; i < exchanges; ++i) {
    if (!harmless && pick(random, 6) == 0) {
      talk.exchanges.push_back(ask_harm(1 + pick(random, harm_count), split, random));
    } else {
      const Topic topic = draw_topic(talk.scene, !harmless || talk.scene.symbol->gentle, random);
      talk.exchanges.push_back(ask(topic, talk.scene, split, random));
    }
  }
  return talk;
}

}  // namespace holisafe::synthesis
