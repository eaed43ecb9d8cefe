#include "models/normalization.h"

namespace holisafe::models {
namespace {

// PIL.Image.Resampling.
image::Filter filter(const ConfigFields& fields, image::Filter fallback) {
  if (!fields.has("resample")) return fallback;
  switch (fields.integer("resample", 3, 0, 5)) {
    case 0:
      return image::Filter::nearest;
    case 1:
      return image::Filter::lanczos;
    case 2:
      return image::Filter::bilinear;
    case 3:
      return image::Filter::bicubic;
    case 4:
      return image::Filter::box;
    default:
      break;
  }
  fields.reject(ErrorKind::unsupported, "resample",
                "expected 0 to 4 (nearest, lanczos, bilinear, bicubic, box)");
  return fallback;
}

}  // namespace

Levels levels(const Normalization& normalization) {
  Levels out{};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t level = 0; level < 256; ++level) {
      const auto scaled = static_cast<float>(static_cast<double>(level) * normalization.rescale_factor);
      out[channel][level] = (scaled - normalization.mean[channel]) / normalization.std[channel];
    }
  }
  return out;
}

torch::Tensor to_tensor(const image::Image& image, const Levels& levels) {
  auto out = at::empty({3, image.height, image.width}, torch::kFloat32);
  auto* const values = out.mutable_data_ptr<float>();
  const auto pixels = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t channel = 0; channel < 3; ++channel)
      values[channel * pixels + i] = levels[channel][image.rgb[3 * i + channel]];
  }
  return out;
}

Normalization parse_normalization(const ConfigFields& fields, Normalization fallback) {
  Normalization out = fallback;
  if (!fields.flag("do_resize", true)) fields.reject(ErrorKind::unsupported, "do_resize", "expected true");
  out.rescale_factor =
      fields.flag("do_rescale", true) ? fields.number("rescale_factor", out.rescale_factor) : 1.0;
  if (fields.flag("do_normalize", true)) {
    out.mean = fields.colours("image_mean", out.mean);
    out.std = fields.colours("image_std", out.std);
  } else {
    out.mean = {0, 0, 0};
    out.std = {1, 1, 1};
  }
  for (const float deviation : out.std) {
    if (deviation == 0) fields.reject(ErrorKind::out_of_range, "image_std", "expected numbers other than 0");
  }
  out.filter = filter(fields, out.filter);
  return out;
}

}  // namespace holisafe::models
