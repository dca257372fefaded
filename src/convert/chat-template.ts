/**
 * The prompt OpenELM-Instruct was trained with (zephyr-like; the published checkpoints carry no template): every
 * conversation begins with a system message, empty if there is none. BOS is the tokenizer's business, as in other
 * models' templates. One line, so that no renderer's treatment of line ends matters.
 */
export const instructTemplate =
  "{% if not messages or messages[0]['role'] != 'system' %}{{ '<|system|>\\n' + eos_token + '\\n' }}{% endif %}" +
  "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
