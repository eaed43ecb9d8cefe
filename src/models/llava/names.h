// The one table of tensor names of LLaVA's files.
#pragma once

#include "checkpoint/match.h"

namespace holisafe::models::llava {

/// Prefixes met in files, from transformers 4 and 5 and from the original repository, and the buffers that
/// old versions saved. Canonical are the names of transformers 5 without the leading `model.`.
const checkpoint::NameRules& name_rules();

/// A tensor's name in the files of the original repository.
std::string original_name(const std::string& canonical);

/// Its name in the files of transformers 4, which the released llava-hf checkpoints have.
std::string hf_name(const std::string& canonical);

}  // namespace holisafe::models::llava
