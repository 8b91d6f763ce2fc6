/** Texts that the server takes. */

const LONGEST_NAME = 32;

/** Half a surrogate pair is not UTF-8, so it becomes U+FFFD. */
export function wellFormed(text) {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));
}

/** A name of a person or a room: no blanks around it, not too long. */
export function tidy(text) {
  return wellFormed(String(text).trim().replace(/\s+/g, " ").slice(0, LONGEST_NAME).trim());
}
