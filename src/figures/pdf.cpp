#include <memory>
#include <numbers>

#include <cairo-pdf.h>
#include <cairo.h>

#include "base/error.h"
#include "figures/draw.h"
#include "figures/text_width.h"

namespace holisafe::figures {
namespace {

/// Of every figure, so that the same figure gives the same bytes.
constexpr const char* date_of_making = "2000-01-01T00:00:00Z";

cairo_status_t append(void* closure, const unsigned char* bytes, unsigned length) {
  try {
    static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(bytes), length);
  } catch (const std::bad_alloc&) {
    return CAIRO_STATUS_NO_MEMORY;
  }
  return CAIRO_STATUS_SUCCESS;
}

void set_grey(cairo_t* context, double grey) { cairo_set_source_rgb(context, grey, grey, grey); }

void draw(cairo_t* context, const Path& path) {
  cairo_new_path(context);
  for (const auto& line : path.lines) {
    cairo_new_sub_path(context);
    for (const Point& point : line) cairo_line_to(context, point.x, point.y);
    if (path.closed) cairo_close_path(context);
  }
  if (path.fill) {
    set_grey(context, *path.fill);
    cairo_fill_preserve(context);
  }
  if (!path.stroke) return;
  set_grey(context, path.stroke->grey);
  cairo_set_line_width(context, path.stroke->width);
  const auto& dashes = path.stroke->dashes;
  cairo_set_dash(context, dashes.data(), static_cast<int>(dashes.size()), 0);
  cairo_stroke(context);
}

void draw(cairo_t* context, const Text& text) {
  const std::string shown = one_line(text.text);
  cairo_select_font_face(context, std::string(font_name).c_str(), CAIRO_FONT_SLANT_NORMAL,
                         text.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context, text.size);
  set_grey(context, 0);
  cairo_save(context);
  cairo_translate(context, text.at.x, text.at.y);
  if (text.upright) cairo_rotate(context, -std::numbers::pi / 2);
  double back = 0;
  if (text.anchor != Text::Anchor::start) {
    cairo_text_extents_t extents;
    cairo_text_extents(context, shown.c_str(), &extents);
    back = extents.x_advance * (text.anchor == Text::Anchor::middle ? 0.5 : 1);
  }
  cairo_move_to(context, -back, 0);
  cairo_show_text(context, shown.c_str());
  cairo_restore(context);
}

Result<void> check(cairo_status_t status) {
  if (status == CAIRO_STATUS_SUCCESS) return {};
  const auto kind = status == CAIRO_STATUS_NO_MEMORY ? ErrorKind::out_of_memory : ErrorKind::internal;
  return fail(kind, "cannot draw a PDF", "", cairo_status_to_string(status));
}

}  // namespace

Result<std::string> pdf(const Drawing& drawing) {
  std::string out;
  const std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> surface(
      cairo_pdf_surface_create_for_stream(append, &out, drawing.width, drawing.height),
      cairo_surface_destroy);
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_TITLE, one_line(drawing.title).c_str());
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE, date_of_making);
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_MOD_DATE, date_of_making);
  const std::unique_ptr<cairo_t, decltype(&cairo_destroy)> context(cairo_create(surface.get()),
                                                                   cairo_destroy);
  for (const auto& shape : drawing.shapes)
    std::visit([&](const auto& each) { draw(context.get(), each); }, shape);
  HOLISAFE_CHECK(check(cairo_status(context.get())));
  cairo_surface_finish(surface.get());
  HOLISAFE_CHECK(check(cairo_surface_status(surface.get())));
  return out;
}

}  // namespace holisafe::figures
