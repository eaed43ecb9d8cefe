// tokenizer.model, through the SentencePiece library, with the tokens that Hugging Face's slow tokenizers add
// around it.
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include "base/file.h"
#include "base/lfs_pointer.h"
#include "checkpoint/checkpoint.h"
#include "tokenizer/character_map.h"
#include "tokenizer/vocabulary.h"

namespace holisafe::tokenizer {
namespace {

constexpr std::string_view blank_mark = "\xe2\x96\x81";  // U+2581

using Processor = sentencepiece::SentencePieceProcessor;

std::optional<Decoded> decode_piece(const Processor& processor, std::int64_t id) {
  if (id < 0 || id >= processor.GetPieceSize()) return std::nullopt;
  const int piece = static_cast<int>(id);
  if (processor.IsControl(piece)) return Decoded{};
  std::string text = processor.IdToPiece(piece);
  if (processor.IsByte(piece))
    return Decoded{std::string(1, static_cast<char>(std::stoi(text.substr(3, 2), nullptr, 16))), true};
  for (std::size_t hit = text.find(blank_mark); hit != std::string::npos;
       hit = text.find(blank_mark, hit + 1))
    text.replace(hit, blank_mark.size(), " ");
  return Decoded{std::move(text), false};
}

void encode_text(const Processor& processor, const AlignedText& text, Encoding& out) {
  const auto encoded = processor.EncodeAsImmutableProto(text.text);
  for (std::size_t i = 0; i < encoded.pieces_size(); ++i) {
    const auto piece = encoded.pieces(static_cast<int>(i));
    const auto origin = [&](std::uint32_t at, bool end) -> std::size_t {
      if (text.origin.empty()) return 0;
      if (end) return at == 0 ? text.origin.front().begin : text.origin[at - 1].end;
      return at < text.origin.size() ? text.origin[at].begin : text.origin.back().end;
    };
    out.ids.push_back(static_cast<std::int64_t>(piece.id()));
    out.offsets.push_back({origin(piece.begin(), false), origin(piece.end(), true)});
  }
}

/// Reads a serialized model. Besides a status, the library throws where a piece can't be in its trie.
Result<void> load(Processor& processor, const std::string& bytes, const std::filesystem::path& path) {
  std::string found;
  try {
    const auto status = processor.LoadFromSerializedProto(bytes);
    if (status.ok()) return {};
    found = status.ToString();
  } catch (const std::exception& error) {
    found = error.what();
  }
  return fail(ErrorKind::malformed, "bad tokenizer.model", path.string(), found);
}

/// Encoding looks for the longest piece at each character: its time is theirs times the text's.
Result<void> check_pieces(const Processor& processor, const std::filesystem::path& path) {
  constexpr std::size_t most_piece_bytes = 1024;
  for (int id = 0; id < processor.GetPieceSize(); ++id) {
    const std::size_t bytes = processor.IdToPiece(id).size();
    if (bytes <= most_piece_bytes) continue;
    return fail(ErrorKind::too_large, "bad tokenizer.model", fmt::format("{}: piece {}", path.string(), id),
                fmt::format("expected at most {} bytes, found {}", most_piece_bytes, bytes));
  }
  return {};
}

/// {"<image>": 32000, …}
Result<void> read_added_tokens(const std::filesystem::path& folder, Vocabulary& vocabulary) {
  HOLISAFE_TRY(const auto json, checkpoint::read_json_if_there(folder / "added_tokens.json"));
  if (!json) return {};
  for (const auto& [content, id] : json->items()) {
    if (!id.is_number_unsigned() || content.empty()) {
      return fail(ErrorKind::wrong_type, "bad tokenizer",
                  (folder / "added_tokens.json").string() + ": " + content, "expected an id from 0");
    }
    HOLISAFE_CHECK(vocabulary.add({id.get<std::int64_t>(), content, true}));
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<Vocabulary>> Vocabulary::from_sentencepiece(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer.model";
  HOLISAFE_TRY(const std::string bytes, read_file(path, std::uint64_t{1} << 28));
  if (is_lfs_pointer(bytes))
    return fail(ErrorKind::malformed, "bad tokenizer.model", path.string(), lfs_pointer_words);
  HOLISAFE_TRY(CharacterMap map, CharacterMap::of_model(bytes, path.string()));
  const auto processor = std::make_shared<Processor>();
  HOLISAFE_CHECK(load(*processor, bytes, path));
  HOLISAFE_CHECK(check_pieces(*processor, path));
  auto out = std::make_shared<Vocabulary>();
  out->size = processor->GetPieceSize();
  out->normalize = [](AlignedText text, std::size_t) -> Result<AlignedText> { return text; };
  out->model_bytes = [map = std::move(map)](std::string_view text, std::size_t most) {
    return map.normalized_size(text, most);
  };
  out->encode_model = [processor](const AlignedText& text, bool, Encoding& encoding) -> Result<void> {
    encode_text(*processor, text, encoding);
    return {};
  };
  out->model_id = [processor](std::string_view token) -> std::optional<std::int64_t> {
    const int id = processor->PieceToId(token);
    return id == processor->unk_id() && processor->IdToPiece(id) != token ? std::nullopt
                                                                          : std::optional<std::int64_t>(id);
  };
  out->decode_model = [processor](std::int64_t id) { return decode_piece(*processor, id); };
  out->decode_added = [](std::string content) { return Decoded{std::move(content), false}; };
  // The dummy prefix that encoding adds is taken away again.
  Encoding probe;
  encode_text(*processor, AlignedText{"a", {{0, 1}}}, probe);
  out->strips_first_space =
      !probe.ids.empty() && processor->IdToPiece(static_cast<int>(probe.ids[0])).starts_with(blank_mark);
  for (const int id : {processor->bos_id(), processor->eos_id(), processor->pad_id(), processor->unk_id()}) {
    if (id >= 0) HOLISAFE_CHECK(out->add({id, processor->IdToPiece(id), true}));
  }
  if (processor->bos_id() >= 0) out->bos = processor->bos_id();
  if (processor->eos_id() >= 0) out->eos = processor->eos_id();
  HOLISAFE_CHECK(read_added_tokens(folder, *out));
  HOLISAFE_CHECK(read_tokenizer_config(folder, *out));
  return out;
}

}  // namespace holisafe::tokenizer
