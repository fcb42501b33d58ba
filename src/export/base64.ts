/** Bytes as base64 (RFC 4648) and back, with what both Node and every browser have. */

/** Bytes per call of `fromCharCode`; a multiple of 3, so that chunks join without padding. */
const CHUNK = 0x6000;

/** Bytes → base64. */
export function toBase64(bytes: Uint8Array): string {
  const chunks: string[] = [];
  for (let i = 0; i < bytes.length; i += CHUNK) {
    chunks.push(btoa(String.fromCharCode(...bytes.subarray(i, i + CHUNK))));
  }
  return chunks.join("");
}

/** Base64 → bytes. Throws DOMException if it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
