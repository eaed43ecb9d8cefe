#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "engine/conversation_file.h"
#include "fuzz/input_folder.h"
#include "models/registry/registry.h"

namespace {

namespace models = holisafe::models;

/// A tiny random model of a family, and what it makes of a picture.
struct Sitter {
  std::unique_ptr<models::Model> model;
  models::ProcessedImage image;
};

std::vector<Sitter> sitters(const std::filesystem::path& folder) {
  std::vector<Sitter> out;
  for (const models::Family& family : models::families()) {
    if (!family.synth({"tiny", 1, folder / family.name, false, {}})) std::abort();
    auto model = models::load_model(folder / family.name, {});
    if (!model) std::abort();
    auto image = (*model)->process_image({48, 32, std::vector<std::uint8_t>(48 * 32 * 3)});
    if (!image) std::abort();
    out.push_back({*std::move(model), *std::move(image)});
  }
  return out;
}

}  // namespace

// The input is a conversation: a JSON list of messages, which every family puts into its chat template.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holisafe::InputFolder folder("conversation_fuzz");
  static const std::vector<Sitter> families = sitters(folder.path());
  const auto path = folder.write("conversation.json", {reinterpret_cast<const char*>(data), size});
  const auto conversation = holisafe::engine::read_conversation(path);
  if (!conversation || conversation->images().size() > 8) return 0;
  for (const Sitter& family : families) {
    const std::vector<models::ProcessedImage> images(conversation->images().size(), family.image);
    const auto prompt = family.model->render(*conversation, images);
    if (!prompt) continue;
    std::int64_t in_spans = 0;
    for (const models::ImageSpan& span : prompt->spans) in_spans += span.end - span.begin;
    if (in_spans != static_cast<std::int64_t>(images.size()) * family.image.tokens()) std::abort();
    if (prompt->supervised.size() != prompt->input_ids.size()) std::abort();
  }
  return 0;
}
