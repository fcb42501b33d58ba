// The work of a training in seconds of one core of the study's machine, as a formula: with it a budget is the same number of steps on
// every machine, also on a busy one. It was fitted to 32 shapes (16 to 256 wide, 1 to 6
// layers, vocabularies of 28 to 4,257), from which it differs by 14 % at most.

/** Microseconds per token, forward, backward and Adam, as native code of 512 bits on one core of an AMD EPYC (Zen 4). */
export function tokenMicroseconds({ vocabSize, nEmbd, nLayer, blockSize }) {
  const layers = 12 * nLayer * nEmbd ** 2;
  const head = vocabSize * nEmbd;
  const rows = nLayer * nEmbd;
  return 6.8e-5 * layers + 7.5e-5 * head + 0.0104 * rows + 9.3e-5 * rows * blockSize + 7.6e-4 * vocabSize;
}
