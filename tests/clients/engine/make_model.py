"""Writes a tiny model that llama.cpp can run: random weights, so it babbles, but it does so in words and repeatably.

    python make_model.py FILE [--brief | --eager | --thinking]

The tests need an engine that is real in everything but its wisdom: tokens, samplers, log probabilities, grammars, chat
template, limits. The architecture is llama's, the tokenizer SentencePiece's with bytes to fall back on, the template
ChatML with tools in the way of Hermes and Qwen. The same seed gives the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import numpy

NAME = "babble"
SEED = 20260101
# The longest conversation, in tokens: some seconds of babble, which a test can break off in the middle.
CONTEXT = 16384
WIDTH, HEADS, LAYERS, INNER = 64, 4, 2, 128

SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
END_OF_TURN = SPECIAL.index("<|im_end|>")
# One token too, as in the models that know it, so that a request's `logit_bias` can ask for a call.
TOOL_CALL_TEXT = "<tool_call>"
TOOL_CALL = len(SPECIAL)
THOUGHT_END_TEXT = "</think>"
THOUGHT_END = TOOL_CALL + 1

# One dimension of the stream that no layer writes to says "any token": through it the output gets a bias per token.
BIASED = 0
UNWANTED = -30.0
# By kind of model, what it says on its own accord besides words, and how gladly. A plain one goes on until it is stopped;
# a brief one ends some time; an eager one ends its turn as soon as it may, and calls a tool before where it must; a
# thinking one begins each answer with thoughts, and ends these and the answer some time.
KINDS: dict[str, dict[int, float]] = {
    "plain": {},
    "brief": {END_OF_TURN: 0.0},
    "eager": {END_OF_TURN: 40.0, TOOL_CALL: 20.0},
    "thinking": {END_OF_TURN: 0.0, THOUGHT_END: 0.0},
}

WORDS = (
    "the a of and to in is it you that he was for on are with as his they be at one have this from or had by hot but "
    "some what there we can out other were all your when up use word how said an each she which do their time if will "
    "way about many then them would write like so these her long make thing see him two has look more day could go "
    "come did my sound no most number who over know water than call first people may down side been now find naïve "
    "café straße Ελλάδα мир 日本 語 ok 🙂 🦀 <tag> & \"quoted\" back\\slash"
).split()
LETTERS = [chr(code) for code in range(0x21, 0x7F)] + ["\n", "▁"]

CHAT_TEMPLATE = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- 'Tools:\\n<tools>' }}
    {%- for tool in tools %}
        {{- '\\n' + (tool | tojson) }}
    {%- endfor %}
    {{- '\\n</tools>\\nCall one so:\\n<tool_call>{"name": <name>, "arguments": <object>}</tool_call><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if message.reasoning_content %}
            {{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}
        {%- endif %}
        {%- if message.content %}
            {{- message.content }}
        {%- endif %}
        {%- for call in message.tool_calls or [] %}
            {{- '\\n<tool_call>{"name": "' + call.function.name + '", "arguments": ' }}
            {{- call.function.arguments if call.function.arguments is string else (call.function.arguments | tojson) }}
            {{- '}</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
THINKING_BEGINS = "{%- if add_generation_prompt %}{{- '<think>\\n' }}{%- endif %}"


def vocabulary() -> tuple[list[str], list[float], list[int]]:
    """Tokens with their scores and kinds: the special ones, every byte, letters, and words with the blank before."""
    kinds = gguf.TokenType
    entries = [(text, 0.0, kinds.UNKNOWN if text == "<unk>" else kinds.CONTROL) for text in SPECIAL]
    entries += [(text, 0.0, kinds.USER_DEFINED) for text in (TOOL_CALL_TEXT, THOUGHT_END_TEXT)]
    entries += [(f"<0x{byte:02X}>", 0.0, kinds.BYTE) for byte in range(256)]
    # The merger needs each half of a word to be a token: its beginnings, hence all of them.
    pieces: dict[str, None] = dict.fromkeys(LETTERS)
    for word in WORDS:
        spelled = "▁" + word
        pieces |= dict.fromkeys(spelled)
        pieces |= dict.fromkeys(spelled[:end] for end in range(2, len(spelled) + 1))
    entries += [(text, -float(rank), kinds.NORMAL) for rank, text in enumerate(pieces)]
    texts, scores, token_kinds = (list(column) for column in zip(*entries, strict=True))
    return texts, scores, token_kinds


def weights(texts: list[str], kind: str) -> dict[str, numpy.ndarray]:
    """Every tensor by its name in the file, rows outward."""
    random = numpy.random.default_rng(SEED)

    def matrix(rows: int, columns: int, spread: float = 1.0) -> numpy.ndarray:
        return (random.standard_normal((rows, columns)) * spread / columns**0.5).astype(numpy.float32)

    def quiet(*shape: int) -> numpy.ndarray:
        """A matrix whose result leaves the biased dimension alone."""
        result = matrix(*shape, spread=4.0)
        result[BIASED] = 0.0
        return result

    ones = numpy.ones(WIDTH, dtype=numpy.float32)
    embedding = random.standard_normal((len(texts), WIDTH)).astype(numpy.float32)
    embedding[:, BIASED] = 2.0
    output = matrix(len(texts), WIDTH, spread=3.0)
    words = {"▁" + word for word in WORDS}
    for token, text in enumerate(texts):
        # A grammar or a bias of the request's can still ask for what it does not say on its own accord.
        output[token, BIASED] = KINDS[kind].get(token, 0.0 if text in words else UNWANTED)
    tensors = {"token_embd.weight": embedding, "output_norm.weight": ones, "output.weight": output}
    for layer in range(LAYERS):
        tensors |= {
            f"blk.{layer}.{name}.weight": tensor
            for name, tensor in {
                "attn_norm": ones,
                "attn_q": matrix(WIDTH, WIDTH, 3.0),
                "attn_k": matrix(WIDTH, WIDTH, 3.0),
                "attn_v": matrix(WIDTH, WIDTH),
                "attn_output": quiet(WIDTH, WIDTH),
                "ffn_norm": ones,
                "ffn_gate": matrix(INNER, WIDTH),
                "ffn_up": matrix(INNER, WIDTH),
                "ffn_down": quiet(WIDTH, INNER),
            }.items()
        }
    return tensors


def write(path: Path, kind: str = "plain") -> None:
    texts, scores, kinds = vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(NAME)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(texts))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(texts)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_unk_token_id(SPECIAL.index("<unk>"))
    writer.add_bos_token_id(SPECIAL.index("<s>"))
    writer.add_eos_token_id(END_OF_TURN)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE + (THINKING_BEGINS if kind == "thinking" else ""))
    for name, tensor in weights(texts, kind).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]), *(kind.removeprefix("--") for kind in sys.argv[2:]))
