// Whether a reply holds an answer at all: the one place where that is decided, for runs and judges, live, in
// batches and from local models.
#pragma once

#include "chat/chat.h"

namespace holisafe::runs {

/// Makes an answered reply an empty one where its text holds no answer: nothing but white space, or reasoning
/// alone (judge::answer_in()). Its reason says what came instead.
void name_empty(chat::Reply& reply);

}  // namespace holisafe::runs
