// Boxes around symbols, against the ink that is there.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>

#include <cairo.h>
#include <gtest/gtest.h>

#include "synthesis/pen.h"
#include "synthesis/scene.h"
#include "synthesis/symbols.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::synthesis {
namespace {

constexpr int side = 240;

/// Where a surface is not white.
Extents ink_on(cairo_surface_t* surface) {
  cairo_surface_flush(surface);
  const unsigned char* data = cairo_image_surface_get_data(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  Extents out;
  for (int y = 0; y < side; ++y) {
    const auto* row = reinterpret_cast<const std::uint32_t*>(data + static_cast<std::ptrdiff_t>(y) * stride);
    for (int x = 0; x < side; ++x) {
      if ((row[x] & 0xFFFFFFU) == 0xFFFFFFU) continue;
      out.left = std::min<double>(out.left, x);
      out.top = std::min<double>(out.top, y);
      out.right = std::max<double>(out.right, x + 1);
      out.bottom = std::max<double>(out.bottom, y + 1);
    }
  }
  return out;
}

TEST(Extents, TouchTheInkOfEverySymbolHoweverTurned) {
  for (const Symbol& symbol : symbols()) {
    for (const double turn : {-0.22, 0.0, 0.15, 1.0}) {
      const std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> surface(
          cairo_image_surface_create(CAIRO_FORMAT_RGB24, side, side), cairo_surface_destroy);
      const std::unique_ptr<cairo_t, decltype(&cairo_destroy)> context(cairo_create(surface.get()),
                                                                       cairo_destroy);
      cairo_t* c = context.get();
      cairo_set_source_rgb(c, 1, 1, 1);
      cairo_paint(c);
      cairo_translate(c, side / 2.0, side / 2.0);
      cairo_rotate(c, turn);
      cairo_scale(c, 100 * 1.07, 100 / 1.07);
      // No colour of its own is white: all ink is seen.
      Pen pen(c, {0.5, 0.2, 0.2});
      symbol.draw(pen);
      const Extents ink = ink_on(surface.get());
      const Extents& said = pen.extents();
      EXPECT_NEAR(said.left, ink.left, 2) << symbol.name << " turned " << turn;
      EXPECT_NEAR(said.top, ink.top, 2) << symbol.name << " turned " << turn;
      EXPECT_NEAR(said.right, ink.right, 2) << symbol.name << " turned " << turn;
      EXPECT_NEAR(said.bottom, ink.bottom, 2) << symbol.name << " turned " << turn;
    }
  }
}

TEST(Boxes, AreOneASymbolInsideThePicture) {
  Random random(3);
  for (int count = 1; count <= max_count; ++count) {
    Scene scene;
    scene.symbol = objects().data();
    scene.count = count;
    const auto drawn = render(scene, 64, random);
    ASSERT_TRUE(drawn);
    ASSERT_EQ(drawn->boxes.size(), static_cast<std::size_t>(count));
    for (const Box& box : drawn->boxes) {
      EXPECT_TRUE(0 <= box.left && box.left < box.right && box.right <= 64);
      EXPECT_TRUE(0 <= box.top && box.top < box.bottom && box.bottom <= 64);
    }
  }
}

TEST(Beside, PutsASignInACornerAndAnObjectInTheOppositeOne) {
  Random random(4);
  for (std::size_t corner = 0; corner < corner_count; ++corner) {
    for (std::size_t harm = 1; harm < taxonomy::class_count; ++harm) {
      const Beside beside{&sign(harm), &objects()[harm % objects().size()], static_cast<Corner>(corner)};
      const auto drawn = render_beside(beside, 64, random);
      ASSERT_TRUE(drawn);
      ASSERT_EQ(drawn->boxes.size(), 2U);
      const Box& sign_box = drawn->boxes[0];
      const Box& object_box = drawn->boxes[1];
      const bool right = beside.corner == Corner::upper_right || beside.corner == Corner::lower_right;
      const bool low = beside.corner == Corner::lower_left || beside.corner == Corner::lower_right;
      EXPECT_EQ(sign_box.left + sign_box.right > 64, right) << name(beside.corner);
      EXPECT_EQ(sign_box.top + sign_box.bottom > 64, low) << name(beside.corner);
      EXPECT_NE(object_box.left + object_box.right > 64, right);
      EXPECT_NE(object_box.top + object_box.bottom > 64, low);
      const auto side_of = [](const Box& box) {
        return std::max(box.right - box.left, box.bottom - box.top);
      };
      EXPECT_LT(side_of(object_box), 0.75 * side_of(sign_box))
          << beside.sign->name << " " << beside.object->name;
    }
  }
}

}  // namespace
}  // namespace holisafe::synthesis
