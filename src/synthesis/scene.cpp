#include "synthesis/scene.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numbers>
#include <utility>
#include <vector>

#include <cairo.h>

#include "synthesis/draw.h"

namespace holisafe::synthesis {
namespace {

constexpr std::array<NamedColour, 6> colours = {{
    {"red", {0.87, 0.13, 0.15}},
    {"orange", {0.98, 0.55, 0.08}},
    {"yellow", {0.98, 0.87, 0.15}},
    {"green", {0.15, 0.68, 0.28}},
    {"blue", {0.12, 0.38, 0.88}},
    {"purple", {0.58, 0.20, 0.72}},
}};

constexpr std::array<std::string_view, corner_count> corner_names = {"upper left", "upper right",
                                                                     "lower right", "lower left"};

constexpr std::array<std::string_view, place_count> place_names = {"left", "right", "top", "bottom",
                                                                   "middle"};

/// Grounds are pale and greyish: no palette colour can be mistaken for one.
constexpr std::array<Colour, 6> grounds = {{{0.97, 0.97, 0.96},
                                            {0.90, 0.91, 0.93},
                                            {0.95, 0.92, 0.87},
                                            {0.87, 0.92, 0.95},
                                            {0.90, 0.94, 0.89},
                                            {0.94, 0.90, 0.93}}};

struct SurfaceDeleter {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct ContextDeleter {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};

/// A square Cairo canvas of 24-bit RGB whose user space is the unit square from (0, 0).
class Canvas {
 public:
  explicit Canvas(int width, int height)
      : surface_(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height)),
        context_(cairo_create(surface_.get())) {}

  [[nodiscard]] cairo_t* context() const { return context_.get(); }

  Result<image::Image> picture() const {
    if (cairo_status(context_.get()) != CAIRO_STATUS_SUCCESS) {
      return fail(ErrorKind::internal, "cannot draw", "",
                  cairo_status_to_string(cairo_status(context_.get())));
    }
    cairo_surface_flush(surface_.get());
    image::Image out;
    out.width = cairo_image_surface_get_width(surface_.get());
    out.height = cairo_image_surface_get_height(surface_.get());
    out.rgb.reserve(3 * static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.height));
    const unsigned char* data = cairo_image_surface_get_data(surface_.get());
    const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(surface_.get()));
    for (int y = 0; y < out.height; ++y) {
      const auto* row = reinterpret_cast<const std::uint32_t*>(data + static_cast<std::size_t>(y) * stride);
      for (int x = 0; x < out.width; ++x) {
        for (const unsigned shift : {16U, 8U, 0U})
          out.rgb.push_back(static_cast<std::uint8_t>(row[x] >> shift));
      }
    }
    return out;
  }

 private:
  std::unique_ptr<cairo_surface_t, SurfaceDeleter> surface_;
  std::unique_ptr<cairo_t, ContextDeleter> context_;
};

struct Spot {
  double x = 0.5;
  double y = 0.5;
  double size = 0.5;
};

/// Where the symbols of a scene stand, in the unit square.
std::vector<Spot> spots(const Scene& scene, Random& random) {
  if (scene.count == 2) {
    const bool upright = pick(random, 2) == 1;
    const double size = between(random, 0.40, 0.46);
    if (upright) return {{0.5, 0.26, size}, {0.5, 0.74, size}};
    return {{0.26, 0.5, size}, {0.74, 0.5, size}};
  }
  if (scene.count == 3) {
    const double size = between(random, 0.38, 0.43);
    const double turned = pick(random, 2) == 1 ? 0.26 : 0.74;
    return {{0.26, turned, size}, {0.74, turned, size}, {0.5, 1 - turned, size}};
  }
  const double size = between(random, 0.56, 0.68);
  const double shift = between(random, 0.18, 0.20);
  switch (scene.place) {
    case Place::left:
      return {{0.5 - shift, 0.5, size}};
    case Place::right:
      return {{0.5 + shift, 0.5, size}};
    case Place::top:
      return {{0.5, 0.5 - shift, size}};
    case Place::bottom:
      return {{0.5, 0.5 + shift, size}};
    case Place::middle:
      break;
  }
  return {{0.5, 0.5, between(random, 0.60, 0.84)}};
}

