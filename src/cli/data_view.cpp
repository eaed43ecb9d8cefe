// `holisafe data view`: the RGB picture as a model gets it.
#include <memory>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/image_flags.h"
#include "cli/program.h"
#include "image/image.h"

namespace holisafe::cli {
namespace {

struct ViewFlags {
  std::string file;
  std::string out;
  image::DecodeOptions decode;
};

Result<void> view(const ViewFlags& flags) {
  HOLISAFE_TRY(const image::Image picture, image::load(flags.file, flags.decode));
  HOLISAFE_TRY(const std::string png, image::encode_png(picture));
  return write_named_file(flags.out, png);
}

}  // namespace

void add_data_view(CLI::App& data) {
  auto flags = std::make_shared<ViewFlags>();
  CLI::App* command =
      declare(data, "view", "Write the RGB picture as a model gets it: upright, opaque, 8 bits",
              {"holisafe data view photo.jpg --out seen.png"});
  command->add_option("FILE", flags->file, "JPEG, PNG, WebP or GIF")->required();
  command->add_option("--out", flags->out, "PNG to write")->required();
  add_image_flags(command, flags->decode);
  on_run(command, [flags] {
    const auto done = view(*flags);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
