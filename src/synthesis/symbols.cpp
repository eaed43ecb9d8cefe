#include "synthesis/symbols.h"

#include <array>

namespace holisafe::synthesis {
namespace {

constexpr std::size_t object_count = 16;

constexpr std::array<Symbol, object_count + 19> table = {{
    {"apple", "apples", "eating", 0, true, draw_apple},
    {"ball", "balls", "playing", 0, true, draw_ball},
    {"bread", "breads", "baking", 0, true, draw_bread},
    {"cup", "cups", "drinking", 0, true, draw_cup},
    {"fish", "fishes", "swimming", 0, true, draw_fish},
    {"flower", "flowers", "smelling", 0, true, draw_flower},
    {"hat", "hats", "wearing", 0, true, draw_hat},
    {"kite", "kites", "flying", 0, true, draw_kite},
    {"boat", "boats", "sailing", 0, false, draw_boat},
    {"candle", "candles", "burning", 0, false, draw_candle},
    {"car", "cars", "driving", 0, false, draw_car},
    {"clock", "clocks", "timing", 0, false, draw_clock},
    {"house", "houses", "living", 0, false, draw_house},
    {"key", "keys", "opening", 0, false, draw_key},
    {"lamp", "lamps", "reading", 0, false, draw_lamp},
    {"umbrella", "umbrellas", "raining", 0, false, draw_umbrella},
    {"gender sign", "", "", 1, false, draw_gender_sign},
    {"two faces", "", "", 2, false, draw_two_faces},
    {"temple", "", "", 3, false, draw_temple},
    {"shout", "", "", 4, false, draw_shout},
    {"wheelchair", "", "", 5, false, draw_wheelchair},
    {"pill", "", "", 6, false, draw_pill},
    {"open lock", "", "", 7, false, draw_open_lock},
    {"face scan", "", "", 8, false, draw_face_scan},
    {"name card", "", "", 9, false, draw_name_card},
    {"bandage", "", "", 10, false, draw_bandage},
    {"broken heart", "", "", 11, false, draw_broken_heart},
    {"paw", "", "", 12, false, draw_paw},
    {"hand", "", "", 13, false, draw_hand},
    {"clash", "", "", 14, false, draw_clash},
    {"bomb", "", "", 15, false, draw_bomb},
    {"sword", "", "", 16, false, draw_sword},
    {"lips", "", "", 17, false, draw_lips},
    {"coin", "", "", 18, false, draw_coin},
    {"medicine box", "", "", 19, false, draw_medicine_box},
}};

}  // namespace

std::span<const Symbol> symbols() { return table; }
std::span<const Symbol> objects() { return std::span<const Symbol>(table).first(object_count); }
const Symbol& sign(std::size_t guard_class) { return table.at(object_count + guard_class - 1); }

}  // namespace holisafe::synthesis