void draw_ground(cairo_t* context, Random& random) {
  const Colour ground = grounds[pick(random, grounds.size())];
  cairo_set_source_rgb(context, ground.red, ground.green, ground.blue);
  cairo_paint(context);
  const std::size_t marks = pick(random, 7);
  for (std::size_t i = 0; i < marks; ++i) {  // clutter: faint dots and scratches
    const double grey = between(random, 0.62, 0.82);
    cairo_set_source_rgb(context, grey, grey, grey);
    const double x = between(random, 0, 1);
    const double y = between(random, 0, 1);
    if (pick(random, 2) == 0) {
      cairo_arc(context, x, y, between(random, 0.012, 0.035), 0, 2 * std::numbers::pi);
      cairo_fill(context);
    } else {
      cairo_set_line_width(context, 0.02);
      cairo_move_to(context, x, y);
      cairo_rel_line_to(context, between(random, -0.14, 0.14), between(random, -0.14, 0.14));
      cairo_stroke(context);
    }
  }
}

/// Colours vary a little, so that no exact value stands for a name.
Colour vary(Colour colour, Random& random) {
  const auto channel = [&](double value) {
    return std::clamp(value + between(random, -0.05, 0.05), 0.0, 1.0);
  };
  const double red = channel(colour.red);
  const double green = channel(colour.green);
  return {red, green, channel(colour.blue)};
}

/// Outwards to whole pixels, inside the picture.
Box box_of(const Extents& extents, int size) {
  const auto within = [&](double edge) {
    return static_cast<int>(std::clamp(edge, 0.0, static_cast<double>(size)));
  };
  return {within(std::floor(extents.left)), within(std::floor(extents.top)), within(std::ceil(extents.right)),
          within(std::ceil(extents.bottom))};
}

/// Somewhat shifted, turned and stretched; gives its box in a picture of `size` pixels a side.
Box draw_symbol(cairo_t* context, const Symbol& symbol, Colour main, const Spot& spot, int size,
                Random& random) {
  cairo_save(context);
  const double x = spot.x + between(random, -0.02, 0.02);
  const double y = spot.y + between(random, -0.02, 0.02);
  cairo_translate(context, x, y);
  cairo_rotate(context, between(random, -0.22, 0.22));
  const double stretch = between(random, 0.93, 1.07);
  cairo_scale(context, spot.size * stretch, spot.size / stretch);
  Pen pen(context, main);
  symbol.draw(pen);
  cairo_restore(context);
  return box_of(pen.extents(), size);
}

std::vector<Box> draw_symbols(cairo_t* context, const Scene& scene, int size, Random& random) {
  const Colour main = vary(colours[scene.colour].colour, random);
  std::vector<Box> boxes;
  for (const Spot& spot : spots(scene, random))
    boxes.push_back(draw_symbol(context, *scene.symbol, main, spot, size, random));
  return boxes;
}

/// Near a corner, wholly in the picture but for a turned symbol's tips.
Spot in_corner(Corner corner, double size) {
  const double near = size / 2 + 0.02;
  const bool right = corner == Corner::upper_right || corner == Corner::lower_right;
  const bool low = corner == Corner::lower_left || corner == Corner::lower_right;
  return {right ? 1 - near : near, low ? 1 - near : near, size};
}

/// How large the object beside a sign is. An object as large as the sign makes some verdicts as much as the
/// sign does, and then nobody can say where a map should point.
constexpr double object_share = 0.5;

