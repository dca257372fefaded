/** The part of the addon about tokens and their text. */

/** Strings as GGUF stores them, one after the other: a u64 length and that many bytes of UTF-8. */
export interface EncodedStrings {
  readonly length: number
  readonly encoded: Uint8Array
  /** One of them as a string. */
  at(index: number): string | undefined
}

/** Vocabulary of a SentencePiece BPE tokenizer: parallel arrays indexed by token id. */
export interface NativeVocab {
  readonly pieces: readonly string[] | EncodedStrings
  readonly scores: Float32Array
  /** SentencePiece types: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly types: Uint8Array
  readonly bos: number
  readonly eos: number
  readonly unk: number
  /** Prefix a space to text (SentencePiece's add_dummy_prefix). */
  readonly addSpacePrefix: boolean
}

export interface NativeTokenizer {
  readonly size: number
  /**
   * Ids of UTF-8 text. `special`: pieces of type control are recognised in the text; user-defined ones always are.
   * `prefix`: whether a dummy space may be put before the text (only when the vocab asks for it); text after a
   * control token inside begins anew and gets one either way. Invalid Unicode counts as U+FFFD.
   * Adds no BOS.
   */
  encode(text: string, special: boolean, prefix: boolean): Int32Array
  /**
   * Text of ids. `special`: control tokens appear as their piece, else as nothing. `stripSpace`: the dummy space at
   * the start is removed. Invalid UTF-8 becomes U+FFFD.
   */
  decode(ids: Int32Array, special: boolean, stripSpace: boolean): string
  /** Bytes one token stands for: empty for control tokens, one byte for byte pieces. */
  pieceBytes(id: number): Uint8Array
}

/**
 * Text of ids as they come: whole characters only, and nothing from the first stop string on. Text that may begin a
 * stop string is held back. What `generate` shows, for ids from elsewhere.
 */
export interface NativeTextStream {
  push(id: number): string
  /** What was held back, once nothing more comes. */
  flush(): string
  /** The stop string that ended the text. */
  readonly stopString: string | null
}
