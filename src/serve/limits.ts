/** What a request may ask for, as the server checks it and its page asks. */

/** Tokens that a completion may have. Past the block each token reads the whole window again. */
export const MAX_TOKENS = 4096;
