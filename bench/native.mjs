// Compiles C for the benchmarks, into the user's cache as a training does.
import { nativeCompiler } from "../dist/node/native.js";

async function findCompile() {
  const compile = nativeCompiler({ warn: (message) => console.error(`  ${message}`) });
  try {
    (await compile("int answer(void) { return 42; }")).close();
    return compile;
  } catch (error) {
    console.log(`  no native code: ${error.message}`);
    return null;
  }
}

/** Compiles and loads C; null where there is no compiler. */
export const COMPILE = await findCompile();
