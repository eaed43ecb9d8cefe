// For the tests: tokenizes lines of JSON {"pieces": [[text, allow_special], …]} from stdin with the tokenizer
// in argv[1]; prints
// {"ids": […], "offsets": [[begin, end], …], "text": decoded, "streamed": decoded piece by piece} for each.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto tokenizer = holisafe::tokenizer::Tokenizer::open(argv[1]);
  if (!tokenizer) {
    std::cerr << tokenizer.error().message() << "\n";
    return 2;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const auto json = nlohmann::json::parse(line);
    std::vector<std::string> texts;
    for (const auto& piece : json["pieces"]) texts.push_back(piece[0].get<std::string>());
    std::vector<holisafe::tokenizer::Piece> pieces;
    for (std::size_t i = 0; i < texts.size(); ++i)
      pieces.push_back({texts[i], json["pieces"][i][1].get<bool>()});
    const auto encoding = tokenizer->encode(pieces);
    if (!encoding) {
      std::cerr << encoding.error().message() << "\n";
      return 2;
    }
    nlohmann::json offsets = nlohmann::json::array();
    for (const auto& range : encoding->offsets) offsets.push_back({range.begin, range.end});
    holisafe::tokenizer::StreamDecoder stream(*tokenizer, false);
    std::string streamed;
    for (const auto id : encoding->ids) streamed += stream.push(id);
    streamed += stream.finish();
    std::cout << nlohmann::json{{"ids", encoding->ids},
                                {"offsets", offsets},
                                {"text", tokenizer->decode(encoding->ids, false)},
                                {"streamed", streamed}}
                     .dump()
              << std::endl;
  }
}
