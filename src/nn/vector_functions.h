// MKL's vector functions, which compute cos, sin, exp, sqrt and their like over long tensors.
#pragma once

namespace holisafe::nn {

/// Lets MKL settle, on one thread, how exactly its vector functions compute. It does so without a lock on the
/// first call of any of them: where LibTorch makes that call from several threads at once (2,048 elements and
/// more), the second one now and then gets the fast variety, with four digits of cos instead of seven.
/// Whoever loads what will call them calls this before. Thread-safe; free after the first time.
void settle_vector_functions();

}  // namespace holisafe::nn
