// The chat templates of checkpoints whose prompts are those of models/llava/template.h.
#pragma once

#include <array>

namespace holisafe::models::llava {

/// What this program writes beside its checkpoints: the released template as render_conversation() puts it, a
/// turn's pictures first, then its texts. An answer ends with the end token, as in training.
inline constexpr const char* written_template =
    "{%- for message in messages -%}\n"
    "{%- set parts = [{'type': 'text', 'text': message['content']}] if message['content'] is string else "
    "message['content'] -%}\n"
    "{%- if message['role'] != 'system' -%}{{- message['role'].upper() + ': ' -}}{%- endif -%}\n"
    "{%- for part in parts if part['type'] == 'image' -%}{{- '<image>\\n' -}}{%- endfor -%}\n"
    "{%- for part in parts if part['type'] == 'text' -%}\n"
    "{{- part['text'] -}}\n"
    "{%- if message['role'] != 'assistant' or not loop.last -%}{{- ' ' -}}{%- endif -%}\n"
    "{%- endfor -%}\n"
    "{%- if message['role'] == 'assistant' -%}{{- '</s>' -}}{%- endif -%}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}\n";

inline constexpr std::array<const char*, 4> known_templates{
    written_template,
    // llava-hf/llava-1.5-7b-hf and -13b-hf
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + "
    "': '}}{% endif %}{# Render all images first #}{% for content in message['content'] | "
    "selectattr('type', 'equalto', 'image') %}{{ '<image>\n"
    "' }}{% endfor %}{# Render all text next #}{% if message['role'] != 'assistant' %}{% for content "
    "in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% "
    "endfor %}{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') "
    "%}{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}{% endfor "
    "%}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
    // the same before answers were marked in it
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + "
    "': '}}{% endif %}{# Render all images first #}{% for content in message['content'] | "
    "selectattr('type', 'equalto', 'image') %}{{ '<image>\n"
    "' }}{% endfor %}{# Render all text next #}{% for content in message['content'] | "
    "selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% endfor %}{% endfor %}{% if "
    "add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
    // what earlier versions of this program wrote, and models/pictogram-base/ has
    "{%- for message in messages -%}\n"
    "{%- set parts = [{'type': 'text', 'text': message['content']}] if message['content'] is string "
    "else message['content'] -%}\n"
    "{%- if message['role'] == 'user' -%}{{- 'USER: ' -}}{%- elif message['role'] == 'assistant' "
    "-%}{{- ' ASSISTANT: ' -}}{%- endif -%}\n"
    "{%- for part in parts if part['type'] == 'image' -%}{{- '<image>\\n' -}}{%- endfor -%}\n"
    "{%- for part in parts if part['type'] == 'text' -%}{{- part['text'] -}}{%- endfor -%}\n"
    "{%- if message['role'] == 'system' -%}{{- ' ' -}}{%- elif message['role'] == 'assistant' -%}{{- "
    "'</s>' -}}{%- endif -%}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- ' ASSISTANT:' -}}{%- endif -%}\n"};

/// What --template calls them.
inline constexpr const char* template_name = "vicuna";

}  // namespace holisafe::models::llava
