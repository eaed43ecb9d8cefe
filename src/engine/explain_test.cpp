#include "engine/explain.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "engine/reading.h"
#include "engine/tiny_models.h"
#include "models/square_cells.h"

namespace holisafe::engine {
namespace {

torch::Tensor noise(std::uint64_t seed, at::IntArrayRef sizes) {
  auto out = at::empty(sizes, torch::kFloat32);
  Random random(seed);
  auto* values = out.data_ptr<float>();
  for (std::int64_t i = 0; i < out.numel(); ++i)
    values[i] = static_cast<float>(random.next() % 2001) / 1000.0F - 1.0F;
  return out;
}

TEST(GradientValues, OfALinearFunctionAddUpToWhatTheMeanColourTakes) {
  const auto pixels = noise(1, {2, 3, 8, 12});
  const auto weights = noise(2, {2, 3, 8, 12});
  const auto cells_of = [](const torch::Tensor& values) { return models::square_cells(values, 2, 3, 4); };
  const auto f = [&](const torch::Tensor& x) { return (x * weights).sum() + 7.0; };
  const auto values = gradient_values(pixels, cells_of, f);
  ASSERT_EQ(values.sizes(), (at::IntArrayRef{2, 2, 3}));
  auto mean = pixels.clone();
  const auto means = mean_colours(pixels, cells_of(pixels));
  cells_of(mean).copy_(means.expand_as(cells_of(mean)));
  EXPECT_NEAR(values.sum().item<double>(), (f(pixels) - f(mean)).item<double>(), 1e-4);
  // And cell by cell: what painting it takes.
  auto painted = pixels.clone();
  cells_of(painted)[1][0][2].copy_(means[1][0][0].expand({3, 4, 4}));
  EXPECT_NEAR(values[1][0][2].item<double>(), (f(pixels) - f(painted)).item<double>(), 1e-4);
  EXPECT_FALSE(pixels.grad().defined());
}

TEST(MeanColours, AreExactWhereAllPixelsAreTheSame) {
  auto pixels = at::empty({1, 3, 336, 336}, torch::kFloat32);
  for (std::int64_t channel = 0; channel < 3; ++channel)
    pixels.select(1, channel).fill_(0.1 + 0.7 * static_cast<double>(channel));
  const auto cells = models::square_cells(pixels, 24, 24, 14);
  EXPECT_TRUE(at::equal(cells, mean_colours(pixels, cells).expand_as(cells)));
}

class ExplainedModels : public TinyModels {
 protected:
  static Result<taxonomy::Verdict> judge(const Engine& engine, const chat::Image& picture) {
    const torch::NoGradGuard no_gradient;
    const auto loaded = engine.load(picture, {});
    if (!loaded) return fail(loaded.error());
    const auto features = engine.model().encode_image(loaded->image);
    const auto pooled =
        engine.pooled_alone({}, std::span(&loaded->image, 1), std::span(&features, 1)).value();
    return engine.guard()->judge(pooled);
  }
  static std::vector<double> all_values(const explain::Explanation& explanation) {
    std::vector<double> out;
    for (const explain::Piece& piece : explanation.pieces)
      out.insert(out.end(), piece.values.begin(), piece.values.end());
    return out;
  }
  static void expect_near(const std::vector<double>& a, const std::vector<double>& b, double share) {
    ASSERT_EQ(a.size(), b.size());
    double largest = 0;
    for (const double value : b) largest = std::max(largest, std::abs(value));
    ASSERT_GT(largest, 0);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], share * largest) << i;
  }
};

TEST_P(ExplainedModels, ValuesDoNotDependOnHowLayersAreRun) {
  const auto picture = picture_file(3, 60, 44);
  for (const auto pooling : {models::GuardPooling::last_hidden, models::GuardPooling::projector}) {
    Engine plain = open();
    OpenOptions options;
    options.guard = plug_in(plain, pooling);
    plain = open(options);
    const auto verdict = judge(plain, picture);
    ASSERT_TRUE(verdict);
    const auto kept = explain(plain, picture, *verdict, {}, {}, nullptr);
    ASSERT_TRUE(kept) << kept.error().message();
    prepare_to_explain(plain);
    const auto again = judge(plain, picture);
    EXPECT_EQ(again->logits, verdict->logits) << "the same bits";
    const auto run_again = explain(plain, picture, *verdict, {}, {}, nullptr);
    ASSERT_TRUE(run_again) << run_again.error().message();
    expect_near(all_values(run_again->explanation), all_values(kept->explanation), 1e-5);
    EXPECT_EQ(run_again->explanation.box, kept->explanation.box);
    EXPECT_EQ(kept->explanation.width, 60);
    EXPECT_EQ(kept->explanation.height, 44);
    EXPECT_GE(kept->explanation.label, 1U);
  }
}

