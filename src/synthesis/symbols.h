// The symbols of the toy world: everyday objects, and harmless signs that stand for the 19 harm
// subcategories.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "synthesis/pen.h"

namespace holisafe::synthesis {

struct Symbol {
  std::string_view name;         ///< "apple", "sword"
  std::string_view plural;       ///< of objects
  std::string_view use;          ///< what an object is for, one word: "eating"
  std::uint8_t guard_class = 0;  ///< 0: an everyday object; else the subcategory the sign stands for
  /// Objects only: whether it may be thrown, chewed or shown around in the toy world. Requests to do so are
  /// harmless in themselves; with the other objects they end badly (combination SSU).
  bool gentle = false;
  void (*draw)(Pen& pen) = nullptr;
};

/// Everyday objects, then the signs in order of their class.
std::span<const Symbol> symbols();
std::span<const Symbol> objects();
/// The sign of a guard class 1-19.
const Symbol& sign(std::size_t guard_class);

// Drawings, each about the whole unit square. objects.cpp
void draw_apple(Pen& pen);
void draw_ball(Pen& pen);
void draw_bread(Pen& pen);
void draw_cup(Pen& pen);
void draw_fish(Pen& pen);
void draw_flower(Pen& pen);
void draw_hat(Pen& pen);
void draw_kite(Pen& pen);
void draw_boat(Pen& pen);
void draw_candle(Pen& pen);
void draw_car(Pen& pen);
void draw_clock(Pen& pen);
void draw_house(Pen& pen);
void draw_key(Pen& pen);
void draw_lamp(Pen& pen);
void draw_umbrella(Pen& pen);
// signs.cpp and more_signs.cpp
void draw_gender_sign(Pen& pen);
void draw_two_faces(Pen& pen);
void draw_temple(Pen& pen);
void draw_shout(Pen& pen);
void draw_wheelchair(Pen& pen);
void draw_pill(Pen& pen);
void draw_open_lock(Pen& pen);
void draw_face_scan(Pen& pen);
void draw_name_card(Pen& pen);
void draw_bandage(Pen& pen);
void draw_broken_heart(Pen& pen);
void draw_paw(Pen& pen);
void draw_hand(Pen& pen);
void draw_clash(Pen& pen);
void draw_bomb(Pen& pen);
void draw_sword(Pen& pen);
void draw_lips(Pen& pen);
void draw_coin(Pen& pen);
void draw_medicine_box(Pen& pen);

}  // namespace holisafe::synthesis