/// Adds noise of a few grey levels to every channel.
void add_noise(image::Image& picture, Random& random) {
  const auto strength = static_cast<int>(pick(random, 10));
  if (strength == 0) return;
  for (std::uint8_t& value : picture.rgb) {
    const auto added = static_cast<int>(pick(random, 2 * static_cast<std::size_t>(strength) + 1)) - strength;
    value = static_cast<std::uint8_t>(std::clamp(value + added, 0, 255));
  }
}

void paste(image::Image& sheet, const image::Image& picture, int left, int top) {
  for (int y = 0; y < picture.height; ++y)
    std::copy_n(picture.pixel(0, y), 3 * picture.width, sheet.pixel(left, top + y));
}

Scene random_scene(const Symbol& symbol, Random& random) {
  Scene scene;
  scene.symbol = &symbol;
  scene.colour = pick(random, colours.size());
  scene.count = symbol.guard_class == 0 ? 1 + static_cast<int>(pick(random, max_count)) : 1;
  scene.place = static_cast<Place>(pick(random, place_count));
  return scene;
}

}  // namespace

std::span<const NamedColour> palette() { return colours; }
std::string_view name(Place place) { return place_names[static_cast<std::size_t>(place)]; }

std::string_view name(Corner corner) { return corner_names[static_cast<std::size_t>(corner)]; }

Result<Drawn> render(const Scene& scene, int size, Random& random) {
  const Canvas canvas(size, size);
  cairo_scale(canvas.context(), size, size);
  draw_ground(canvas.context(), random);
  Drawn out;
  out.boxes = draw_symbols(canvas.context(), scene, size, random);
  HOLISAFE_TRY(out.picture, canvas.picture());
  add_noise(out.picture, random);
  return out;
}

Result<Drawn> render_beside(const Beside& beside, int size, Random& random) {
  const Canvas canvas(size, size);
  cairo_scale(canvas.context(), size, size);
  draw_ground(canvas.context(), random);
  const auto opposite = static_cast<Corner>((static_cast<std::size_t>(beside.corner) + 2) % corner_count);
  Drawn out;
  const auto draw = [&](const Symbol& symbol, Corner corner, double share) {
    const Colour main = vary(colours[pick(random, colours.size())].colour, random);
    const Spot spot = in_corner(corner, share * between(random, 28.0 / 64, 32.0 / 64));
    out.boxes.push_back(draw_symbol(canvas.context(), symbol, main, spot, size, random));
  };
  draw(*beside.sign, beside.corner, 1);
  draw(*beside.object, opposite, object_share);
  HOLISAFE_TRY(out.picture, canvas.picture());
  add_noise(out.picture, random);
  return out;
}

Result<image::Image> contact_sheet(int size, int columns, std::uint64_t seed) {
  constexpr int label_width = 110;
  constexpr int gap = 4;
  const auto all = symbols();
  const auto rows = static_cast<int>((all.size() + 1) / 2);
  const int block = label_width + columns * (size + gap);
  const Canvas canvas(2 * block, rows * (size + gap));
  cairo_t* context = canvas.context();
  cairo_set_source_rgb(context, 1, 1, 1);
  cairo_paint(context);
  cairo_set_source_rgb(context, 0, 0, 0);
  cairo_select_font_face(context, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context, 14);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const int row = static_cast<int>(i) % rows;
    const int left = static_cast<int>(i) / rows * block;
    const int middle = row * (size + gap) + size / 2;
    cairo_move_to(context, left + 6, middle + 5);
    cairo_show_text(context, std::string(all[i].name).c_str());
  }
  HOLISAFE_TRY(image::Image sheet, canvas.picture());
  Random random(seed);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (int column = 0; column < columns; ++column) {
      HOLISAFE_TRY(const Drawn drawn, render(random_scene(all[i], random), size, random));
      paste(sheet, drawn.picture, static_cast<int>(i) / rows * block + label_width + column * (size + gap),
            static_cast<int>(i) % rows * (size + gap));
    }
  }
  return sheet;
}

}  // namespace holisafe::synthesis
