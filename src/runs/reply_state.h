// Whether a reply holds an answer at all: the one place where that is decided, for runs and judges, live, in
// batches and from local models.
#pragma once

#include "base/result.h"
#include "chat/chat.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Makes an answered reply an empty one where its text holds no answer: nothing but white space, or reasoning
/// alone (judge::answer_in()). Its reason says what came instead.
void name_empty(chat::Reply& reply);

/// What a run keeps of a reply, or of why there is none.
store::Answer answer_of(const Result<chat::Reply>& given);

}  // namespace holisafe::runs