TEST_P(ExplainedModels, OcclusionDoesNotDependOnItsBatches) {
  Engine engine = open();
  const auto picture = picture_file(4, 50, 90);
  const auto verdict = judge(engine, picture);
  ASSERT_TRUE(verdict);
  ExplainOptions options;
  options.method = explain::Method::occlusion;
  const auto alone = explain(engine, picture, *verdict, {}, options, nullptr);
  ASSERT_TRUE(alone) << alone.error().message();
  options.batch_size = 4;
  const auto together = explain(engine, picture, *verdict, {}, options, nullptr);
  ASSERT_TRUE(together);
  expect_near(all_values(together->explanation), all_values(alone->explanation), 2e-3);
  StopFlag stop;
  stop.request();
  EXPECT_EQ(explain(engine, picture, *verdict, {}, options, &stop).error().kind, ErrorKind::interrupted);
}

TEST_P(ExplainedModels, NothingSpeaksInOneColour) {
  Engine engine = open();
  // Square, so that nothing is padded.
  image::Image one{56, 56, {}};
  for (int i = 0; i < 56 * 56; ++i) one.rgb.insert(one.rgb.end(), {200, 30, 90});
  const chat::Image picture{{}, std::make_shared<const std::string>(image::encode_png(one).value())};
  const auto verdict = judge(engine, picture);
  ASSERT_TRUE(verdict);
  for (const auto method : explain::methods) {
    ExplainOptions options;
    options.method = method;
    options.label = 5;
    const auto explained = explain(engine, picture, *verdict, {}, options, nullptr);
    ASSERT_TRUE(explained) << explained.error().message();
    for (const double value : all_values(explained->explanation)) EXPECT_EQ(value, 0);
    EXPECT_FALSE(explained->explanation.box);
    EXPECT_FALSE(explained->explanation.without);
    EXPECT_EQ(explained->explanation.label, 5U);
  }
}

TEST_P(ExplainedModels, NumbersThatAreNoneAreAnErrorOfThePicture) {
  Engine engine = open();
  const auto picture = picture_file(5);
  const auto verdict = judge(engine, picture);
  ASSERT_TRUE(verdict);
  // The picture's verdict is known; its weights have become infinite since.
  auto& layer = const_cast<nn::Linear&>(engine.guard()->layers().front());
  layer.weight = at::full({layer.weight.rows(), layer.weight.columns()}, INFINITY, torch::kFloat32);
  for (const auto method : explain::methods) {
    ExplainOptions options;
    options.method = method;
    const auto explained = explain(engine, picture, *verdict, {}, options, nullptr);
    ASSERT_FALSE(explained);
    EXPECT_EQ(explained.error().kind, ErrorKind::not_finite);
    EXPECT_TRUE(explained.error().where.starts_with("image")) << explained.error().message();
  }
}

/// Cells of the first piece by how red they are: row and column of the reddest.
std::pair<std::int64_t, std::int64_t> reddest(const models::Model& model, const image::Image& picture) {
  const auto processed = model.process_image(picture);
  EXPECT_TRUE(processed) << processed.error().message();
  const auto cells = model.cells(*processed, processed->pixel_values);
  EXPECT_EQ(cells.dim(), 6);
  const auto reds = (cells[0].select(2, 0) - cells[0].select(2, 1))
                        .flatten(2)
                        .mean(at::IntArrayRef({2}));  // [rows, columns]
  const auto most = reds.flatten().argmax().item<std::int64_t>();
  return {most / reds.size(1), most % reds.size(1)};
}

TEST_P(ExplainedModels, ACellShowsWhatItsFrameSays) {
  for (const char* aspect : {"", "pad", "crop"}) {
    if (*aspect != 0 && GetParam() != "llava") continue;
    OpenOptions options;
    options.load.image_aspect = aspect;
    const Engine engine = open(options);
    for (const auto& [width, height] : {std::pair{96, 96}, {300, 100}, {77, 210}, {640, 480}}) {
      const image::Image black{width, height,
                               std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height))};
      const auto processed = engine.model().process_image(black);
      ASSERT_TRUE(processed) << processed.error().message();
      ASSERT_EQ(processed->frames.size(), processed->piece_tokens.size());
      const image::Frame& frame = processed->frames.front();
      int shown = 0;
      for (std::int64_t row = 0; row < frame.rows; ++row) {
        for (std::int64_t column = 0; column < frame.columns; ++column) {
          // What of the cell lies in the picture: of a padded one its outermost cells show little or nothing.
          const double cell_left = frame.left + frame.cell_width() * static_cast<double>(column);
          const double cell_top = frame.top + frame.cell_height() * static_cast<double>(row);
          const double left = std::max(cell_left, 0.0);
          const double top = std::max(cell_top, 0.0);
          const double right = std::min(cell_left + frame.cell_width(), static_cast<double>(width));
          const double bottom = std::min(cell_top + frame.cell_height(), static_cast<double>(height));
          if (right - left < 0.6 * frame.cell_width() || bottom - top < 0.6 * frame.cell_height()) continue;
          image::Image picture = black;
          for (int y = static_cast<int>(top); y < static_cast<int>(bottom); ++y) {
            for (int x = static_cast<int>(left); x < static_cast<int>(right); ++x)
              picture.pixel(x, y)[0] = 255;
          }
          const auto found = reddest(engine.model(), picture);
          EXPECT_EQ(found, (std::pair{row, column})) << aspect << " " << width << " x " << height;
          ++shown;
        }
      }
      EXPECT_GT(shown, 3);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ExplainedModels, testing::ValuesIn(family_names()), test_name);

}  // namespace
}  // namespace holisafe::engine
